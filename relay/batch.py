"""What a batch of outbox rows does to what is known: every row gets its outcome, every booking its last state.

Pure. The rows of a batch are folded in the order of their ids, so that many events on one booking cost one
write, and a row's outcome does not depend on which batch it came in.

Ids that begin again (a table that was rebuilt, or emptied with its identity restarted) would make every change seem
older than what was taken. Two things reveal it: an id that comes a second time, with another row that was written
after the first one was settled; and a row with a lower id that was written after the booking's last one was taken. The
first is proof, and then times are compared as they are; the second alone must be clear by more than clocks differ
(`CLOCKS_DIFFER`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from relay.booking import NO_ROW, REMOVED, Booking, Withheld, is_written_later, succeed
from relay.change import REASON_LIMIT, Change, OutboxRow, Rejected, booking_id_of, event_id_of, shown
from relay.post import WantedPost

TAKEN: Final = "taken"
REJECTED: Final = "rejected"
DUPLICATE: Final = "duplicate"
SUPERSEDED: Final = "superseded"
_EVENT_TAKEN: Final = (TAKEN, SUPERSEDED)

CLOCKS_DIFFER: Final = timedelta(minutes=1)  # `outbox check` complains of more


class Receipt(NamedTuple):
    """What became of one row. `fingerprint` tells it from a later row that was given the same id.

    `content` (`Change.content`) and `event_booking` are kept where the row took its event id.
    """

    row_id: int
    fingerprint: str
    event_id: str | None  # None: the row took none
    outcome: str
    reason: str | None
    booking_id: str | None = None  # only of a row that was not taken: whoever asks for the booking finds it by this
    by_row: int | None = None  # of a superseded row: the row that stands
    by_version: int | None = None  # and the highest version that was taken
    content: str | None = None
    event_booking: str | None = None
    settled_at: datetime | None = None  # only of one that is read


class TakenEvent(NamedTuple):
    """Who took an event id, and what it said; None: an older version of the relay kept no note of that."""

    row_id: int
    content: str | None
    booking_id: str | None


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
    ids_restarted: int = 0  # rows taken as newer though their ids are lower


class Reading(NamedTuple):
    """A row with what it was read as."""

    row: OutboxRow
    said: Change | Rejected


def settle(
    readings: Iterable[Reading],
    earlier: Mapping[int, Receipt],
    events_taken: Mapping[str, TakenEvent],
    bookings: Mapping[str, Booking],
    wanted_post: Callable[[Booking], WantedPost | Withheld],
    now: datetime,
) -> Settlement:
    """Fold the rows into what was known before: their `earlier` receipts by id, the event ids taken, the bookings.

    A row read again gets the outcome it got first. A repeated event id is a duplicate where the rows say the same, and
    rejected where they do not. A rejected row takes neither its version nor its event id.
    """
    result = Settlement()
    current = dict(bookings)
    events = dict(events_taken)
    in_order = sorted(readings, key=lambda reading: reading.row.id)
    restarted = bool(earlier) and any(_is_id_given_again(each, earlier) for each in in_order)
    margin = timedelta() if restarted else CLOCKS_DIFFER
    for row, said in in_order:
        fingerprint = row.fingerprint()
        before = earlier.get(row.id)
        if before is not None and before.fingerprint == fingerprint:
            result.receipts.append(before)
            continue
        event_id = event_id_of(row) if row.event_id else None
        outcome, reason, by_row, by_version = TAKEN, None, None, None
        if event_id is not None and event_id in events:
            outcome, reason = _repeated(events[event_id], said)
        elif isinstance(said, Rejected):
            outcome, reason = REJECTED, said.reason
        else:
            registered_at = said.registered_at or now
            stands = current.get(said.booking_id)
            is_later = stands is not None and is_written_later(stands, said, margin)
            taken_at, since = (registered_at, now) if registered_at > now else (now, registered_at)
            booking = succeed(stands, said, is_later=is_later, taken_at=taken_at)
            if booking is None:
                assert stands is not None
                outcome, reason = SUPERSEDED, _superseded(stands, said)
                by_row, by_version = stands.row_id, stands.version
            else:
                result.ids_restarted += is_later
                wanted = wanted_post(booking)
                if isinstance(wanted, Withheld) and wanted is not REMOVED:
                    reason = wanted.reason
                current[said.booking_id] = booking
                result.changed[said.booking_id] = Changed(booking, wanted, since)
        content = booking_id = None
        if event_id is not None:
            if isinstance(said, Change) and outcome in _EVENT_TAKEN:
                content, booking_id = said.content(), said.booking_id
                events[event_id] = TakenEvent(row.id, content, booking_id)
            else:
                event_id = None
        about = None if outcome == TAKEN else booking_id_of(row)
        receipt = Receipt(
            row.id, fingerprint, event_id, outcome, reason, about, by_row, by_version, content, booking_id
        )  # fmt: skip
        result.receipts.append(receipt)
        result.fresh.append(receipt)
    return result


def _is_id_given_again(reading: Reading, earlier: Mapping[int, Receipt]) -> bool:
    """Whether the id stood on another row that was settled before this one was written."""
    row, said = reading
    before = earlier.get(row.id)
    if before is None or before.settled_at is None or isinstance(said, Rejected) or said.registered_at is None:
        return False
    return said.registered_at > before.settled_at and before.fingerprint != row.fingerprint()


def _repeated(first: TakenEvent, said: Change | Rejected) -> tuple[str, str]:
    """The outcome of a row whose event id was taken before, and the reason."""
    if first.content is None:
        return DUPLICATE, f"event_id: row {first.row_id} took it; what that row said is not known any more"
    if isinstance(said, Change) and said.content() == first.content:
        return DUPLICATE, f"event_id: row {first.row_id} took it, and says the same"
    clash = (
        f"event_id: row {first.row_id} took it for booking {shown(first.booking_id or '')} and says something else; "
        "expected an event_id of its own for each change"
    )
    return REJECTED, (clash if isinstance(said, Change) else f"{clash}; {said.reason}")[:REASON_LIMIT]


def _superseded(stands: Booking, said: Change) -> str:
    """Which row and version won over what the row says."""
    row = "the full list of bookings" if stands.row_id == NO_ROW else f"row {stands.row_id}"
    version = "without a version" if stands.row_version is None else f"version {stands.row_version}"
    reason = f"superseded by {row}, {version}"
    if said.version is not None and stands.version is not None and said.version < stands.version != stands.row_version:
        reason += f"; version {stands.version} was taken before"
    return reason
