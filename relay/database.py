"""Engines whose every wait has a bound, for the relay's own database and for the booking systems'.

A database that hangs must cost a worker seconds, never its life: connecting, waiting for a pool slot, a
statement, a lock and a forgotten transaction each end by themselves.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from relay import copying
from relay.drivers import code_of, driver_of
from relay.narrow import write_in_its_characters
from relay.pooler import Startup
from relay.sessions import Bounds, bound, connect_args, isolation, session_of_postgresql

POOL_SECONDS: Final = 10  # waiting for one of our own connections
RECYCLE_SECONDS: Final = 1800  # a firewall forgets quiet connections


def connect(url: str, pool_size: int = 5, bounds: Bounds | None = None, *, private: bool = False) -> Engine:
    """An engine for `url`; nothing is connected yet. `private`: a SQLite file that holds the relay's own tables, with
    the personal data in them, is made readable for its owner alone.

    Exceptions of it never quote parameters (`hide_parameters`); their text can still hold values the server
    quotes, so it is never logged as it stands.
    """
    parsed, bounds = make_url(url), bounds or Bounds()
    level = isolation(parsed)
    # No ping before use: a dead connection shows at the first statement, and all of its pool go with it. But SQL
    # Server's drivers begin each use with a round trip of their own, and what they raise then the pool does not hear.
    engine = create_engine(
        parsed,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=POOL_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        pool_pre_ping=parsed.get_backend_name() == "mssql",
        connect_args=connect_args(parsed, bounds),
        **({"isolation_level": level} if level else {}),
        # no column of ours or theirs is read as one, and to ask for it is three statements of each new connection
        **({"use_native_hstore": False} if parsed.get_driver_name() == "psycopg" else {}),
    )
    bound(engine, bounds)
    if private and engine.name == "sqlite" and parsed.database:
        event.listen(engine, "do_connect", _private(Path(parsed.database)))  # before whoever connects
    if engine.name == "postgresql":
        event.listen(engine, "connect", lambda raw, _record: write_in_its_characters(raw))
        copying.listen(engine)
        Startup(bounds.silence, session_of_postgresql(bounds), "options" in parsed.query).listen(engine)
    else:
        event.listen(engine, "do_connect", _told_apart)
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _sqlite(bounds.lock))
        event.listen(engine, "begin", _begin_immediate)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement stands alone: no BEGIN, no ROLLBACK, no lock on SQLite."""
    with engine.connect() as connection:
        yield _at_level(connection, "AUTOCOMMIT")


def _at_level(connection: Connection, level: str) -> Connection:
    """The connection at that isolation level. For some drivers that is a round trip, and where the connection was cut
    they raise errors of their own, which the pool does not know: it would hand the dead connection out again."""
    try:
        return connection.execution_options(isolation_level=level)
    except Exception as error:
        connection.invalidate(error)
        if not driver_of(error):
            raise
        raise DBAPIError("setting the isolation level", None, error, connection_invalidated=True) from error


def describe(error: BaseException) -> str:
    """A database error in words that quote no value: its class, and the database's code where it gives one."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = code_of(original)
    return type(original).__name__ + (f" ({code})" if code else "")


def _told_apart(dialect: Dialect, _record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]) -> Any:
    """A driver refuses an argument that it does not know as a mistake in the program; here the URL had it."""
    try:
        return dialect.connect(*args, **options)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise ArgumentError(f"{dialect.driver} does not take what the URL says: {type(error).__name__}") from None


def _private(file: Path) -> Any:
    """SQLite gives its other files (-wal, -shm) the rights of the database."""

    def do_connect(_dialect: Dialect, _record: ConnectionPoolEntry, _args: list[Any], _options: dict[str, Any]) -> None:
        make_private(file)

    return do_connect


def make_private(file: Path) -> None:
    """Make an empty file that is its owner's alone, or take from others what rights they have on one that is there.
    A group that was given the right to write, as a booking system may need it, keeps its rights."""
    with suppress(OSError):  # whatever is wrong with the file, SQLite tells
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            mode = stat.S_IMODE(file.stat().st_mode)
            for each in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
                if mode & 0o007 or (mode & 0o070 and not mode & stat.S_IWGRP):
                    each.chmod(mode & (0o770 if mode & stat.S_IWGRP else 0o700))


def _sqlite(lock_seconds: int) -> Any:
    """Transactions that begin with their lock (or two readers who both write lose an update), and bytes that
    are no UTF-8 as lone surrogates, which fail the row that has them instead of the whole read.

    Each commit is synced (`synchronous=FULL`): an outbox is marked, or the index told, right after it, and a power cut
    must not take back what was written to them.
    """

    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        raw: Any = connection
        raw.isolation_level = None
        raw.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        cursor = raw.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={lock_seconds * 1000}",
                       "foreign_keys=ON"):  # fmt: skip
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return prepare


def _begin_immediate(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
