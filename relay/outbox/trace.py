"""The rows of an outbox that are about one booking: for people who ask, never for a step of the relay.

The table need not have an index on booking_id, and it is not ours to make one. So nothing here reads all of it: rows
that wait are found by the index on them, rows whose number is known by their key, and settled ones by going back from
the newest a window at a time, as far as the question may reach. How far it came is part of the answer. Where somebody
has made an index on booking_id, a big table is asked by that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, and_, func, inspect, select

from relay.change import OutboxRow
from relay.database import reading
from relay.outbox.inspect import RowFacts, index_of
from relay.outbox.marks import IDS_PER_STATEMENT
from relay.outbox.reader import WRITTEN, OutboxReader, looking
from relay.outbox.table import PREFIX, beginning_of, outbox_table, past_locks
from relay.outbox.texts import ASKED_FOR_TYPES, as_text

WINDOW: Final = 50_000  # rows; some twenty milliseconds
_MOST: Final = 500  # rows of one booking


@dataclass(frozen=True, slots=True)
class Reach:
    """How far settled rows are looked for: so long, and through so many of the newest (None: as many as there are)."""

    seconds: float = 3.0
    rows: int | None = None

    def among(self, number: int) -> Reach:
        """What each of so many outboxes gets of it, when all of them are asked one question."""
        share = max(number, 1)
        return Reach(self.seconds / share, None if self.rows is None else self.rows // share)


FAR: Final = Reach()


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
    reach: Reach = FAR,
    clock: Callable[[], float] = time.monotonic,
) -> Trace:
    """The rows of this booking, of this event, and with these numbers, oldest first. Raises SQLAlchemyError."""
    with reading(reader.engine) as connection:
        asking = _Asking(connection, reader)
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
            back_to = asking.backwards(mine, found, reach, clock)
    return Trace(tuple(found[id_] for id_ in sorted(found)), back_to)


_indexed: WeakKeyDictionary[OutboxReader, bool] = WeakKeyDictionary()


class _Asking:
    """One look at one table, on one connection."""

    def __init__(self, connection: Connection, reader: OutboxReader) -> None:
        dialect = connection.dialect.name
        self._connection, self._reader = connection, reader
        self.table = outbox_table(reader.table_name, dialect)
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

    def backwards(self, mine: Any, found: dict[int, RowFacts], reach: Reach, clock: Callable[[], float]) -> int | None:
        """Look for settled rows from the newest on; the oldest row looked at, None where that was the first."""
        ends_at, left = clock() + reach.seconds, reach.rows
        ids, settled = self.table.c.id, self.table.c.outcome.is_not(None)
        newest: int | None = self._connection.execute(self._past_locks(select(func.max(ids)))).scalar_one()
        upper = newest
        while upper is not None:
            size = WINDOW if left is None else max(min(WINDOW, left), 1)
            window = self._past_locks(select(ids).where(ids <= upper).order_by(ids.desc()).limit(size)).subquery()
            lower, number = self._connection.execute(select(func.min(window.c.id), func.count())).one()
            if not number:
                return None
            self.rows(mine & ids.between(lower, upper) & settled, found)
            if number < size:
                return None
            if upper == newest and self._has_an_index():
                self.rows(mine & settled, found)
                return None
            left = None if left is None else left - size
            if clock() >= ends_at or len(found) >= _MOST or (left is not None and left <= 0):
                return int(lower)
            upper = lower - 1
        return None

    def _has_an_index(self) -> bool:
        """Whether the table has an index that leads to a booking's rows, all of them; looked for once."""
        if (known := _indexed.get(self._reader)) is None:
            known = _indexed[self._reader] = self._looks_indexed()
        return known

    def _looks_indexed(self) -> bool:
        table, dialect = self.table, self._connection.dialect.name
        indexes = inspect(self._connection).get_indexes(table.name, table.schema, **looking(dialect))
        whole = [each for each in indexes if not each.get("dialect_options", {}).get("postgresql_where")]
        return any(index_of(each)[:1] == ("booking_id",) for each in whole)

    def _past_locks(self, question: Any) -> Any:
        return past_locks(question, self.table)
