"""The server that a site has named for a proof (`./run dialect-proof`), and how each kind of database is spoken to.

Without one, everything here is about the servers that the tests start themselves.
"""

from __future__ import annotations

import os
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, inspect, make_url, text

VARIABLE: Final = "EI_RELAY_PROOF_URL"
NAMED: Final = os.environ.get(VARIABLE) or None
TABLES: Final = ("ei_outbox", "another_outbox")  # all that the suite makes, and drops
KINDS: Final = {"postgresql": "postgresql", "mysql": "mariadb", "mariadb": "mariadb", "mssql": "mssql",
                "oracle": "oracle"}  # fmt: skip

_SESSION: Final = {  # of a connection: what a DBA must look for to end it, and how that is done
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({0}, 5000)"),
    "mysql": ("SELECT CONNECTION_ID()", "KILL CONNECTION {0}"),
    "mssql": ("SELECT @@SPID", "KILL {0}"),
    "oracle": (
        "SELECT sid || ',' || serial# FROM v$session WHERE sid = sys_context('USERENV', 'SID')",
        "ALTER SYSTEM KILL SESSION '{0}' IMMEDIATE",
    ),
}
_FORMATS: Final = (
    "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS'"
    " NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SSTZH:TZM'"
)


def kind_of(url: str) -> str:
    """Which of the kinds that the tests know the URL is of. Raises KeyError."""
    return KINDS[make_url(url).get_backend_name()]


def kinds() -> list[str] | None:
    """The only kind that is to be tested; None: all that can be had."""
    return [kind_of(NAMED)] if NAMED else None


def speak(engine: Engine) -> None:
    """Have a writer's connections take times as the tests write them."""
    if engine.dialect.name == "oracle":

        @event.listens_for(engine, "connect")
        def _formats(raw: Any, _record: object) -> None:
            with raw.cursor() as cursor:
                cursor.execute(_FORMATS)


def there(engine: Engine) -> list[str]:
    """Those of the suite's tables that are there."""
    with engine.connect() as connection:
        inspector = inspect(connection)
        return [name for name in TABLES if inspector.has_table(name)]


def drop(engine: Engine) -> None:
    """Drop whatever the suite has made; triggers go with their table."""
    for name in there(engine):
        with engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {name}"))
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION IF EXISTS refuse()"))


def insert(connection: Connection, table: str, row: dict[str, Any]) -> int:
    """Write a row as a booking system does it, in plain SQL; its id."""
    dialect = connection.dialect.name
    if dialect == "oracle":  # whose drivers know no booleans before version 23
        row = {name: int(value) if isinstance(value, bool) else value for name, value in row.items()}
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{c}' for c in row)})"
    match dialect:
        case "mysql":
            connection.execute(text(sql), row)
            return int(row.get("id") or connection.execute(text("SELECT LAST_INSERT_ID()")).scalar_one())
        case "mssql":  # no OUTPUT: a table with a trigger refuses it
            given = "id" in row
            before, after = (f"SET IDENTITY_INSERT {table} {how}; " if given else "" for how in ("ON", "OFF"))
            batch = f"SET NOCOUNT ON; {before}{sql}; {after}SELECT CAST(SCOPE_IDENTITY() AS BIGINT)"
            return int(connection.execute(text(batch), row).scalar_one())
        case "oracle":
            connection.execute(text(sql), row)
            return int(row.get("id") or connection.execute(text(f"SELECT max(id) FROM {table}")).scalar_one())
        case _:
            return int(connection.execute(text(f"{sql} RETURNING id"), row).scalar_one())


def holding(dialect: str, condition: str) -> str:
    """The question that holds rows until the end of its transaction."""
    if dialect == "mssql":
        return f"SELECT id FROM ei_outbox WITH (UPDLOCK, ROWLOCK) WHERE {condition}"
    return f"SELECT id FROM ei_outbox WHERE {condition} FOR UPDATE"


def session_of(cursor: Any, dialect: str) -> str:
    """What the server calls the session of a driver's cursor."""
    cursor.execute(_SESSION[dialect][0])
    return str(cursor.fetchone()[0])


def end_session(administrator: Engine, session: str) -> None:
    """Have the server end a session."""
    with administrator.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(_SESSION[administrator.dialect.name][1].format(session)))
