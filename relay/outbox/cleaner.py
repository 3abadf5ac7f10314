"""Deletes settled rows of an outbox, where the relay's login may: in its own database, or with the cleaner's role."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Engine, bindparam, delete, select

from relay.database import reading
from relay.outbox.marks import IDS_PER_STATEMENT
from relay.outbox.table import instant_as_written, instant_given, outbox_table, past_locks

BATCH: Final = 5_000  # rows looked at


class OutboxCleaner:
    """One outbox table, whoever's rows stand in it. Reads only what the cleaner's role may: ids and outcomes."""

    def __init__(self, engine: Engine, table_name: str) -> None:
        self.engine = engine
        table = outbox_table(table_name, engine.dialect.name)
        some = select(table.c.id, table.c.outcome, table.c.relayed_at).order_by(table.c.id).limit(BATCH)
        first = past_locks(some, table).subquery()
        self._old = select(first.c.id).where(
            first.c.outcome.is_not(None), first.c.relayed_at <= instant_given(engine.dialect.name, "before")
        )
        self._delete = delete(table).where(
            table.c.id.in_(bindparam("ids", expanding=True)), table.c.outcome.is_not(None)
        )

    def clean(self, before: datetime) -> int:
        """Delete rows settled before a time, as far as they are among the first by id; how many.

        Raises SQLAlchemyError, where the login has not the right to, among others.
        """
        with reading(self.engine) as connection:
            stamp = instant_as_written(before, self.engine.dialect.name)
            ids = list(connection.execute(self._old, {"before": stamp}).scalars())
        with self.engine.begin() as connection:
            for start in range(0, len(ids), IDS_PER_STATEMENT):
                connection.execute(self._delete, {"ids": ids[start : start + IDS_PER_STATEMENT]})
        return len(ids)
