"""The demo's script: what happens in the booking systems, and when. Data, so that it can be read and tested.

A morning's load first, then ordinary traffic, and in between one scene for each thing that is hard about keeping
the index equal to the bookings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from relay.demo.booking_system import Booking, Writing
from relay.demo.cast import (
    COORDINATION_NUMBER,
    LEADING,
    LOCAL_RESERVE_ID,
    NORD,
    SCREEN,
    SYSTEMS,
    TAND,
    TOLVAN,
    System,
    Unit,
    residents,
)

RESIDENTS: Final = (TOLVAN, COORDINATION_NUMBER, *residents(120))
LOAD: Final = {NORD.name: 60, TAND.name: 15, SCREEN.name: 10}
LOAD_OF_OTHERS: Final = 3
LOAD_LASTS: Final = 0.05  # of the show
TRAFFIC_EVERY: Final = 0.3  # seconds; with more systems more often,
TRAFFIC_AT_MOST: Final = 0.12  # but not more often than can be read
OUTAGE_AT: Final = 0.5  # of the show: then the platform fails once

_STOCKHOLM: Final = ZoneInfo("Europe/Stockholm")
_SCENES_OF_NORD: Final = 9  # bookings of the load that only scenes touch


class Step(NamedTuple):
    """Something a booking system does `at` so many seconds from the start; `what` it is in words."""

    at: float
    system: System
    what: str
    booking: Booking
    event_id: str
    writing: Writing = Writing.CHANGE


def tell(start: datetime, seconds: float, cast: Sequence[System] = SYSTEMS[:LEADING], seed: int = 7) -> list[Step]:
    """The whole script in the order of time, for a show that begins at `start` (aware) and lasts `seconds`.

    `cast` begins with the leading systems, which the scenes are about.
    """
    begin = start.astimezone(_STOCKHOLM).replace(tzinfo=None, microsecond=0)
    author = _Author(begin, cast, random.Random(seed))  # noqa: S311
    load = [system for system in cast for _ in range(LOAD.get(system.name, LOAD_OF_OTHERS))]
    for place, system in enumerate(load):
        author.book(place / len(load) * LOAD_LASTS * seconds, system)
    acts = _scenes(author, seconds) + _traffic(author, seconds)
    for at, act in sorted(acts, key=lambda timed: timed[0]):
        act(at)
    return author.steps


_Act = tuple[float, Callable[[float], None]]


def _scenes(author: _Author, seconds: float) -> list[_Act]:
    """One scene for each thing that is hard, spread over the show."""
    change, book, soon = author.change, author.book, author.clock
    nord = author.ids(NORD)[:_SCENES_OF_NORD]
    later, earlier, moved, away, hidden, gone, again, twice, stale = nord
    tandkliniken, osteran = TAND.units[1], NORD.units[3]

    def rebooked(booking_id: str, days: int) -> Callable[[float], None]:
        return lambda at: change(
            at, NORD, booking_id, f"rebooked {'later' if days > 0 else 'earlier'}",
            starts_at=author.starts_at(booking_id) + timedelta(days=days),
        )  # fmt: skip

    scenes: list[Callable[[float], None]] = [
        lambda at: book(at, NORD, "booked, starts very soon", "T-SOON", starts_at=soon(0.75 * seconds)),
        lambda at: book(at, SCREEN, "open invitation", "K-OPEN", kind="open_invitation", invited_on=soon(0).date(),
                        starts_at=None),
        lambda at: book(at, SCREEN, "open invitation, for 60 days", "K-60DAYS", kind="open_invitation",
                        invited_on=soon(0).date(), starts_at=None, valid_until=soon(0) + timedelta(days=60)),
        rebooked(later, 7),
        rebooked(earlier, -1),
        lambda at: book(at, SCREEN, "invitation, ends very soon", "K-ENDS", kind="invitation",
                        valid_until=soon(0.85 * seconds)),
        lambda at: change(at, NORD, moved, "moved to another unit", care_unit=author.other_unit(NORD, moved)),
        lambda at: change(at, NORD, away, "moved to a unit that is not connected", care_unit=osteran.hsa_id),
        lambda at: book(at, TAND, "booked, resident has a coordination number", "M-NEWCOMER",
                        resident_id=COORDINATION_NUMBER),
        lambda at: change(at, NORD, hidden, "hidden from the resident", presentable=False),
        lambda at: change(at, NORD, again, "cancelled …", cancelled=True),
        lambda at: change(at, NORD, again, "… and booked again, same id", cancelled=False),
        lambda at: change(at, TAND, "M-NEWCOMER", "resident got a personnummer", resident_id=RESIDENTS[2]),
        lambda at: change(at, NORD, gone, "cancelled", cancelled=True),
        lambda at: author.write_twice(at, NORD, twice),
        lambda at: author.arrive_late(at, NORD, stale),
        lambda at: book(at, TAND, "bad row: a local identity", "M-LOCAL", resident_id=LOCAL_RESERVE_ID),
        lambda at: change(at, NORD, moved, "moved once more", care_unit=author.other_unit(NORD, moved)),
        rebooked(earlier, 3),
        rebooked(earlier, -3),
        lambda at: book(at, TAND, "booked for another data controller", "M-PRIVATE",
                        data_controller="SE556012-3456", care_unit=TAND.spelled(tandkliniken)),
        lambda at: change(at, NORD, hidden, "shown again", presentable=True),
    ]  # fmt: skip
    first, last = 0.06, 0.92
    gap = (last - first) / (len(scenes) - 1)
    return [((first + place * gap) * seconds, scene) for place, scene in enumerate(scenes)]


def _traffic(author: _Author, seconds: float) -> list[_Act]:
    """What any morning brings."""
    first = LOAD_LASTS * seconds
    every = max(TRAFFIC_EVERY * LEADING / len(author.cast), TRAFFIC_AT_MOST)
    return [(first + n * every, author.anything) for n in range(int((seconds - first) / every))]


@dataclass(slots=True)
class _Author:
    """Writes the steps, and keeps what each booking has become."""

    start: datetime  # naive Swedish time
    cast: Sequence[System]
    random: random.Random
    steps: list[Step] = field(default_factory=list)
    _now: dict[tuple[str, str], Booking] = field(default_factory=dict)

    def clock(self, seconds: float) -> datetime:
        """The wall-clock time so many seconds into the show."""
        there = self.start.replace(tzinfo=_STOCKHOLM).timestamp() + seconds
        return datetime.fromtimestamp(int(there), _STOCKHOLM).replace(tzinfo=None)

    def ids(self, system: System) -> list[str]:
        return [booking_id for name, booking_id in self._now if name == system.name]

    def starts_at(self, booking_id: str) -> datetime:
        starts_at = self._now[NORD.name, booking_id].starts_at
        assert starts_at is not None
        return starts_at

    def other_unit(self, system: System, booking_id: str) -> str:
        here = self._now[system.name, booking_id].care_unit.upper()
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
        before = self._now[system.name, booking_id]
        self._step(at, system, what, replace(before, version=before.version + 1, **said))

    def write_twice(self, at: float, system: System, booking_id: str) -> None:
        """The system's latest row on a booking, written again: its writer saw no answer and tried once more."""
        last = next(s for s in reversed(self.steps) if (s.system, s.booking.booking_id) == (system, booking_id))
        self.steps.append(last._replace(at=at, what="the same row once more", writing=Writing.ROW_ONLY))

    def arrive_late(self, at: float, system: System, booking_id: str) -> None:
        """A change, then the state before it in a row that comes too late."""
        old = self._now[system.name, booking_id]
        self.change(at, system, booking_id, "rebooked later", starts_at=self.starts_at(booking_id) + timedelta(days=2))
        self.steps.append(Step(at, system, "an older version, late", old, self._event_id(), Writing.ROW_ONLY))

    def anything(self, at: float) -> None:
        """Something ordinary, somewhere."""
        system = self.random.choice(self.cast)
        kept = _SCENES_OF_NORD if system is NORD else 0
        free = [i for i in self.ids(system)[kept:] if i.partition("-")[2].isdigit() and self._lives(system, i)]
        draw = self.random.random()
        if draw < 0.5 or not free:
            self.book(at, system)
            return
        booking_id = self.random.choice(free)
        if draw < 0.75:
            self.change(at, system, booking_id, "rebooked", starts_at=self._some_day())
        elif draw < 0.85:
            self.change(at, system, booking_id, "moved", care_unit=self.other_unit(system, booking_id))
        else:
            self.change(at, system, booking_id, "cancelled", cancelled=True)

    def _step(self, at: float, system: System, what: str, booking: Booking) -> None:
        self._now[system.name, booking.booking_id] = booking
        self.steps.append(Step(at, system, what, booking, self._event_id()))

    def _event_id(self) -> str:
        return f"event-{len(self.steps) + 1}"

    def _lives(self, system: System, booking_id: str) -> bool:
        return not self._now[system.name, booking_id].cancelled

    def _spelled(self, system: System, units: tuple[Unit, ...] | list[Unit]) -> str:
        return system.spelled(self.random.choice(units))

    def _some_day(self) -> datetime:
        day = self.start.date() + timedelta(days=self.random.randint(2, 60))
        return datetime(day.year, day.month, day.day, self.random.randint(8, 16), self.random.choice((0, 10, 20, 40)))
