"""What is wrong with an outbox, in sentences, from the facts that `relay.outbox.inspect` gathered.

Pure. No sentence quotes a value of a resident; the reasons of rejected rows, which mask them, are counted by field.
Values that look unlike the rest are `relay.outbox.unlike`'s.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from relay.outbox.inspect import OutboxFacts, RowFacts
from relay.outbox.reader import WRITTEN
from relay.outbox.table import DEFAULT_NAME, outbox_table
from relay.outbox.unlike import unlike
from relay.wallclock import WallClockError, parse_instant

# what intake accepts, in characters; a narrower column cuts or fails a booking
LIMITS: Final = {
    "event_id": 64, "operation": 10, "booking_id": 128, "source_system": 64, "resident_id": 13, "care_unit": 64,
    "kind": 20, "data_controller": 64, "outcome": 10, "outcome_reason": 500,
}  # fmt: skip
REQUIRED: Final = ("id", "operation", "booking_id")
SKEW: Final = timedelta(minutes=1)
ENOUGH_ROWS: Final = 20  # to suspect anything from
_BEGINNING = re.compile(r'substr\("?event_id"?\s*,')  # an index of Oracle's, as it describes it
_REFUSED_FIELD = re.compile(rf"(?:^|; )({'|'.join(WRITTEN)}): ")


class Level(StrEnum):
    """Whether the relay or a booking is harmed, or somebody should merely have a look."""

    WRONG = "wrong"
    LOOK = "look at"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    level: Level
    text: str


def judge(facts: OutboxFacts, set_aside: Sequence[tuple[int, str]] = ()) -> list[Finding]:
    """All that is wrong, the worst first; empty where nothing is. `set_aside` are the rows that the relay has set
    aside, each with the reason."""
    found = [Finding(Level.WRONG, text) for text in _wrong(facts)]
    found += [Finding(Level.WRONG, text) for text in _aside(set_aside)]
    return found + [Finding(Level.LOOK, text) for text in _suspicious(facts)]


def odd(facts: OutboxFacts) -> list[str]:
    """What the values of the last rows are like, and their times and ids: what is worth a look though it was taken."""
    return [*_skew(facts), *_ids(facts), *unlike([row.row for row in facts.rows])]


def _wrong(facts: OutboxFacts) -> Iterator[str]:
    if facts.troubles:
        yield from (f"The outbox cannot be looked at: {trouble}." for trouble in facts.troubles)
        return
    missing = _missing(facts)
    yield from (f"The column {name} is missing." for name in missing)
    if facts.read_trouble:
        yield f"The rows cannot be read: {facts.read_trouble}."
    if facts.mark_trouble and not missing:
        yield f"Outcomes cannot be written: {facts.mark_trouble}."
    yield from _narrow(facts)
    yield from _strict(facts)
    yield from _rejected(facts.rows)
    yield from _skew(facts)


def _aside(rows: Sequence[tuple[int, str]]) -> Iterator[str]:
    for row_id, reason in rows[:10]:
        yield f"The row with id {row_id} is set aside, since its outcome cannot be written: {reason}."
    if len(rows) > 10:
        yield f"And {len(rows) - 10} rows more are set aside."


def _suspicious(facts: OutboxFacts) -> Iterator[str]:
    if facts.columns:
        yield from _indexes(facts)
    yield from _held(facts)
    yield from _unversioned(facts.rows)
    yield from _ids(facts)
    yield from unlike([row.row for row in facts.rows])


def _held(facts: OutboxFacts) -> Iterator[str]:
    """Not wrong by itself: a booking may be long being written."""
    if facts.held:
        first = ", ".join(str(row_id) for row_id in facts.held[:10])
        more = f" and {len(facts.held) - 10} more" if len(facts.held) > 10 else ""
        yield (
            f"Another transaction holds the rows with id {first}{more}: their outcomes are written when it ends. If it "
            "does not, look for a session of the booking system's that is idle in a transaction."
        )


def _missing(facts: OutboxFacts) -> list[str]:
    there = {column.name for column in facts.columns}
    return [column.name for column in outbox_table(DEFAULT_NAME).columns if column.name not in there]


def _narrow(facts: OutboxFacts) -> Iterator[str]:
    for column in facts.columns:
        limit = LIMITS.get(column.name)
        if limit and column.is_text and column.length is not None and column.length < limit:
            yield (
                f"The column {column.name} holds {column.length} characters; a right value may have {limit}, "
                "and would be cut or make the booking fail."
            )


def _strict(facts: OutboxFacts) -> Iterator[str]:
    ours = {column.name for column in outbox_table(DEFAULT_NAME).columns} - set(REQUIRED)
    for column in facts.columns:
        if column.name in ours and not column.nullable:
            yield f"The column {column.name} may not be null: a booking without it would fail."


def _rejected(rows: tuple[RowFacts, ...]) -> Iterator[str]:
    fields: Counter[str] = Counter()
    for row in rows:
        if row.outcome == "rejected":
            fields.update(_refused_fields(row))
    for name, number in fields.most_common():
        newest = next(r for r in rows if r.outcome == "rejected" and name in _refused_fields(r))
        yield (
            f"Of the last {len(rows)} rows, {number} {'was' if number == 1 else 'were'} rejected for {name}; "
            f"the newest is id {newest.row.id}, its outcome_reason says what was expected."
        )


def _refused_fields(row: RowFacts) -> set[str]:
    """The fields a reason begins its parts with; their texts have punctuation of their own, and may show a value."""
    return set(_REFUSED_FIELD.findall(row.reason or "")) or {"no reason"}


def _skew(facts: OutboxFacts) -> Iterator[str]:
    """R-33: the 60 minutes start at created_at."""
    ahead = [by for row in facts.rows if (by := _ahead(row, facts.now)) is not None and by > SKEW]
    if ahead:
        yield (
            f"created_at lies up to {_minutes(max(ahead))} minutes in the future: the database's clock is off, or "
            "local time is written where the time of the instant is wanted."
        )
    unset = sum(row.row.created_at is None for row in facts.rows)
    if unset and "created_at" not in _missing(facts):
        yield f"Of the last {len(facts.rows)} rows, {unset} have no created_at: leave it to the database's default."


def _ahead(row: RowFacts, now: datetime) -> timedelta | None:
    created, relayed = _instant(row.row.created_at), _instant(row.relayed_at)
    return None if created is None else created - min(relayed or now, now)


def _indexes(facts: OutboxFacts) -> Iterator[str]:
    if not any("outcome" in index or index == ("id",) for index in facts.indexes):
        yield "There is no index for the rows without an outcome: reading gets slower as the table grows."
    if not any("event_id" in index[:1] or index == ("id", "event_id") or _BEGINNING.match(index[0])
               for index in facts.indexes if index):  # fmt: skip
        yield "There is no index on event_id."


def _ids(facts: OutboxFacts) -> Iterator[str]:
    if facts.ids_may_restart:
        yield (
            "The table has no AUTOINCREMENT: when its last rows are deleted their ids are given out again, and a row "
            "with a lower id than its booking's last one is taken for an older one."
        )
    newest = max((row.row.id for row in facts.rows), default=None)
    if newest is not None and facts.newest_taken is not None and newest < facts.newest_taken:
        yield (
            f"The newest id is {newest}, and the relay has taken id {facts.newest_taken}: the ids have begun again. "
            "Let them go on above that; versions keep the order right meanwhile."
        )


def _unversioned(rows: tuple[RowFacts, ...]) -> Iterator[str]:
    if len(rows) < ENOUGH_ROWS:
        return
    if not any(row.row.version for row in rows):
        yield (
            f"None of the last {len(rows)} rows has a version: of two changes committed in the same moment "
            "the wrong one may win."
        )
    if not any(row.row.version or row.row.event_id for row in rows):
        yield f"None of the last {len(rows)} rows has an event_id: a row that is written twice is taken twice."


def _instant(text: str | None) -> datetime | None:
    try:
        return parse_instant(text) if text else None
    except WallClockError:
        return None


def _minutes(length: timedelta) -> int:
    return round(length.total_seconds() / 60)
