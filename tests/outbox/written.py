"""Writes and looks at outbox rows as a booking system's database does it: plain SQL, values as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pymysql
from pymysql.constants import CLIENT
from sqlalchemy import Connection, Engine, text

from relay.change import Change, Rejected, read
from relay.outbox.reader import OutboxReader
from tests.made import RESIDENT, SYSTEMS, UNIT
from tests.outbox import named

AT: Final = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
RIGHT: Final = {"resident_id": RESIDENT, "care_unit": UNIT, "starts_at": "2026-12-24 10:30:00"}


def put(database: Engine | Connection, table: str = "ei_outbox", **said: object) -> int:
    """Insert a row with these columns, and an operation and a booking where they are not among them; its id."""
    row = {"operation": "upsert", "booking_id": "b-1"} | said
    if isinstance(database, Engine):
        with database.begin() as connection:
            return named.insert(connection, table, row)
    return named.insert(database, table, row)


def outcomes(engine: Engine, table: str = "ei_outbox") -> dict[int, tuple[Any, Any]]:
    """(outcome, reason) of every row, by id."""
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT id, outcome, outcome_reason FROM {table} ORDER BY id"))
        return {row.id: (row.outcome, row.outcome_reason) for row in rows}


def value(engine: Engine, column: str, table: str = "ei_outbox") -> Any:
    """One column of the only row."""
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT {column} FROM {table}")).scalar_one()


def instant(engine: Engine, utc: str) -> str:
    """`2026-11-02 07:00:00` as a writer puts it into created_at; MySQL's text has no zone, the session has."""
    return utc if engine.dialect.name == "mysql" else utc + "+00:00"


def said(engine: Engine) -> list[Change | Rejected]:
    """What every unread row is read as, by id."""
    return [read(row, SYSTEMS) for row in OutboxReader(engine).unread(100)]


def fates(engine: Engine) -> list[str]:
    """Of every unread row, by id: `taken`, or the fields it is rejected for."""
    return [
        "taken" if isinstance(each, Change) else ",".join(part.split(":")[0] for part in each.reason.split("; "))
        for each in said(engine)
    ]


def script(engine: Engine, sql: str) -> None:
    """Run a file of SQL as a database's own shell does: as it stands, in one connection."""
    match engine.dialect.name:
        case "mysql":
            url = engine.url
            connection = pymysql.connect(
                host=url.host, port=url.port or 3306, user=url.username, database=url.database, autocommit=True,
                client_flag=CLIENT.MULTI_STATEMENTS,
            )  # fmt: skip
            with closing(connection), connection.cursor() as cursor:
                cursor.execute(sql)
                while cursor.nextset():
                    pass
        case "sqlite":
            with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as file:
                file.executescript(sql)
        case _:
            with psycopg.connect(engine.url.render_as_string(False).replace("+psycopg", ""), autocommit=True) as server:
                server.execute(sql.encode())
