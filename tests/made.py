"""Outbox rows and bookings as tests want them: right unless told otherwise."""

from __future__ import annotations

from datetime import datetime

from relay.booking import Booking
from relay.change import Change, Details, Kind, OutboxRow, Rejected, read
from relay.post import PostKey

RESIDENT = "191212121212"  # a published test identity
UNIT = "SE2321000016-1HZ5"
OTHER_UNIT = "SE2321000016-1HZ6"
SYSTEM = "SE2321000016-84GX"
OTHER_SYSTEM = "SE2321000016-84GY"
CONTROLLER = "SE232100-0016"
SYSTEMS = {SYSTEM: SYSTEM, OTHER_SYSTEM: OTHER_SYSTEM}
STARTS = datetime(2026, 12, 24, 10, 30)


def row(id: int = 1, **said: str | None) -> OutboxRow:
    """An upsert of booking b-1 on Christmas Eve 2026 at 10.30."""
    right = {
        "operation": "upsert",
        "booking_id": "b-1",
        "resident_id": RESIDENT,
        "care_unit": UNIT,
        "starts_at": "2026-12-24 10:30:00",
        "created_at": "2026-11-02 08:59:30+00",
    }
    return OutboxRow(id, **(right | said))


def read_row(id: int = 1, **said: str | None) -> Change | Rejected:
    return read(row(id, **said), SYSTEMS)


def change(id: int = 1, **said: str | None) -> Change:
    """What a row says, where it must be one that can be taken."""
    read_as = read_row(id, **said)
    assert isinstance(read_as, Change), read_as
    return read_as


def details(**said: object) -> Details:
    right: dict[str, object] = {
        "resident_id": RESIDENT,
        "care_unit": UNIT,
        "kind": Kind.BOOKING,
        "starts_at": STARTS,
        "invited_on": None,
        "valid_until": None,
        "presentable": True,
        "data_controller": None,
    }
    return Details(**(right | said))  # type: ignore[arg-type]


def booking(said: Details | None, booking_id: str = "b-1") -> Booking:
    return Booking(booking_id, row_id=1, row_version=None, version=None, source_system=SYSTEM, details=said)


def key(**said: str) -> PostKey:
    right = {
        "resident_id": RESIDENT,
        "care_unit": UNIT,
        "booking_id": "b-1",
        "source_system": SYSTEM,
        "data_controller": CONTROLLER,
    }
    return PostKey(**(right | said))
