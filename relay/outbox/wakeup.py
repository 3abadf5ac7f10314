"""The trigger that notifies of new rows in an outbox on PostgreSQL, and the connection that listens to it.

    the booking system's commit ──NOTIFY──▶ Listener ──▶ a look at the outboxes of that database

A notification carries nothing and promises nothing: what is lost is found by the next look. One connection listens for
all outboxes of a database. Behind a pooler that gives servers away by the transaction it would hear nothing, and nobody
would tell it so: so it refuses to listen there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.compiler import IdentifierPreparer

from relay.database import connect
from relay.outbox.table import outbox_table
from relay.sessions import Bounds

CHANNEL: Final = "ei_outbox"
FUNCTION: Final = "ei_outbox_wake_up"
_PREPARER: Final[IdentifierPreparer] = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]
_ON: Final = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = to_regclass(name) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
          AND p.proname = :function)
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS given (name, place) ORDER BY place
""").bindparams(bindparam("function", FUNCTION))


class PoolerBetweenError(Exception):
    """The address leads to a pooler, through which no notification comes."""


class Listener:
    """A connection that listens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        raw: Any = connection.connection.driver_connection
        self._raw = raw
        if connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != raw.info.backend_pid:
            raise PoolerBetweenError
        connection.exec_driver_sql(f"LISTEN {CHANNEL}")

    def notified(self, seconds: float) -> bool:
        """Wait that long for a notification at most; whether there was one. Raises psycopg's errors."""
        return any(True for _ in self._raw.notifies(timeout=seconds, stop_after=1))

    def have_trigger(self, tables: Sequence[str]) -> list[bool]:
        """For each of the tables, whether its trigger is there; and a proof that the server still answers."""
        return _are_on(self._connection, tables)


@contextmanager
def listening(url: str) -> Iterator[Listener]:
    """Listen on the database at `url`, directly. Raises SQLAlchemyError, PoolerBetweenError."""
    engine = connect(url, 1, Bounds(statement=5))
    try:
        with engine.connect() as connection:
            try:
                yield Listener(connection.execution_options(isolation_level="AUTOCOMMIT"))
            finally:
                connection.invalidate()  # it is of no other use, and what it raised, the pool does not know
    finally:
        engine.dispose()


def add_trigger(connection: Connection, table_name: str) -> None:
    """Have a table notify of new rows, where it does not yet."""
    if _are_on(connection, [table_name]) == [False]:
        for statement in trigger(table_name):
            connection.exec_driver_sql(statement)


def _are_on(connection: Connection, table_names: Sequence[str]) -> list[bool]:
    names = [_PREPARER.format_table(outbox_table(name)) for name in table_names]
    return [bool(on) for on in connection.execute(_ON, {"names": names}).scalars()]


def trigger(table_name: str) -> list[str]:
    """The statements that have an outbox table notify of new rows.

    It never lets the writer's transaction fail for want of room: where those who listen are so slow that the server's
    queue is half full, nothing is said.
    """
    table = outbox_table(table_name)
    where = f"{_PREPARER.quote_schema(table.schema)}." if table.schema else ""
    return [
        f"CREATE OR REPLACE FUNCTION {where}{FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        "BEGIN\n"
        "    IF pg_catalog.pg_notification_queue_usage() < 0.5 THEN\n"
        f"        NOTIFY {CHANNEL};\n"
        "    END IF;\n"
        "    RETURN NULL;\n"
        "END $$",
        f"CREATE TRIGGER {_PREPARER.quote(f'{table.name}_wake_up')} AFTER INSERT ON {_PREPARER.format_table(table)}\n"
        f"    FOR EACH STATEMENT EXECUTE FUNCTION {where}{FUNCTION}()",
    ]
