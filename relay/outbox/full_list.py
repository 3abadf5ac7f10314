"""Reads a booking system's full list of bookings from its own tables, with a query that the configuration has.

As careful as the reader of an outbox: every value comes as text, cast by the database and cut; rows come as they are
read, so a million need no more memory than a thousand; the statement and the reading as a whole have an end; and where
the database can be asked to, it refuses to write. One connection, which is closed when the reading ends.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from math import ceil
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, column, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import Date, Numeric, Text, TypeEngine

from relay.change import UPSERT, OutboxRow, booking_id_of
from relay.database import connect, describe, reading
from relay.listing import Line, ListingError, header_mistakes
from relay.outbox.reader import OutboxReader
from relay.outbox.refusals import Kind, kind_of
from relay.outbox.texts import as_read, as_text
from relay.outbox.trouble import explain, in_general
from relay.sessions import Bounds

_PAGE: Final = 1_000  # rows that the driver holds at a time
_STEPS: Final = 100_000  # of SQLite's machine, between two looks at the clock
_WORDS: Final = {
    Kind.NO_TABLE: "a table or view that it names is not there",
    Kind.NO_COLUMN: "a column that it names is not there",
    Kind.DENIED: "the relay's login may not read what it names: GRANT it SELECT on the view",
    Kind.SLOW: "the database gave it up, it took too long: see full_list_timeout",
}


def read_list(url: str, query: str, timeout: timedelta) -> Generator[Line, None, None]:
    """The rows of the list, numbered as they come. Raises ListingError, whose text quotes no value."""
    seconds = max(ceil(timeout.total_seconds()), 1)
    ends = time.monotonic() + seconds
    try:
        engine = connect(url, 1, Bounds(statement=seconds, idle_in_transaction=seconds))
    except Exception as error:  # the driver is not installed, or what the URL says is not its own
        no_driver = isinstance(error, ModuleNotFoundError)
        raise ListingError(explain(error, "") if no_driver else in_general(error)) from None
    try:
        with _session(engine, ends) as connection:
            names = _names(connection, query)
            asked = _asked(connection, query)
            found = connection.execute(asked, execution_options={"yield_per": _PAGE})
            try:
                for number, row in enumerate(found, start=1):
                    if number % _PAGE == 0 and time.monotonic() > ends:
                        raise ListingError(
                            f"it took longer than full_list_timeout, {seconds} s; {number} rows had come"
                        )
                    yield Line(number, _row(number, names, row))
            finally:
                with suppress(SQLAlchemyError):
                    found.close()  # on MySQL that reads to the end, which its own bound brings near
    except SQLAlchemyError as error:
        raise ListingError(f"the query failed: {_said(error, ends, seconds)}") from None
    except (ListingError, GeneratorExit):
        raise
    except Exception as error:  # whatever a driver raises over what it reads
        raise ListingError(f"the list could not be read: {describe(error)}") from None
    finally:
        engine.dispose()


def see_columns(engine: Engine, query: str) -> None:
    """See that the query runs and has the right columns, without reading a row. Raises ListingError,
    SQLAlchemyError."""
    with engine.connect() as connection:
        _names(connection, query)


def waiting(reader: OutboxReader, limit: int) -> set[str] | None:
    """The bookings of which rows wait in the source's outbox; None where more than `limit` rows do. Raises as the
    outbox's driver does."""
    table, dialect = reader.table, reader.engine.dialect.name
    said = as_text(table.c.booking_id, "booking_id", dialect, table.c.booking_id.type)
    asked = select(said).where(table.c.outcome.is_(None), *reader.share).limit(limit + 1)
    with reading(reader.engine) as connection:
        found = [str(text) for text in connection.execute(asked).scalars()]
    named = (booking_id_of(OutboxRow(0, booking_id=text)) for text in found)
    return {booking_id for booking_id in named if booking_id} if len(found) <= limit else None


