"""Writes rows into an outbox, as a booking system does: for rehearsals, which must go the way of every booking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Engine, insert

from relay.outbox.table import outbox_table


def write(engine: Engine, table_name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows in one transaction; times are naive and Swedish. Raises SQLAlchemyError, for want of rights too."""
    table = outbox_table(table_name, engine.dialect.name)
    as_text = engine.dialect.name == "sqlite"  # whose times are texts
    written = [
        {name: str(value) if as_text and isinstance(value, date) else value for name, value in row.items()}
        for row in rows
    ]
    with engine.begin() as connection:
        connection.execute(insert(table), written)
