"""Brings the relay's database to the version this code needs, and tells whether it is there.

Alembic is imported where something is upgraded. Whoever only looks reads the version from its table, and the versions
that there are from the names of the migrations, which begin with them; every worker is spared ten MiB by that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, Select, column, select, table, text

from relay.database import connect
from relay.store.transaction import Store

VERSION_TABLE: Final = "ei_relay_version"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ADVISORY_LOCK: Final = 0x6569_7265_6C61_79  # "eirelay": two upgrades at once wait for each other


class DatabaseNotReady(Exception):
    """The relay's database is not at the version this program needs; the text says what to do."""


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Migrate to the newest version, from empty if need be; the versions before and after.

    Raises DatabaseNotReady where a newer version of the program has migrated it further.
    """
    with engine.begin() as connection:
        _alone(connection)
        before = _version(connection)
        _refuse_newer(before)
        _migrate(connection, "head")
        return before, _version(connection) or ""


def downgrade(engine: Engine, version: str) -> tuple[str, str]:
    """Take back all migrations after `version`; the versions before and after.

    `relay.store.downgrade` says when that may be done.
    Raises DatabaseNotReady where a newer version of the program has migrated it further.
    """
    with engine.begin() as connection:
        _alone(connection)
        before = _version(connection)
        _refuse_newer(before)
        _migrate(connection, version)
        return before or "", version


def open_store(url: str) -> Store:
    """The relay's own database, at the version this program needs. Raises DatabaseNotReady."""
    engine = connect(url, private=True)
    check(engine)
    return Store(engine)


def check(engine: Engine) -> None:
    """Raise DatabaseNotReady unless the database is at the version this code needs."""
    there, needed = versions(engine)
    if there != needed:
        _refuse_newer(there)
        raise DatabaseNotReady(
            f"the relay's database is at version {there or 'none'} and this program needs {needed}: "
            "run `ei-relay db upgrade`"
        )


def versions(engine: Engine) -> tuple[str | None, str]:
    """The version the database is at (None: it has none of our tables), and the one that this code needs."""
    with engine.connect() as connection:
        return _version(connection), known()[-1]


def known() -> list[str]:
    """The versions that this program knows, oldest first."""
    return sorted(script.name.partition("_")[0] for script in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _refuse_newer(version: str | None) -> None:
    if version is not None and version not in known():
        raise DatabaseNotReady(
            f"the relay's database is at version {version}, which this program does not know (it needs "
            f"{known()[-1]}): run the newer version of the program that made it so"
        )


def _version(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, VERSION_TABLE):
        return None
    asked: Select[str] = select(column("version_num")).select_from(table(VERSION_TABLE))
    found: str | None = connection.execute(asked).scalar_one_or_none()
    return found


def _alone(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # one that is under way may take its time
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def _migrate(connection: Connection, version: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    if version == "head":
        command.upgrade(config, version)
    else:
        command.downgrade(config, version)