@contextmanager
def _session(engine: Engine, ends: float) -> Iterator[Connection]:
    """A connection on which nothing can be written, as far as the database has such a thing."""
    dialect = engine.dialect.name
    options: dict[str, Any] = {"postgresql_readonly": True} if dialect == "postgresql" else {}
    if dialect == "sqlite":
        options = {"isolation_level": "AUTOCOMMIT"}  # a BEGIN of ours would keep its writers waiting
    with engine.connect() as plain:
        connection = plain.execution_options(**options)
        if dialect == "sqlite":
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
            connection.exec_driver_sql("PRAGMA query_only = 1")
        elif dialect in ("mysql", "mariadb"):
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            connection.commit()
        elif dialect == "oracle":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        try:
            yield connection
        finally:
            with suppress(SQLAlchemyError):
                connection.invalidate()  # it is no session for anybody else


def _names(connection: Connection, query: str) -> list[str]:
    names = [name.lower() for name, _ in _described(connection, query)]
    if "booking_id" not in names:
        raise ListingError(f"its columns: expected a column booking_id, it has {', '.join(names) or 'none'}")
    if mistakes := list(dict.fromkeys(header_mistakes(names))):
        raise ListingError("its columns: " + "; ".join(mistakes))
    return names


def _described(connection: Connection, query: str) -> list[tuple[str, Any]]:
    """The columns as the database calls them, each with the driver's word for its type."""
    nothing = connection.execute(text(f"SELECT * FROM {_as_a_table(query)} WHERE 1 = 0"))  # noqa: S608 - the operator's
    described: Sequence[Any] = nothing.cursor.description if nothing.cursor is not None else ()
    columns = [(str(each[0]), each[1]) for each in described]
    nothing.close()
    return columns


def _asked(connection: Connection, query: str) -> Select[Any]:
    dialect = connection.dialect.name
    texts: list[Any] = []
    for name, code in _described(connection, query):
        kind = _kind(dialect, code)
        texts.append(as_text(column(quoted_name(name, True), kind), name.lower(), dialect, kind).label(name.lower()))
    return select(*texts).select_from(text(_as_a_table(query)))


def _kind(dialect: str, code: Any) -> TypeEngine[Any]:
    """The type of a column, by the driver's word for it; a dialect is loaded where it is spoken."""
    if dialect in ("mysql", "mariadb"):
        from sqlalchemy.dialects import mysql

        return {7: mysql.TIMESTAMP(), 16: mysql.BIT()}.get(code, Text())  # by the protocol's numbers
    if dialect == "oracle":
        from sqlalchemy.dialects import oracle

        kinds: dict[str, TypeEngine[Any]] = {
            "DB_TYPE_DATE": Date(),
            "DB_TYPE_TIMESTAMP": oracle.TIMESTAMP(),
            "DB_TYPE_TIMESTAMP_TZ": oracle.TIMESTAMP(timezone=True),
            "DB_TYPE_TIMESTAMP_LTZ": oracle.TIMESTAMP(local_timezone=True),
            "DB_TYPE_NUMBER": Numeric(),
        }
        return kinds.get(str(getattr(code, "name", "")), Text())
    return Text()


def _as_a_table(query: str) -> str:
    """Lines of its own, for it may end in a comment; and what stands behind a colon is no parameter of ours."""
    return "(\n" + query.replace(":", "\\:") + "\n) ei_list"


def _row(number: int, names: Sequence[str], row: Sequence[Any]) -> OutboxRow:
    said = {name: as_read(name, value) for name, value in zip(names, row, strict=True)}
    return OutboxRow(number, operation=UPSERT, **said)


def _said(error: SQLAlchemyError, ends: float, seconds: int) -> str:
    if time.monotonic() >= ends:
        return f"it took longer than full_list_timeout, {seconds} s ({describe(error)})"
    return in_words(error)


def in_words(error: SQLAlchemyError) -> str:
    """What is wrong with the query, without any value."""
    kind = kind_of(error)
    return f"{_WORDS[kind]} ({describe(error)})" if kind in _WORDS else in_general(error)
