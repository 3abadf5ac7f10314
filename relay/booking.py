"""A booking's state, which of two changes stands, and the post it should have now.

Pure: the heart of the relay is two functions. `succeed` says which state stands after a change, whatever the
order changes arrive in. `wanted_post` says which post a booking should have at a time (R-04…R-08, R-20…R-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from relay.change import Change, Details, Kind
from relay.identity import is_national
from relay.post import PostKey, WantedPost, is_storable
from relay.wallclock import content_of_date, content_of_time, instant_of

NO_ROW: Final = 0  # of a booking from a full list; below every outbox row's id: whatever comes by the outbox is later


class Unit(Protocol):
    """What the catalogue of care units says of one."""

    @property
    def active(self) -> bool: ...
    @property
    def data_controller(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What a source's configuration says about which bookings are published, and as whose."""

    data_controller: str
    units: Mapping[str, Unit] | None = None  # by upper-case HSA-id; None: every unit is connected
    residents: frozenset[str] | None = None  # the test identities allowed; None: all
    local_identities: re.Pattern[str] | None = None  # what a local reserve identity looks like; None: none
    retired: bool = False  # the source has left: it should have no posts


@dataclass(slots=True, unsafe_hash=True)  # never changed; a frozen one would take three times as long to make
class Booking:
    """What the booking system last said of one booking.

    `version` is the highest version ever taken, `row_version` that of the row that stands (None: it had none).
    A removed booking keeps its versions, so that an older upsert that comes late cannot raise it from the dead.
    """

    booking_id: str
    row_id: int
    row_version: int | None
    version: int | None
    source_system: str
    details: Details | None  # None: removed
    # when its row was taken, by our clock or by that of `created_at`, whichever is later (aware UTC); None: not known
    taken_at: datetime | None = field(default=None, compare=False)


class Withheld(NamedTuple):
    """Why a booking should have no post."""

    reason: str


REMOVED = Withheld("removed")
RETIRED = Withheld("not published: the source is retired")
LOCAL = Withheld("not published: resident_id is a local reserve identity")
NOT_ALLOWED = Withheld("not published: resident_id is not one of the test identities allowed here")
NOT_CONNECTED = Withheld("not published: care_unit is not an active unit")
HIDDEN = Withheld("not published: presentable is false")
PAST = Withheld("not published: its time has passed")
UNSTORABLE = Withheld("not published: booking_id or data_controller has characters that the index cannot store")


def succeed(
    current: Booking | None, change: Change, *, is_later: bool = False, taken_at: datetime | None = None
) -> Booking | None:
    """The booking after `change`, or None where the change is superseded by what was taken before. `taken_at` is noted.

    A version lower than any taken loses. Otherwise a higher version wins over the last taken row's; among equal
    ones, or where either row has none, the higher row id wins, and with `is_later` (`is_written_later`) any id.
    """
    if current is not None and _is_superseded(current, change, is_later):
        return None
    highest = current.version if current is not None else None
    return Booking(
        change.booking_id,
        change.row_id,
        change.version,
        change.version if change.version is not None else highest,
        change.source_system,
        change.details,
        taken_at,
    )


def is_written_later(current: Booking, change: Change, margin: timedelta) -> bool:
    """Whether a row with a lower id than the last taken one was written after that one was taken.

    In a table whose ids grow this cannot be: its ids have begun again. A row that is merely committed late was written
    before. Both times are asked of clocks that may differ, so it must be later by more than `margin`.
    """
    if change.registered_at is None or current.taken_at is None or change.row_id >= current.row_id:
        return False
    return change.registered_at > current.taken_at + margin


def _is_superseded(current: Booking, change: Change, is_later: bool) -> bool:
    if change.version is not None:
        if current.version is not None and change.version < current.version:
            return True
        if current.row_version is not None and change.version > current.row_version:
            return False
    return change.row_id < current.row_id and not is_later


def wanted_post(booking: Booking, policy: Policy, now: datetime) -> WantedPost | Withheld:
    """The post that `booking` should have at `now` (aware UTC), or why it should have none."""
    if (reason := next(withheld(booking, policy, now), None)) is not None:
        return reason
    details = booking.details
    assert details is not None
    key = PostKey(
        details.resident_id, details.care_unit, booking.booking_id, booking.source_system, _controller(details, policy)
    )
    return WantedPost(key, content_of(details), expiry(details))


def withheld(booking: Booking, policy: Policy, now: datetime) -> Iterator[Withheld]:
    """Every reason for which `booking` should have no post at `now`, the one that decides first; none: it should."""
    details = booking.details
    if details is None:
        yield REMOVED
        return
    if policy.retired:
        yield RETIRED
    if _is_local(details.resident_id, policy):
        yield LOCAL
    elif policy.residents is not None and details.resident_id not in policy.residents:
        yield NOT_ALLOWED
    unit = policy.units.get(details.care_unit) if policy.units is not None else None
    if policy.units is not None and (unit is None or not unit.active):
        yield NOT_CONNECTED
    if not details.presentable:
        yield HIDDEN
    expires_at = expiry(details)
    if expires_at is not None and expires_at <= now:
        yield PAST
    if not (is_storable(booking.booking_id) and is_storable(_controller(details, policy))):
        yield UNSTORABLE  # taken by a version that knew no better


def _controller(details: Details, policy: Policy) -> str:
    unit = policy.units.get(details.care_unit) if policy.units is not None else None
    return details.data_controller or (unit.data_controller if unit is not None else None) or policy.data_controller


def _is_local(resident_id: str, policy: Policy) -> bool:
    """Whether it must never be sent (R-07). What was taken in by a pattern that is gone since is local still."""
    if policy.local_identities is not None and policy.local_identities.fullmatch(resident_id):
        return True
    return not is_national(resident_id)


def expiry(details: Details) -> datetime | None:
    """When the booking is outdated (R-22): the earlier of its start and the end of its validity; None: never."""
    if details.valid_until is None:
        return instant_of(details.starts_at) if details.starts_at is not None else None
    ends_at = instant_of(details.valid_until)
    return min(instant_of(details.starts_at), ends_at) if details.starts_at is not None else ends_at


def content_of(details: Details) -> str:
    """The booking's mostRecentContent (R-05)."""
    if details.kind is Kind.OPEN_INVITATION:
        assert details.invited_on is not None
        return content_of_date(details.invited_on)
    assert details.starts_at is not None
    return content_of_time(details.starts_at)
