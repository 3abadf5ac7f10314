"""Brings the relay's database to the version this code needs, and tells whether it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

VERSION_TABLE: Final = "ei_relay_version"
_ADVISORY_LOCK: Final = 0x6569_7265_6C61_79  # "eirelay": two upgrades at once wait for each other


class DatabaseNotReady(Exception):
    """The relay's database is not at the version this program needs; the text says what to do."""


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Migrate to the newest version, from empty if need be; the versions before and after.

    Raises DatabaseNotReady where a newer version of the program has migrated it further.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))  # one that is under way may take its time
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        before = _version(connection)
        _refuse_newer(before)
        command.upgrade(_config(connection), "head")
        return before, _version(connection) or ""


def check(engine: Engine) -> None:
    """Raise DatabaseNotReady unless the database is at the version this code needs."""
    with engine.connect() as connection:
        there = _version(connection)
    needed = _scripts().get_current_head()
    if there != needed:
        _refuse_newer(there)
        raise DatabaseNotReady(
            f"the relay's database is at version {there or 'none'} and this program needs {needed}: "
            "run `ei-relay db upgrade`"
        )


def versions(engine: Engine) -> tuple[str | None, str]:
    """The version the database is at (None: it has none of our tables), and the one that this code needs."""
    with engine.connect() as connection:
        return _version(connection), _scripts().get_current_head() or ""


def _refuse_newer(version: str | None) -> None:
    scripts = _scripts()
    if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
        raise DatabaseNotReady(
            f"the relay's database is at version {version}, which this program does not know (it needs "
            f"{scripts.get_current_head()}): run the newer version of the program that made it so"
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _version(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
