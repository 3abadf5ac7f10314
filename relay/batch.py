"""What a batch of outbox rows does to what is known: every row gets its outcome, every booking its last state.

Pure. The rows of a batch are folded in the order of their ids, so that many events on one booking cost one
write, and a row's outcome does not depend on which batch it came in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from relay.booking import REMOVED, Booking, Withheld, succeed
from relay.change import Change, OutboxRow, Rejected, booking_id_of, event_id_of
from relay.post import WantedPost

TAKEN: Final = "taken"
REJECTED: Final = "rejected"
DUPLICATE: Final = "duplicate"
SUPERSEDED: Final = "superseded"


class Receipt(NamedTuple):
    """What became of one row. `fingerprint` tells it from a later row that was given the same id."""

    row_id: int
    fingerprint: str
    event_id: str | None  # None: the row took none
    outcome: str
    reason: str | None
    booking_id: str | None = None  # only of a row that was not taken: whoever asks for the booking finds it by this
    by_row: int | None = None  # of a superseded row: the row that stands
    by_version: int | None = None  # and the highest version that was taken


class Changed(NamedTuple):
    """A booking as it is after the batch, the post it should have, and when that was registered."""

    booking: Booking
    wanted: WantedPost | Withheld
    since: datetime


@dataclass(slots=True)
class Settlement:
    """What became of a batch. `receipts` has one for every row, `fresh` those not answered from an old one."""

    receipts: list[Receipt] = field(default_factory=list)
    fresh: list[Receipt] = field(default_factory=list)
    changed: dict[str, Changed] = field(default_factory=dict)


class Reading(NamedTuple):
    """A row with what it was read as."""

    row: OutboxRow
    said: Change | Rejected


def settle(
    readings: Iterable[Reading],
    earlier: Mapping[int, Receipt],
    events_taken: Collection[str],
    bookings: Mapping[str, Booking],
    wanted_post: Callable[[Booking], WantedPost | Withheld],
    now: datetime,
) -> Settlement:
    """Fold the rows into what was known before: their `earlier` receipts by id, the event ids taken, the bookings.

    A row read again gets the outcome it got first. A repeated event id is a duplicate. A rejected row takes
    neither its version nor its event id.
    """
    result = Settlement()
    current = dict(bookings)
    events = set(events_taken)
    for row, said in sorted(readings, key=lambda reading: reading.row.id):
        fingerprint = row.fingerprint()
        before = earlier.get(row.id)
        if before is not None and before.fingerprint == fingerprint:
            result.receipts.append(before)
            continue
        event_id = event_id_of(row)
        outcome, reason = TAKEN, None
        if event_id in events:
            outcome = DUPLICATE
        elif isinstance(said, Rejected):
            outcome, reason = REJECTED, said.reason
        else:
            booking = succeed(current.get(said.booking_id), said)
            if booking is None:
                outcome = SUPERSEDED
            else:
                wanted = wanted_post(booking)
                if isinstance(wanted, Withheld) and wanted is not REMOVED:
                    reason = wanted.reason
                current[said.booking_id] = booking
                result.changed[said.booking_id] = Changed(booking, wanted, min(said.registered_at or now, now))
        takes_event = event_id if outcome in (TAKEN, SUPERSEDED) else None
        if takes_event is not None:
            events.add(takes_event)
        about = None if outcome == TAKEN else booking_id_of(row)
        standing = current.get(about) if about is not None and outcome == SUPERSEDED else None
        by = (standing.row_id, standing.version) if standing is not None else (None, None)
        receipt = Receipt(row.id, fingerprint, takes_event, outcome, reason, about, *by)
        result.receipts.append(receipt)
        result.fresh.append(receipt)
    return result
