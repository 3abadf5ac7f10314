"""Writes and looks at outbox rows as a booking system's database does it: plain SQL, values as they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, text


def put(database: Engine | Connection, table: str = "ei_outbox", **said: object) -> int:
    """Insert a row with these columns, and an operation and a booking where they are not among them; its id."""
    row = {"operation": "upsert", "booking_id": "b-1"} | said
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{c}' for c in row)}) RETURNING id"
    if isinstance(database, Engine):
        with database.begin() as connection:
            return int(connection.execute(text(sql), row).scalar_one())
    return int(database.execute(text(sql), row).scalar_one())


def outcomes(engine: Engine, table: str = "ei_outbox") -> dict[int, tuple[Any, Any]]:
    """(outcome, reason) of every row, by id."""
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT id, outcome, outcome_reason FROM {table} ORDER BY id"))
        return {row.id: (row.outcome, row.outcome_reason) for row in rows}


def value(engine: Engine, column: str, table: str = "ei_outbox") -> Any:
    """One column of the only row."""
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT {column} FROM {table}")).scalar_one()
