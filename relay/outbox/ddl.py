"""The outbox table as SQL that a database administrator can read and run: table, indexes, roles, grants.

Plain statements for one transaction, where the database has transactions for DDL. Each CREATE ROLE, GRANT and
REVOKE stands on one line of its own, so that a site with its own ideas of roles can take them out.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, Index, Table
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from relay.outbox.table import DEFAULT_NAME, OUTCOME_COLUMNS, outbox_table
from relay.outbox.wakeup import add_trigger, trigger

__all__ = ["CLEANER", "DIALECTS", "READER", "WRITER", "create", "ddl"]  # docs/api.md

DIALECTS: Final[dict[str, type[Dialect]]] = {
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
    "mssql": mssql.dialect,
    "oracle": oracle.dialect,
    "sqlite": sqlite.dialect,
}
WRITER: Final = "ei_outbox_writer"
READER: Final = "ei_outbox_reader"
CLEANER: Final = "ei_outbox_cleaner"

_ABOUT_ROLES: Final = {
    "postgresql": ("-- Roles are the server's: where it has another outbox, they are there already.",),
    "oracle": (
        "-- Roles do nothing in a trigger or package: whoever owns one that writes here needs INSERT for itself.",
        "-- In the root of a container database their names begin with C##.",
    ),
}
_ACCOUNTS: Final = {  # no semicolons: what splits a script at them must find statements only
    "mysql": (
        "-- Accounts of these roles, for example. A role does nothing until it is the account's default role, which",
        "-- MariaDB says with FOR and MySQL with TO. Each statement ends with a semicolon where it is run.",
        "--   CREATE USER 'booking'@'%' IDENTIFIED BY '...'",
        f"--   GRANT {WRITER} TO 'booking'@'%'",
        f"--   SET DEFAULT ROLE {WRITER} FOR 'booking'@'%'       (MySQL: TO 'booking'@'%')",
        "--   CREATE USER 'ei_relay'@'%' IDENTIFIED BY '...'",
        f"--   GRANT {READER} TO 'ei_relay'@'%'",
        f"--   SET DEFAULT ROLE {READER} FOR 'ei_relay'@'%'      (MySQL: TO 'ei_relay'@'%')",
    ),
    "postgresql": (
        "-- Accounts of these roles, for example:",
        f"--   CREATE ROLE booking LOGIN PASSWORD '...' IN ROLE {WRITER}",
        f"--   CREATE ROLE ei_relay LOGIN PASSWORD '...' IN ROLE {READER}",
    ),
    "mssql": (
        "-- Accounts of these roles, for example:",
        "--   CREATE USER ei_relay FOR LOGIN ei_relay",
        f"--   ALTER ROLE {READER} ADD MEMBER ei_relay",
    ),
}


def ddl(dialect_name: str, table_name: str = DEFAULT_NAME, *, wake_up: bool = False) -> str:
    """The SQL for one of `DIALECTS`, ending with a newline; with `wake_up`, for PostgreSQL, also the trigger that tells
    of new rows."""
    table = outbox_table(table_name, dialect_name)
    dialect = DIALECTS[dialect_name]()
    statements = [str(CreateTable(table).compile(dialect=dialect)).strip()]
    statements += [str(CreateIndex(index).compile(dialect=dialect)).strip() for index in _indexes(table)]
    lines = [
        f"-- The outbox of the Engagemangsindex update relay, for {dialect_name}.",
        "-- One row is the state of one booking after a change. The table refuses nothing but a missing",
        "-- operation or booking_id, so it can never make a booking fail.",
        *(f"{_tidy(statement)};\n" for statement in statements),
        *_grants(dialect_name, dialect.identifier_preparer.format_table(table)),
        *(_wake_up(table_name) if wake_up else ()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def create(engine: Engine, table_name: str = DEFAULT_NAME, *, wake_up: bool = False) -> bool:
    """Make the table with its indexes where it is not there, and with `wake_up` its trigger; says whether the table was
    made."""
    table = outbox_table(table_name, engine.dialect.name)
    with engine.begin() as connection:
        is_new = not engine.dialect.has_table(connection, table.name, schema=table.schema)
        if is_new:
            table.create(connection)
        if wake_up:
            add_trigger(connection, table_name)
    return is_new


def _wake_up(table_name: str) -> list[str]:
    return [
        "",
        "-- For wake_up = true: a transaction that has written rows tells the relay so when it commits. It cannot be",
        "-- prepared for a two-phase commit then (PREPARE TRANSACTION), and commits of such transactions take turns.",
        *(f"{statement};\n" for statement in trigger(table_name)),
    ]


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _tidy(statement: str) -> str:
    return "\n".join(line.rstrip().replace("\t", "    ") for line in statement.splitlines() if line.strip())


def _grants(dialect: str, table: str) -> list[str]:
    outcome = ", ".join(OUTCOME_COLUMNS)
    if dialect == "sqlite":
        return ["-- SQLite has no roles: whoever may write the file may write the table."]
    unless = "IF NOT EXISTS " if dialect == "mysql" else ""  # roles are the server's, which may have another outbox
    reads = f"GRANT SELECT ON {table} TO {READER};"
    match dialect:
        case "mssql":
            marks = f"GRANT UPDATE ON {table} ({outcome}) TO {READER};"
            selects = f"GRANT SELECT ON {table} (id, {outcome}) TO {CLEANER};"
        case "oracle":
            marks = f"GRANT UPDATE ({outcome}) ON {table} TO {READER};"
            selects = f"GRANT SELECT ON {table} TO {CLEANER};"  # Oracle grants reading on whole tables only
        case _:
            marks = f"GRANT UPDATE ({outcome}) ON {table} TO {READER};"
            selects = f"GRANT SELECT (id, {outcome}) ON {table} TO {CLEANER};"
    return [
        "-- The booking system writes, the relay reads and marks, a clean-up job may delete what is settled.",
        *_ABOUT_ROLES.get(dialect, ()),
        *(f"CREATE ROLE {unless}{role};" for role in (WRITER, READER, CLEANER)),
        f"GRANT INSERT ON {table} TO {WRITER};",
        reads,
        marks,
        selects,
        f"GRANT DELETE ON {table} TO {CLEANER};",
        *_ACCOUNTS.get(dialect, ()),
    ]
