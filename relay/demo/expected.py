"""Which posts the index should hold, worked out from the bookings a second time, by other code than the relay's.

It reads the booking systems' own tables, not the outbox, and shares nothing with `relay.booking`, so that a
mistake of the relay's cannot hide in it. What it says is the contract in short: one post for each booking that
is upcoming, may be shown, and is at a connected unit (R-20, R-22).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from relay.demo.booking_system import Booking
from relay.demo.cast import ORGANISATION, System, check_digit

Post = tuple[tuple[str, str], ...]
"""A post as the sandbox lists it, all key fields and most_recent_content, as sorted pairs."""

_STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")
_FIELDS: Final = (
    "registered_resident_identification", "service_domain", "categorization", "logical_address",
    "business_object_instance_identifier", "clinical_process_interest_id", "source_system", "data_controller",
    "most_recent_content",
)  # fmt: skip


def should_hold(bookings: Iterable[tuple[System, Booking]], now: datetime) -> set[Post]:
    """The posts of all these bookings at `now` (aware)."""
    return {_post(system, booking) for system, booking in bookings if _belongs(system, booking, now)}


def does_hold(listed: Iterable[dict[str, Any]]) -> set[Post]:
    """The same of what the sandbox lists."""
    return {tuple(sorted((name, str(post[name])) for name in _FIELDS)) for post in listed}


def differences(should: set[Post], does: set[Post]) -> list[str]:
    """Every post that is missing or left over, in words; none: the two are equal."""
    return sorted(
        [f"missing from the index: {_in_words(post)}" for post in should - does]
        + [f"left over in the index: {_in_words(post)}" for post in does - should]
    )


def is_national(resident_id: str) -> bool:
    """Whether a personnummer or samordningsnummer: twelve digits, the last one right (R-07)."""
    return len(resident_id) == 12 and resident_id.isdigit() and check_digit(resident_id[2:11]) == resident_id[11]


def _belongs(system: System, booking: Booking, now: datetime) -> bool:
    connected = {unit.hsa_id for unit in system.connected()}
    ends = [_instant(end) for end in (booking.starts_at, booking.valid_until) if end is not None]
    return (
        not booking.cancelled
        and booking.presentable
        and booking.care_unit.upper() in connected
        and is_national(booking.resident_id)
        and all(end > now for end in ends)
    )


def _post(system: System, booking: Booking) -> Post:
    unit = next(unit for unit in system.units if unit.hsa_id == booking.care_unit.upper())
    when = booking.invited_on if booking.kind == "open_invitation" else booking.starts_at
    assert when is not None
    values = (
        booking.resident_id,
        "riv:crm:scheduling",
        "NA",
        unit.hsa_id,
        booking.booking_id,
        "NA",
        system.hsa_id,
        booking.data_controller or unit.data_controller or ORGANISATION,
        f"{when:%Y%m%d%H%M%S}",
    )
    return tuple(sorted(zip(_FIELDS, values, strict=True)))


def _instant(wall: datetime) -> datetime:
    return wall.replace(tzinfo=_STOCKHOLM, fold=1).astimezone(UTC)


def _in_words(post: Post) -> str:
    said = dict(post)
    return (
        f"{said['business_object_instance_identifier']} at {said['logical_address']}, "
        f"{said['most_recent_content']}, {said['source_system']}, {said['data_controller']}"
    )
