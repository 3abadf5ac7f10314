"""Tries the relay's own database: a harmless piece of each kind of work, through the engine that does the work.

Every statement that writes is rolled back, or writes no row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    Table,
    delete,
    false,
    insert,
    inspect,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from relay.database import reading
from relay.narrow import encoding_of
from relay.settings.trial import Trial
from relay.store import condition, migrate
from relay.store.columns import metadata
from relay.store.ledgers import audit

CLOCKS_APART_MS: Final = 5_000
_DENIED: Final = "42501"
_LOCK: Final = 0x6569_7472_6961_6C  # "eitrial"; nobody waits for it
_WHO: Final = "SELECT current_user, current_database(), pg_backend_pid(), pg_is_in_recovery()"
_HOW: Final = (
    "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'),"
    " current_setting('synchronous_commit')"
)


def try_database(engine: Engine, trial: Trial) -> None:
    """Try it, and gather in `trial` what came of it. Raises SQLAlchemyError where it does not answer at all."""
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":
            _who(connection, trial)
        else:
            trial.did.append(f"{connection.dialect.name} answers")
    if trial.wrong or not _is_ours(engine, trial):
        return
    with engine.connect() as connection, connection.begin() as transaction:
        if connection.dialect.name == "postgresql":
            _how(connection, trial)
        if not trial.wrong:
            _write(connection, trial)
        transaction.rollback()
    seen = condition.look(engine)
    trial.did.append(f"encoding {seen.encoding}")
    trial.did.append(f"clock {seen.clock_difference_ms} ms from ours")
    if abs(seen.clock_difference_ms) > CLOCKS_APART_MS:
        trial.doubts.append(
            f"the database's clock and this host's are {abs(seen.clock_difference_ms) / 1000:.0f} s apart; the relay "
            "goes by the database's: have both synchronised"
        )


def _who(connection: Connection, trial: Trial) -> None:
    user, database, server, standby = connection.execute(text(_WHO)).one()
    raw = connection.connection.dbapi_connection
    trial.account = str(user)
    pooled = getattr(getattr(raw, "info", None), "backend_pid", server) != server
    version = ".".join(map(str, connection.dialect.server_version_info or ()))
    trial.did.append(f"postgresql {version} answers, database {database}{', through a pooler' if pooled else ''}")
    if standby:
        trial.wrong.append(
            "it is a standby, which takes no writes: name the primary in database_url, or all servers and "
            "target_session_attrs=read-write"
        )
    if (encoding := encoding_of(raw)) is not None:
        trial.doubts.append(
            f"its encoding is {encoding}, not UTF-8: reasons are written in characters that it has, and a booking "
            "whose id has others is rejected; better a database made with ENCODING 'UTF8'"
        )


def _is_ours(engine: Engine, trial: Trial) -> bool:
    """Whether it has the tables of this version."""
    try:
        migrate.check(engine)
    except migrate.DatabaseNotReady as error:
        there, _ = migrate.versions(engine)
        tables = inspect(engine).get_table_names() if there is None else []
        foreign = f"; it has {len(tables)} tables of somebody else: is it the right one?" if tables else ""
        trial.wrong.append(f"{error}{foreign}")
        return False
    trial.did.append(f"version {migrate.versions(engine)[0]}")
    return True


def _how(connection: Connection, trial: Trial) -> None:
    isolation, read_only, commits = connection.execute(text(_HOW)).one()
    if read_only == "on":
        trial.wrong.append(
            "its transactions are read-only: ALTER ROLE … SET default_transaction_read_only = off, or name the primary "
            "in database_url"
        )
    if isolation != "read committed":
        trial.doubts.append(
            f"its transactions are {isolation}, where the relay's are made for read committed: "
            "ALTER ROLE … SET default_transaction_isolation = 'read committed'"
        )
    if commits == "off":
        trial.doubts.append(
            "synchronous_commit is off: a crash of the server takes back the record of what was sent to the index; "
            "ALTER ROLE … SET synchronous_commit = on"
        )
    locked = connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}).scalar_one()
    trial.did.append("an advisory lock" if locked else "an advisory lock, which another check holds")


def _write(connection: Connection, trial: Trial) -> None:
    """A real row of the audit log, and of every table no row; nothing of it stays."""
    denied: dict[str, list[str]] = {}
    for table in metadata.sorted_tables:
        for right, statement in _no_rows(table).items():
            try:
                with connection.begin_nested():
                    connection.execute(statement)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _DENIED:
                    raise
                denied.setdefault(right, []).append(table.name)
    for right, tables in denied.items():
        named = ", ".join(tables[:3]) + (f" and {len(tables) - 3} more" if len(tables) > 3 else "")
        trial.wrong.append(
            f"{trial.account or 'the account'} may not {right} on {named}: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL "
            f"TABLES IN SCHEMA … TO {trial.account or 'it'}, or run `ei-relay db upgrade` as it, so that it owns them"
        )
    if not denied:
        connection.execute(insert(audit).values(at=datetime.now(UTC), who="check", command="check", subject="check"))
        trial.did.append("reading and writing (rolled back)")


def _no_rows(table: Table) -> dict[str, Executable]:
    """Each kind of statement on the table, of no row at all: the database checks rights before it looks for rows."""
    column = next(iter(table.columns))
    nothing = select(*(null().label(each.name) for each in table.columns)).where(false())
    return {
        "SELECT": select(literal(1)).select_from(table).where(false()),
        "INSERT": insert(table).from_select([each.name for each in table.columns], nothing, include_defaults=False),
        "UPDATE": update(table).where(false()).values({column: column}),
        "DELETE": delete(table).where(false()),
    }
