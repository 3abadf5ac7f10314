"""Tries a source's outbox: reads it and marks it as the work does, through the engine that does the work.

Marks are rolled back. What `ei-relay outbox check` finds in the rows is not looked for here.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from relay.database import reading
from relay.outbox.marks import Marker
from relay.outbox.reader import OutboxReader, looking
from relay.outbox.refusals import Kind, kind_of
from relay.outbox.table import outbox_table, past_locks
from relay.outbox.trouble import explain
from relay.sessions import MYSQL, Bounds, connect_args
from relay.settings.trial import Trial

CLOCKS_APART_SECONDS: Final = 60
_WHO: Final = {
    "postgresql": "SELECT current_user, current_setting('server_encoding'), current_setting('transaction_read_only'),"
    " clock_timestamp()",
    "mysql": "SELECT CURRENT_USER(), @@character_set_database, @@global.read_only, UTC_TIMESTAMP(3)",
    "mssql": "SELECT SUSER_SNAME(), DATABASEPROPERTYEX(DB_NAME(), 'Collation'), 0, SYSUTCDATETIME()",
    "oracle": "SELECT USER, (SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'), 0,"
    " SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM dual",
}
_BINLOG: Final = "SELECT @@global.log_bin, @@global.binlog_format"
_STORED: Final = (
    "SELECT engine, table_collation FROM information_schema.tables"
    " WHERE table_schema = coalesce(:schema, database()) AND table_name = :name"
)
_ROLES: Final = "SELECT DISTINCT role_name FROM information_schema.applicable_roles"


def try_outbox(engine: Engine, table_name: str, trial: Trial) -> None:
    """Try it, and gather in `trial` what came of it. Raises SQLAlchemyError where it does not answer at all."""
    family = _family(engine)
    try:
        with reading(engine) as connection:
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            trial.did.append(f"{engine.dialect.name} {version} answers")
            if family in _WHO:
                _who(connection, _WHO[family], trial)
            atomic = family != "mysql" or _knows_transactions(connection, table_name, trial)
            missing = _missing(connection, table_name)
    except SQLAlchemyError as error:
        if kind_of(error) in (Kind.DENIED, Kind.NO_TABLE) and (roles := _sleeping_roles(engine)):
            trial.wrong.append(
                f"{explain(error, table_name)}; the account has a role that is not active when it logs in: "
                f"{'; '.join(roles)}"
            )
            return
        raise
    if missing:
        trial.wrong.append(f"the table {table_name} lacks {', '.join(missing)}: add it as `ei-relay outbox ddl` shows")
        return
    reader = OutboxReader(engine, table_name)
    reader.unread(1)
    trial.did.append(f"{table_name} can be read")
    if atomic:
        _mark(engine, table_name, trial)


def _who(connection: Connection, question: str, trial: Trial) -> None:
    try:
        before = datetime.now(UTC)
        user, encoding, _read_only, clock = connection.execute(text(question)).one()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return  # it does not say so much to this account
    trial.account = str(user)
    trial.did.append(f"encoding {encoding}")
    apart = (clock.replace(tzinfo=clock.tzinfo or UTC) - before).total_seconds()
    trial.did.append(f"clock {apart:.0f} s from ours")
    if abs(apart) > CLOCKS_APART_SECONDS:
        trial.doubts.append(
            f"the server's clock and this host's are {abs(apart):.0f} s apart, and created_at is the server's: have "
            "both synchronised"
        )


def _knows_transactions(connection: Connection, table_name: str, trial: Trial) -> bool:
    """Whether a mark can be rolled back; with what else a server of this kind may have that harms."""
    schema, _, name = table_name.rpartition(".")
    stored = connection.execute(text(_STORED), {"schema": schema or None, "name": name}).first()
    with suppress(DBAPIError):
        logged, how = connection.execute(text(_BINLOG)).one()
        trial.did.append(f"binlog_format {how}" if logged else "no binlog")
        if logged and str(how).upper() == "STATEMENT":
            trial.doubts.append(
                "binlog_format is STATEMENT, so the relay marks rows in REPEATABLE READ, and writers wait for it some "
                "milliseconds: SET GLOBAL binlog_format = MIXED"
            )
    if stored is None or stored[0] is None or str(stored[0]).lower() == "innodb":
        return True
    trial.wrong.append(
        f"the table {table_name} is kept by {stored[0]}, which knows no transactions: ALTER TABLE {table_name} "
        "ENGINE = InnoDB"
    )
    return False


def _missing(connection: Connection, table_name: str) -> list[str]:
    table = outbox_table(table_name, connection.dialect.name)
    described = inspect(connection).get_columns(table.name, table.schema, **looking(connection.dialect.name))
    there = {str(column["name"]).lower() for column in described}
    return [column.name for column in table.columns if column.name not in there] if there else []


def _mark(engine: Engine, table_name: str, trial: Trial) -> None:
    """Mark a row that cannot be there, then the first that waits, if one does."""
    table = outbox_table(table_name, engine.dialect.name)
    marker, now = Marker(engine, table), datetime.now(UTC)
    waiting: Select[Any] = select(table.c.id).where(table.c.outcome.is_(None)).order_by(table.c.id).limit(1)
    with reading(engine) as connection:
        first = connection.execute(past_locks(waiting, table)).scalar()
    marker.try_it(now)
    if first is not None:
        marker.try_it(now, first)
    trial.did.append("a row can be marked (rolled back)" if first is not None else "marking is allowed (no row waits)")
    if marker.passes_by:
        trial.did.append("rows that others hold are passed by")
    elif engine.dialect.name != "sqlite":
        trial.doubts.append(
            "rows that another transaction holds cannot be passed by (no SKIP LOCKED in this version, or no right to "
            "it): a booking that is long being written keeps those that are marked with it waiting"
        )


def _family(engine: Engine) -> str:
    return "mysql" if engine.dialect.name in MYSQL else engine.dialect.name


def _sleeping_roles(engine: Engine) -> list[str]:
    """For each role that the account has and does not get when it logs in, on MariaDB and MySQL, what wakes it."""
    if _family(engine) != "mysql":
        return []
    bare = engine.url.set(database="")  # without the role it may not even use the database
    beside = create_engine(bare, connect_args=connect_args(bare, Bounds(connect=2, statement=2)), hide_parameters=True)
    try:
        with beside.connect() as connection:
            active = str(connection.execute(text("SELECT CURRENT_ROLE()")).scalar() or "NONE")
            found = [str(name) for name in connection.execute(text(_ROLES)).scalars()]
            to = "FOR" if getattr(beside.dialect, "is_mariadb", False) else "TO"
            user, _, host = str(connection.execute(text("SELECT CURRENT_USER()")).scalar()).rpartition("@")
            return [f"SET DEFAULT ROLE {n} {to} '{user}'@'{host}'" for n in found if n not in active]
    except SQLAlchemyError:
        return []
    finally:
        beside.dispose()
