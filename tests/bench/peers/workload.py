"""The rows: a backlog of bookings, all different; then changes, some of them soon after each other, as days have them.

What the index should hold in the end is known from the rows alone: one post for each booking that is there and shown,
at its last unit and with its last time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Engine, insert

from relay.outbox.table import outbox_table
from tests.bench.database import CARE_UNITS

RESIDENT: Final = "191212121212"
_FIRST: Final = datetime.now().replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=30)

Posts = dict[tuple[str, str], str]
"""{(unit, booking): mostRecentContent}."""


class Row(NamedTuple):
    """What an outbox row says."""

    booking: int
    version: int
    unit: int
    time: int  # quarters of an hour after the first
    operation: str = "upsert"
    presentable: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """Its post's unit and booking."""
        return f"SE2321000016-{self.unit}", f"booking-{self.booking}"

    @property
    def starts_at(self) -> datetime:
        """Its time."""
        return _FIRST + timedelta(minutes=15 * self.time)


def backlog(number: int) -> list[Row]:
    """So many bookings."""
    return [Row(i, 1, i % CARE_UNITS, i % 2000) for i in range(1, number + 1)]


def changes(of: Sequence[Row], each: int) -> list[Row]:
    """`each` bookings of every kind of change; the bookings of a kind are apart, their own rows follow each other."""
    return [row for i in range(each) for row in _kinds(of[i * 5 : i * 5 + 5], len(of) + 1 + i)]


def _kinds(five: Sequence[Row], fresh: int) -> Iterator[Row]:
    again, removed, moved, hidden, back = five
    yield again._replace(version=2, time=again.time + 4)  # to another time, and then to a better one
    yield again._replace(version=3, time=again.time + 8)
    yield removed._replace(version=2, operation="remove")
    yield moved._replace(version=2, unit=(moved.unit + 1) % CARE_UNITS)
    yield hidden._replace(version=2, presentable=False)
    yield back._replace(version=2, operation="remove")  # cancelled by mistake
    yield back._replace(version=3, time=back.time + 1)
    yield Row(fresh, 1, fresh % CARE_UNITS, 7)  # booked, and at once regretted
    yield Row(fresh, 2, fresh % CARE_UNITS, 7, "remove")


def expected(rows: Sequence[Row]) -> Posts:
    """What the index should hold after all these rows."""
    last = {row.booking: row for row in rows}
    return {
        row.key: f"{row.starts_at:%Y%m%d%H%M%S}"
        for row in last.values()
        if row.operation == "upsert" and row.presentable
    }


def write(engine: Engine, rows: Sequence[Row]) -> None:
    """Write the rows to the outbox of a database, in their order."""
    values = [
        {
            "event_id": f"event-{row.booking}-{row.version}",
            "operation": row.operation,
            "booking_id": row.key[1],
            "version": row.version,
            "resident_id": RESIDENT,
            "care_unit": row.key[0],
            "starts_at": row.starts_at,
            "presentable": row.presentable,
        }
        for row in rows
    ]
    with engine.begin() as connection:
        connection.execute(insert(outbox_table()), values)
