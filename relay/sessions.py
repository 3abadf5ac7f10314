"""What each kind of database is told when a connection is made: how long to wait, and which zone its clock shows.

Every wait is bounded on the side that can bound it. What a server can be asked to give up by itself (a statement,
a lock, a transaction that was forgotten), it is asked; what it cannot be trusted with (to answer at all), the
driver bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import URL, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

MYSQL: Final = ("mysql", "mariadb")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long to wait for a database, in whole seconds."""

    connect: int = 5
    statement: int = 30
    lock: int = 5  # also how long SQLite's writers wait for each other
    idle_in_transaction: int = 30

    @property
    def silence(self) -> int:
        """After which a server that says nothing is given up, whatever it promised."""
        return self.statement + 5


def connect_args(url: URL, bounds: Bounds) -> dict[str, Any]:
    """The driver's arguments for a connection to `url`."""
    driver = url.drivername.partition("+")[2]
    match url.get_backend_name():
        case "postgresql":
            return _postgresql(bounds, url.query.get("options", ""))
        case "sqlite":
            return {"timeout": bounds.lock}
        case "mysql" | "mariadb":
            return _mysql(bounds)
        case "mssql" if driver == "pymssql":  # where `timeout` is that of a statement
            return {"login_timeout": bounds.connect, "timeout": bounds.silence}
        case "mssql":
            return {"timeout": bounds.connect}
        case "oracle":
            return {"tcp_connect_timeout": bounds.connect}
        case _:
            return {}


def bound(engine: Engine, bounds: Bounds) -> None:
    """Bound the statements of the drivers that take that bound only once they are connected."""
    match engine.dialect.name, engine.dialect.driver:
        case "mssql", driver:

            def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
                raw: Any = connection
                if driver in ("pyodbc", "mssqlpython"):
                    raw.timeout = bounds.statement
                cursor = raw.cursor()
                cursor.execute(f"SET LOCK_TIMEOUT {bounds.lock * 1000}")
                cursor.close()

            event.listen(engine, "connect", prepare)
        case "oracle", _:

            def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
                raw: Any = connection
                raw.call_timeout = bounds.silence * 1000
                cursor = raw.cursor()  # times are handed over without their zone, and are read in the session's
                cursor.execute("ALTER SESSION SET TIME_ZONE = '+00:00'")
                cursor.close()

            event.listen(engine, "connect", prepare)


def isolation(url: URL) -> str | None:
    """The isolation level of our transactions, where the database's default does harm.

    MySQL's repeatable read locks the gaps between the rows it marks, and there the booking systems' inserts go.
    """
    return "READ COMMITTED" if url.get_backend_name() in MYSQL else None


def session_of_postgresql(bounds: Bounds) -> dict[str, str]:
    """What a session on PostgreSQL is to have, by name, as pg_settings shows it."""
    return {
        "statement_timeout": str(bounds.statement * 1000),
        "lock_timeout": str(bounds.lock * 1000),
        "idle_in_transaction_session_timeout": str(bounds.idle_in_transaction * 1000),
        "DateStyle": "ISO",
        "TimeZone": "UTC",
        "plan_cache_mode": "force_custom_plan",  # a kept plan may be from when the tables were empty
        "jit": "off",  # compiling costs more than these short statements
    }


def _postgresql(bounds: Bounds, options: str | tuple[str, ...]) -> dict[str, Any]:
    """Ours go after the URL's own `options`, such as a search_path: the driver takes one value for all."""
    asked = [options] if isinstance(options, str) else options
    session = session_of_postgresql(bounds)
    return {
        "connect_timeout": bounds.connect,
        "client_encoding": "utf8",  # a database that names no encoding of its own would give bytes for texts
        "options": " ".join([*asked, *(f"-c {name}={value}" for name, value in session.items())]).strip(),
        "prepare_threshold": None,  # until it is known that no pooler is in between
        "application_name": "ei-relay",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": min(bounds.silence, 10) * 1000,  # a network that swallows what is sent; not a slow answer
    }


def _mysql(bounds: Bounds) -> dict[str, Any]:
    """One SET for both; a comment that begins with M is read by MariaDB alone, one with 50708 by MySQL alone."""
    session = (
        f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {bounds.lock}, lock_wait_timeout = {bounds.lock}"
        f" /*M!100300 , max_statement_time = {bounds.statement}"
        f", idle_transaction_timeout = {bounds.idle_in_transaction} */"
        f" /*!50708 , max_execution_time = {bounds.statement * 1000} */"
    )
    return {
        "connect_timeout": bounds.connect,
        "read_timeout": bounds.silence,
        "write_timeout": bounds.silence,
        "charset": "utf8mb4",
        "init_command": session,
    }
