"""The shape of the outbox table, the contract with every booking system.

The table refuses nothing but a missing operation or booking_id: a relay must never be able to make a booking
fail. So there is no check, no foreign key, no unique index but the primary key, and every text column is
wider than what intake accepts.

A dialect is imported where its own types are asked for: each is a megabyte or two of every process.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    Text,
    TextClause,
    Unicode,
    bindparam,
    cast,
    func,
    literal_column,
    text,
)
from sqlalchemy.types import TypeEngine

Q = TypeVar("Q", bound=Select[Any])

DEFAULT_NAME: Final = "ei_outbox"
MYSQL: Final = ("mysql", "mariadb")  # whose TEXT has a default only as an expression
PREFIX: Final = 64  # characters of an event_id, which has no more where it is right
OUTCOME_COLUMNS: Final = ("relayed_at", "outcome", "outcome_reason")  # the relay's; all others are the writer's


def outbox_table(name: str = DEFAULT_NAME, dialect: str = "postgresql") -> Table:
    """The table under `name`, which may be schema-qualified; `dialect` decides what its defaults look like."""
    schema, _, plain = name.rpartition(".")
    table = Table(
        plain,
        MetaData(),
        Column("id", _bigint(), Identity(always=False), primary_key=True),
        Column("event_id", _words(dialect)),
        Column("operation", _words(dialect), nullable=False),
        Column("booking_id", _words(dialect), nullable=False),
        Column("version", BigInteger),
        Column("source_system", _words(dialect)),
        Column("resident_id", _words(dialect)),
        Column("care_unit", _words(dialect)),
        Column("kind", _words(dialect), server_default=text("('booking')" if dialect in MYSQL else "'booking'")),
        Column("starts_at", _wall_time(dialect)),
        Column("invited_on", _date(dialect)),
        Column("valid_until", _wall_time(dialect)),
        Column("presentable", Numeric(1) if dialect == "oracle" else Boolean(), server_default=_true(dialect)),
        Column("data_controller", _words(dialect)),
        Column("created_at", _instant(dialect), server_default=_now(dialect)),
        Column("relayed_at", _instant(dialect)),
        Column("outcome", _outcome(dialect)),
        Column("outcome_reason", Unicode(500) if dialect == "mssql" else String(500)),
        schema=schema or None,
        **_options(dialect),
    )
    _index_event_ids(table, dialect)
    if dialect in ("postgresql", "sqlite"):
        unread = table.c.outcome.is_(None)
        where: dict[str, Any] = {f"{dialect}_where": unread}
        Index(f"{plain}_unread", table.c.id, **where)
    else:
        Index(f"{plain}_unread", table.c.outcome, table.c.id)
    return table


def _options(dialect: str) -> dict[str, Any]:
    """What a database is told beside the columns. Options of others would load their dialects too."""
    match dialect:
        case "postgresql":  # each row is written twice, and its outcome beside it costs less
            return {"postgresql_with": {"fillfactor": 50}}
        case "sqlite":  # ids are never given twice, also after old rows are deleted
            return {"sqlite_autoincrement": True}
        case "mysql" | "mariadb":  # a booking that is rolled back takes its row with it; and the server's own character
            # set may lack å, and then the booking fails
            return {f"{dialect}_engine": "InnoDB", f"{dialect}_default_charset": "utf8mb4"}
        case _:
            return {}


def _index_event_ids(table: Table, dialect: str) -> None:
    """An index entry has a limit, and a value beyond it would make the booking fail. So PostgreSQL keeps a hash of the
    value, MySQL and Oracle its beginning; SQLite has no limit.

    SQL Server's index only carries it beside the id, so that a look-up reads that instead of the table. An index on a
    computed beginning would refuse writers whose session has QUOTED_IDENTIFIER or the like off (error 1934), as those
    of SQL Agent and sqlcmd have: a booking would fail by our doing.
    """
    name, column = f"{table.name}_event_id", table.c.event_id
    match dialect:
        case "mssql":
            Index(name, table.c.id, mssql_include=["event_id"])
        case "oracle":
            Index(name, beginning_of(column))
        case "mysql" | "mariadb":
            beginning: dict[str, Any] = {f"{dialect}_length": {"event_id": PREFIX}}
            Index(name, column, **beginning)
        case "postgresql":
            Index(name, column, postgresql_using="hash")
        case _:
            Index(name, column)


def beginning_of(column: ColumnElement[str]) -> ColumnElement[str]:
    """What Oracle's index has of an event_id: a question must say the same to use it."""
    return func.substr(column, literal_column("1"), literal_column(str(PREFIX)))


