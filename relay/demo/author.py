"""Who writes the demo's script: makes up what happens to bookings, and keeps what each has become."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from relay.demo.booking_system import Booking, Writing
from relay.demo.cast import COORDINATION_NUMBER, NORD, SCREEN, TOLVAN, System, Unit, residents

RESIDENTS: Final = (TOLVAN, COORDINATION_NUMBER, *residents(120))
SCENES_OF_NORD: Final = 9  # bookings of the load that only scenes touch
MOST_AT_ONCE: Final = 100  # ordinary bookings of a system; from there on as many are cancelled as are booked
STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")


class Step(NamedTuple):
    """Something a booking system does `at` so many seconds from the start; `what` it is in words."""

    at: float
    system: System
    what: str
    booking: Booking
    event_id: str
    writing: Writing = Writing.CHANGE


@dataclass(slots=True)
class Author:
    """Writes the steps, and keeps what each booking has become. `event` begins the ids of events."""

    start: datetime  # naive Swedish time
    cast: Sequence[System]
    random: random.Random
    event: str = "event"
    bookings: dict[tuple[str, str], Booking] = field(default_factory=dict)  # by names of systems and ids
    steps: list[Step] = field(default_factory=list)
    _events: int = 0

    def clock(self, seconds: float) -> datetime:
        """The wall-clock time so many seconds into the show."""
        there = self.start.replace(tzinfo=STOCKHOLM).timestamp() + seconds
        return datetime.fromtimestamp(int(there), STOCKHOLM).replace(tzinfo=None)

    def ids(self, system: System) -> list[str]:
        return [booking_id for name, booking_id in self.bookings if name == system.name]

    def starts_at(self, booking_id: str) -> datetime:
        starts_at = self.bookings[NORD.name, booking_id].starts_at
        assert starts_at is not None
        return starts_at

    def other_unit(self, system: System, booking_id: str) -> str:
        here = self.bookings[system.name, booking_id].care_unit.upper()
        return self._spelled(system, [unit for unit in system.connected() if unit.hsa_id != here])

    def book(self, at: float, system: System, what: str = "booked", booking_id: str = "", **said: Any) -> None:
        """A new booking; what is not said is made up."""
        usual: dict[str, Any] = {
            "kind": "invitation" if system is SCREEN else "booking",
            "resident_id": self.random.choice(RESIDENTS[3:]),
            "care_unit": self._spelled(system, system.connected()),
            "starts_at": self._some_day(),
        }
        name = booking_id or f"{system.short}-{1001 + len(self.ids(system))}"
        self._step(at, system, what, Booking(name, 1, **(usual | said)))

    def change(self, at: float, system: System, booking_id: str, what: str, **said: Any) -> None:
        """A new state of a booking that is there."""
        before = self.bookings[system.name, booking_id]
        self._step(at, system, what, replace(before, version=before.version + 1, **said))

    def write_twice(self, at: float, system: System, booking_id: str) -> None:
        """The system's latest row on a booking, written again: its writer saw no answer and tried once more."""
        last = next(s for s in reversed(self.steps) if (s.system, s.booking.booking_id) == (system, booking_id))
        self.steps.append(last._replace(at=at, what="the same row once more", writing=Writing.ROW_ONLY))

    def arrive_late(self, at: float, system: System, booking_id: str) -> None:
        """A change, then the state before it in a row that comes too late."""
        old = self.bookings[system.name, booking_id]
        self.change(at, system, booking_id, "rebooked later", starts_at=self.starts_at(booking_id) + timedelta(days=2))
        self.steps.append(Step(at, system, "an older version, late", old, self._event_id(), Writing.ROW_ONLY))

    def anything(self, at: float) -> None:
        """Something ordinary, somewhere."""
        system = self.random.choice(self.cast)
        kept = SCENES_OF_NORD if system is NORD else 0
        free = [i for i in self.ids(system)[kept:] if i.partition("-")[2].isdigit() and self._lives(system, i)]
        draw = self.random.random()
        if not free or (draw < 0.5 and len(free) < MOST_AT_ONCE):
            self.book(at, system)
            return
        booking_id = self.random.choice(free)
        if 0.5 <= draw < 0.75:
            self.change(at, system, booking_id, "rebooked", starts_at=self._some_day())
        elif 0.75 <= draw < 0.85:
            self.change(at, system, booking_id, "moved", care_unit=self.other_unit(system, booking_id))
        else:
            self.change(at, system, booking_id, "cancelled", cancelled=True)

    def _step(self, at: float, system: System, what: str, booking: Booking) -> None:
        self.bookings[system.name, booking.booking_id] = booking
        self.steps.append(Step(at, system, what, booking, self._event_id()))

    def _event_id(self) -> str:
        self._events += 1
        return f"{self.event}-{self._events}"

    def _lives(self, system: System, booking_id: str) -> bool:
        return not self.bookings[system.name, booking_id].cancelled

    def _spelled(self, system: System, units: tuple[Unit, ...] | list[Unit]) -> str:
        return system.spelled(self.random.choice(units))

    def _some_day(self) -> datetime:
        day = self.start.date() + timedelta(days=self.random.randint(2, 60))
        return datetime(day.year, day.month, day.day, self.random.randint(8, 16), self.random.choice((0, 10, 20, 40)))
