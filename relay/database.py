"""Engines whose every wait has a bound, for the relay's own database and for the booking systems'.

A database that hangs must cost a worker seconds, never its life: connecting, waiting for a pool slot, a
statement, a lock and a forgotten transaction each end by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from relay.bounded import BoundedConnection

CONNECT_SECONDS: Final = 5
POOL_SECONDS: Final = 10  # waiting for one of our own connections
STATEMENT_SECONDS: Final = 30
SILENCE_SECONDS: Final = 35  # after which a server that says nothing is given up, whatever it promised
LOCK_SECONDS: Final = 5  # PostgreSQL; SQLite's writers wait for each other this long
IDLE_IN_TRANSACTION_SECONDS: Final = 30
RECYCLE_SECONDS: Final = 1800  # a firewall forgets quiet connections


def connect(url: str, pool_size: int = 5) -> Engine:
    """An engine for `url`; nothing is connected yet.

    Exceptions of it never quote parameters (`hide_parameters`); their text can still hold values the server
    quotes, so it is never logged as it stands.
    """
    parsed = make_url(url)
    # No ping before use: a dead connection shows at the first statement, and all of its pool go with it.
    engine = create_engine(
        parsed,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=POOL_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        connect_args=_connect_args(parsed),
    )
    if parsed.get_backend_name() == "postgresql":
        event.listen(engine, "do_connect", _connect_bounded)
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement stands alone: no BEGIN, no ROLLBACK, no lock on SQLite."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _connect_args(url: URL) -> dict[str, Any]:
    match url.get_backend_name():
        case "postgresql":
            session = {
                "statement_timeout": STATEMENT_SECONDS * 1000,
                "lock_timeout": LOCK_SECONDS * 1000,
                "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS * 1000,
                "DateStyle": "ISO",
                "TimeZone": "UTC",
                "plan_cache_mode": "force_custom_plan",  # a kept plan may be from when the tables were empty
                "jit": "off",  # compiling costs more than these short statements
            }
            return {
                "connect_timeout": CONNECT_SECONDS,
                "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
                "application_name": "ei-relay",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": (STATEMENT_SECONDS + 5) * 1000,
            }
        case "sqlite":
            return {"timeout": LOCK_SECONDS}
        case "mysql" | "mariadb":
            return {
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": STATEMENT_SECONDS,
                "write_timeout": STATEMENT_SECONDS,
                "init_command": "SET time_zone = '+00:00'",
            }
        case "mssql":
            return {"timeout": CONNECT_SECONDS}
        case "oracle":
            return {"tcp_connect_timeout": CONNECT_SECONDS}
        case _:
            return {}


def _connect_bounded(_dialect: Dialect, _record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]) -> Any:
    connection = BoundedConnection.connect(*args, **options)
    connection.bound_seconds = SILENCE_SECONDS
    return connection


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Transactions that begin with their lock (or two readers who both write lose an update), and bytes that
    are no UTF-8 as lone surrogates, which fail the row that has them instead of the whole read."""
    raw: Any = connection
    raw.isolation_level = None
    raw.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={LOCK_SECONDS * 1000}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
