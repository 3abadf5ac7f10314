"""A booking system as any vendor might have one: its own table of bookings, and the outbox that it writes.

It knows nothing of the relay but the outbox table, which it writes with plain SQL, in the transaction that
changes the booking. Its own table is the truth that the index is compared with in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import Engine, text

TABLE: Final = """
CREATE TABLE booking (
    booking_id varchar(128) PRIMARY KEY, version integer NOT NULL, resident_id varchar(32) NOT NULL,
    care_unit varchar(64) NOT NULL, kind varchar(20) NOT NULL, starts_at varchar(19), invited_on varchar(10),
    valid_until varchar(19), presentable boolean NOT NULL, data_controller varchar(64), cancelled boolean NOT NULL
)"""
_COLUMNS: Final = (
    "booking_id", "version", "resident_id", "care_unit", "kind", "starts_at", "invited_on", "valid_until",
    "presentable", "data_controller",
)  # fmt: skip
_NAMES: Final = ", ".join(_COLUMNS)
_VALUES: Final = ", ".join(f":{name}" for name in _COLUMNS)
_SAVE: Final = (
    f"INSERT INTO booking ({_NAMES}, cancelled) VALUES ({_VALUES}, :cancelled) ON CONFLICT (booking_id) DO UPDATE SET "  # noqa: S608
    + ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS[1:], "cancelled"))
)
_UPSERT: Final = f"INSERT INTO ei_outbox (event_id, operation, {_NAMES}) VALUES (:event_id, 'upsert', {_VALUES})"  # noqa: S608
_REMOVE: Final = (
    "INSERT INTO ei_outbox (event_id, operation, booking_id, version) "
    "VALUES (:event_id, 'remove', :booking_id, :version)"
)
_READ: Final = f"SELECT {_NAMES}, cancelled FROM booking ORDER BY booking_id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as its system holds it. Times are Swedish wall-clock times."""

    booking_id: str
    version: int
    resident_id: str
    care_unit: str
    kind: str = "booking"
    starts_at: datetime | None = None
    invited_on: date | None = None
    valid_until: datetime | None = None
    presentable: bool = True
    data_controller: str | None = None
    cancelled: bool = False


class Writing(Enum):
    """What the system does with a booking's state."""

    CHANGE = "the booking and its outbox row, in one transaction"
    ROW_ONLY = "an outbox row that says nothing new: written twice, or overtaken by a newer one"


class BookingSystem:
    """One system's database, through plain SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self) -> None:
        """Make the table of bookings; the outbox is the operator's to make."""
        with self._engine.begin() as connection:
            connection.execute(text(TABLE))

    def write(self, booking: Booking, event_id: str, writing: Writing = Writing.CHANGE) -> None:
        """Write this state of a booking down."""
        values = _as_written(booking)
        with self._engine.begin() as connection:
            if writing is Writing.CHANGE:
                connection.execute(text(_SAVE), values)
            connection.execute(text(_REMOVE if booking.cancelled else _UPSERT), values | {"event_id": event_id})

    def bookings(self) -> list[Booking]:
        """Every booking, cancelled ones too, as it stands."""
        with self._engine.connect() as connection:
            return [_as_read(dict(row)) for row in connection.execute(text(_READ)).mappings()]


def _as_written(booking: Booking) -> dict[str, Any]:
    values = {name: getattr(booking, name) for name in (*_COLUMNS, "cancelled")}
    return {name: str(value) if isinstance(value, date) else value for name, value in values.items()}


def _as_read(row: dict[str, Any]) -> Booking:
    for name in ("starts_at", "valid_until"):
        row[name] = datetime.fromisoformat(row[name]) if row[name] else None
    row["invited_on"] = date.fromisoformat(row["invited_on"]) if row["invited_on"] else None
    row["presentable"], row["cancelled"] = bool(row["presentable"]), bool(row["cancelled"])
    return Booking(**row)
