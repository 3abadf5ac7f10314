"""The demo's script: what happens in the booking systems, and when. Data, so that it can be read and tested.

A morning's load first, then ordinary traffic, and in between one scene for each thing that is hard about keeping
the index equal to the bookings. Who watches on, afterwards, gets ordinary traffic without end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from relay.demo.author import RESIDENTS, SCENES_OF_NORD, STOCKHOLM, Author, Step
from relay.demo.booking_system import Booking
from relay.demo.cast import COORDINATION_NUMBER, LEADING, LOCAL_RESERVE_ID, NORD, SCREEN, SYSTEMS, TAND, System

LOAD: Final = {NORD.name: 60, TAND.name: 15, SCREEN.name: 10}
LOAD_OF_OTHERS: Final = 3
LOAD_LASTS: Final = 0.05  # of the show
TRAFFIC_EVERY: Final = 0.3  # seconds; with more systems more often,
TRAFFIC_AT_MOST: Final = 0.12  # but not more often than can be read
AFTERWARDS_EVERY: Final = 0.4  # seconds
OUTAGE_AT: Final = 0.5  # of the show: then the platform fails once
FORGETS_AT: Final = (0.6, 0.8)  # then the index's back end dies: as soon as it gathers posts, at last all the same


def tell(start: datetime, seconds: float, cast: Sequence[System] = SYSTEMS[:LEADING], seed: int = 7) -> list[Step]:
    """The whole script in the order of time, for a show that begins at `start` (aware) and lasts `seconds`.

    `cast` begins with the leading systems, which the scenes are about.
    """
    author = Author(_begin(start), cast, random.Random(seed))  # noqa: S311
    load = [system for system in cast for _ in range(LOAD.get(system.name, LOAD_OF_OTHERS))]
    for place, system in enumerate(load):
        author.book(place / len(load) * LOAD_LASTS * seconds, system)
    acts = _scenes(author, seconds) + _traffic(author, seconds)
    for at, act in sorted(acts, key=lambda timed: timed[0]):
        act(at)
    return author.steps


def go_on(
    start: datetime, bookings: Mapping[System, Iterable[Booking]], event: str = "later", seed: int = 7
) -> Iterator[Step]:
    """Ordinary traffic without end on the bookings of each system as they stand at `start` (aware).

    `event` begins the ids of events, which must be unlike those of all earlier rows.
    """
    known = {(system.name, each.booking_id): each for system, there in bookings.items() for each in there}
    author = Author(_begin(start), list(bookings), random.Random(seed), event, known)  # noqa: S311
    for number in count():
        author.anything(number * AFTERWARDS_EVERY)
        yield author.steps.pop()


def _begin(start: datetime) -> datetime:
    return start.astimezone(STOCKHOLM).replace(tzinfo=None, microsecond=0)


_Act = tuple[float, Callable[[float], None]]


def _scenes(author: Author, seconds: float) -> list[_Act]:
    """One scene for each thing that is hard, spread over the show."""
    change, book, soon = author.change, author.book, author.clock
    nord = author.ids(NORD)[:SCENES_OF_NORD]
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


def _traffic(author: Author, seconds: float) -> list[_Act]:
    """What any morning brings."""
    first = LOAD_LASTS * seconds
    every = max(TRAFFIC_EVERY * LEADING / len(author.cast), TRAFFIC_AT_MOST)
    return [(first + n * every, author.anything) for n in range(int((seconds - first) / every))]