def past_locks(question: Q, table: Table) -> Q:
    """SQL Server's readers wait for whoever is still writing a row, unless told to leave that row for later; the second
    hint is for databases with READ_COMMITTED_SNAPSHOT on. Others need none."""
    return question.with_hint(table, "WITH (READPAST, READCOMMITTEDLOCK)", "mssql")


def instant_as_written(at: datetime, dialect: str) -> object:
    """The time as the driver takes it: ISO text on SQLite, and on MySQL, whose driver drops the zone, UTC."""
    match dialect:
        case "sqlite":
            return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case "mysql" | "mariadb":
            return at.astimezone(UTC).replace(tzinfo=None)
        case _:
            return at


def instant_given(dialect: str, name: str = "at") -> ColumnElement[Any]:
    """The parameter that takes it. SQL Server is told its type: it cannot make a DATETIME, which a vendor's own column
    may be, of the text that drivers hand over."""
    return _told(bindparam(name, type_=_instant(dialect)), dialect)


def instant_said(at: datetime, dialect: str) -> ColumnElement[Any]:
    """The time itself, as a parameter of the same kind."""
    return _told(bindparam(None, instant_as_written(at, dialect), type_=_instant(dialect)), dialect)


def _told(given: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    return cast(given, _instant(dialect)) if dialect == "mssql" else given


def _words(dialect: str) -> TypeEngine[str]:
    """Text wide enough that no booking fails on it. Oracle's ends at 4000 bytes, or 32767 where its MAX_STRING_SIZE is
    EXTENDED and the column is made as wide; a CLOB could neither be compared nor indexed."""
    match dialect:
        case "mssql":
            return Unicode()
        case "oracle":
            from sqlalchemy.dialects import oracle

            return oracle.VARCHAR2(4000)
        case _:
            return Text()


def _outcome(dialect: str) -> TypeEngine[str]:
    """The relay's own word, in an index that has it whole."""
    match dialect:
        case "mysql" | "mariadb":
            return String(700)
        case "mssql":
            return Unicode(400)
        case "oracle":
            from sqlalchemy.dialects import oracle

            return oracle.VARCHAR2(1000)
        case _:
            return Text()


def _bigint() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by an INTEGER key only


def _wall_time(dialect: str) -> TypeEngine[Any]:
    """Swedish wall-clock time without a zone; ISO text on SQLite."""
    match dialect:
        case "sqlite":
            return Text()
        case "mysql" | "mariadb":
            from sqlalchemy.dialects import mysql

            return mysql.DATETIME(fsp=6)
        case "mssql":
            from sqlalchemy.dialects import mssql

            return mssql.DATETIME2()  # type: ignore[no-untyped-call]
        case "oracle":
            from sqlalchemy.dialects import oracle

            return oracle.TIMESTAMP()
        case _:
            return DateTime()


def _instant(dialect: str) -> TypeEngine[Any]:
    match dialect:
        case "sqlite":
            return Text()
        case "mysql" | "mariadb":
            from sqlalchemy.dialects import mysql

            return mysql.TIMESTAMP(fsp=6)
        case "mssql":
            from sqlalchemy.dialects import mssql

            return mssql.DATETIMEOFFSET()  # type: ignore[no-untyped-call]
        case "oracle":
            from sqlalchemy.dialects import oracle

            return oracle.TIMESTAMP(timezone=True)
        case _:
            return DateTime(timezone=True)


def _date(dialect: str) -> TypeEngine[Any]:
    match dialect:
        case "sqlite":
            return Text()
        case "mssql":
            from sqlalchemy.dialects import mssql

            return mssql.DATE()
        case _:
            return Date()


def _true(dialect: str) -> TextClause:
    return text("true" if dialect in ("postgresql", "mysql", "mariadb") else "1")


def _now(dialect: str) -> TextClause:
    return {
        "sqlite": text("(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"),
        "mssql": text("SYSDATETIMEOFFSET()"),
        "oracle": text("SYSTIMESTAMP"),
        "mysql": text("CURRENT_TIMESTAMP(6)"),
        "mariadb": text("CURRENT_TIMESTAMP(6)"),
    }.get(dialect, text("now()"))
