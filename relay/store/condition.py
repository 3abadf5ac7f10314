"""What the relay's own database is: for `ei-relay db status`. Read-only, and asks no table of the relay's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, literal_column, select, text

from relay.database import reading
from relay.store import migrate
from relay.store.transaction import DatabaseClock


class Condition(NamedTuple):
    """What was seen. `clock_difference_ms`: this machine's clock less the database's."""

    schema_version: str | None
    expected_version: str
    dialect: str
    server_version: str
    encoding: str
    size_bytes: int
    clock: datetime
    clock_difference_ms: int

    @property
    def ok(self) -> bool:
        """Whether it is at the version that this program needs."""
        return self.schema_version == self.expected_version


def look(engine: Engine) -> Condition:
    """Look at the database. Raises SQLAlchemyError where it does not answer."""
    there, needed = migrate.versions(engine)
    with reading(engine) as connection:
        before = datetime.now(UTC)
        clock = DatabaseClock().now(connection)
        here = before + (datetime.now(UTC) - before) / 2
        info = connection.dialect.server_version_info or ()
        return Condition(
            schema_version=there,
            expected_version=needed,
            dialect=connection.dialect.name,
            server_version=".".join(map(str, info)),
            encoding=_encoding(connection),
            size_bytes=_size(connection),
            clock=clock,
            clock_difference_ms=round((here - clock).total_seconds() * 1000),
        )


def _encoding(connection: Connection) -> str:
    if connection.dialect.name == "sqlite":
        return str(connection.execute(text("PRAGMA encoding")).scalar_one())
    return str(connection.execute(select(func.current_setting("server_encoding"))).scalar_one())


def _size(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())
    return int(connection.execute(select(func.pg_database_size(literal_column("current_database()")))).scalar_one())
