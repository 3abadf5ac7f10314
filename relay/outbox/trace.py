"""The rows of an outbox that are about one booking: for people who ask, never for a step of the relay.

The table has no index on booking_id, and it is not ours to make one. So nothing here reads all of it: rows that wait
are found by the index on them, rows whose number is known by their key, and settled ones by going back from the newest
a window at a time, for as long as the patience lasts. How far it came is part of the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, inspect, select

from relay.change import OutboxRow
from relay.database import reading
from relay.outbox.inspect import RowFacts
from relay.outbox.marks import IDS_PER_STATEMENT
from relay.outbox.reader import WRITTEN, OutboxReader, looking
from relay.outbox.table import PREFIX, beginning_of, outbox_table, past_locks
from relay.outbox.texts import ASKED_FOR_TYPES, as_text

WINDOW: Final = 20_000  # rows; some ten milliseconds
PATIENCE: Final = 3.0  # seconds
_MOST: Final = 500  # rows of one booking


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found. `back_to` is the oldest row that was looked at; None: all were."""

    rows: tuple[RowFacts, ...]
    back_to: int | None


def trace(
    reader: OutboxReader,
    *,
    booking_id: str | None = None,
    event_id: str | None = None,
    row_ids: Collection[int] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Trace:
    """The rows of this booking, of this event, and with these numbers, oldest first. Raises SQLAlchemyError."""
    with reading(reader.engine) as connection:
        asking = _Asking(connection, reader.table_name)
        found: dict[int, RowFacts] = {}
        if row_ids:
            some = sorted(row_ids)[-IDS_PER_STATEMENT:]
            asking.rows(asking.table.c.id.in_(some), found)
        if event_id is not None:
            asking.rows(asking.of_event(event_id), found)
        back_to = None
        if booking_id is not None:
            mine = asking.table.c.booking_id == booking_id
            asking.rows(mine & asking.table.c.outcome.is_(None), found)
            back_to = asking.backwards(mine, found, clock)
    return Trace(tuple(found[id_] for id_ in sorted(found)), back_to)


class _Asking:
    """One look at one table, on one connection."""

    def __init__(self, connection: Connection, table_name: str) -> None:
        dialect = connection.dialect.name
        self._connection = connection
        self.table = outbox_table(table_name, dialect)
        kinds = {}
        if dialect in ASKED_FOR_TYPES:
            described = inspect(connection).get_columns(self.table.name, self.table.schema, **looking(dialect))
            kinds = {str(column["name"]).lower(): column["type"] for column in described}
        names = (*WRITTEN, "relayed_at", "outcome", "outcome_reason")
        columns = [(name, self.table.c[name]) for name in names]
        self._texts = [as_text(c, name, dialect, kinds.get(name, c.type)).label(name) for name, c in columns]

    def of_event(self, event_id: str) -> ColumnElement[bool]:
        column = self.table.c.event_id
        if self._connection.dialect.name != "oracle":
            return column == event_id
        return and_(beginning_of(column) == event_id[:PREFIX], column == event_id)  # the first by the index

    def rows(self, where: Any, found: dict[int, RowFacts]) -> None:
        asked = select(self.table.c.id, *self._texts).where(where).order_by(self.table.c.id.desc()).limit(_MOST)
        for row in self._connection.execute(self._past_locks(asked)):
            said = dict(row._mapping)
            facts = {name: said.pop(name) for name in ("relayed_at", "outcome")} | {
                "reason": said.pop("outcome_reason")
            }
            found[said["id"]] = RowFacts(row=OutboxRow(**said), **facts)

    def backwards(self, mine: Any, found: dict[int, RowFacts], clock: Callable[[], float]) -> int | None:
        """Look for settled rows from the newest on; the oldest row looked at, None where that was the first."""
        ends_at = clock() + PATIENCE
        ids = self.table.c.id
        upper: int | None = self._connection.execute(self._past_locks(select(func.max(ids)))).scalar_one()
        while upper is not None:
            window = self._past_locks(select(ids).where(ids <= upper).order_by(ids.desc()).limit(WINDOW)).subquery()
            lower, number = self._connection.execute(select(func.min(window.c.id), func.count())).one()
            if not number:
                return None
            self.rows(mine & ids.between(lower, upper) & self.table.c.outcome.is_not(None), found)
            if number < WINDOW:
                return None
            if clock() >= ends_at or len(found) >= _MOST:
                return int(lower)
            upper = lower - 1
        return None

    def _past_locks(self, question: Any) -> Any:
        return past_locks(question, self.table)
