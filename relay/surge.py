"""The surge guard: how many posts a change may take away, or bring, before somebody is asked.

Pure. An hour of an outbox, or one change of the lists, that would remove or move more than a share of a source's
present posts is most often a mistake: half a file, a bug in a booking system. So is a test run in production, which
looks like many new posts of one resident, or of one second. A busy hour is none: cancellations among other changes are
ordinary life, so an outbox is stopped only while most of what it says takes posts away.

What an hour has brought is remembered as one small text (`Hour`). How often a resident or a time came is counted as
Misra and Gries do: with a bounded number of counters, which may count too low when there are many, and never too high.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple

HOUR: Final = timedelta(hours=1)
_COUNTERS: Final = 32
LATELY: Final = 100  # changed bookings, of which most must lose their post for it to be a mass change


@dataclass(frozen=True, slots=True)
class Guard:
    """What may pass without a word. `alike` 0: arrivals are not looked at."""

    enabled: bool = True
    percent: int = 10
    least: int = 50
    alike: int = 0

    def most(self, present: int) -> int:
        """How many of `present` posts may be removed or moved: one more is too many."""
        return max(self.least - 1, present * self.percent // 100)

    @property
    def least_of_emptied(self) -> int:
        """How many posts may not go without a word by a list that names nobody any more: a fifth of what a list that
        does may take; a source of 40 posts is as empty by it as one of 4000."""
        return max(self.least // 5, 1)

    def stops(self, taken: int, present: int) -> bool:
        """Whether to remove or move `taken` of `present` posts needs an operator's decision."""
        return self.enabled and taken > self.most(present)


class Arrival(NamedTuple):
    """A booking that gets a post and had none."""

    booking_id: str
    resident_id: str
    content: str


@dataclass(slots=True)
class Counters:
    """How often each of a bounded number of keys came, never too high."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, number: int = 1) -> None:
        """Count a key."""
        if key in self.counts or len(self.counts) < _COUNTERS:
            self.counts[key] = self.counts.get(key, 0) + number
            return
        least = min(number, *self.counts.values())
        self.counts = {name: count - least for name, count in self.counts.items() if count > least}
        if number > least:
            self.counts[key] = number - least


@dataclass(slots=True)
class Hour:
    """What was let pass of a source within the last hour, and how many posts were present when they were counted."""

    gone: dict[str, int] = field(default_factory=dict)  # by minute
    changed: float = 0  # of the last LATELY bookings that were changed,
    lost: float = 0  # those that lose a post
    present: int = 0
    counted_at: str = ""
    began: str = ""  # the hour of arrivals
    arrived: int = 0
    residents: Counters = field(default_factory=Counters)
    times: Counters = field(default_factory=Counters)

    @classmethod
    def of(cls, text: str | None, now: datetime) -> Hour:
        """What `text` remembers, without what is older than an hour."""
        if not text:
            return cls()
        said = json.loads(text)
        hour = cls(present=said["present"], counted_at=said["counted_at"])
        hour.changed, hour.lost = said["changed"], said["lost"]
        since = (now - HOUR).isoformat(timespec="minutes")
        hour.gone = {minute: number for minute, number in said["gone"].items() if minute >= since}
        if said["began"] and said["began"] >= (now - HOUR).isoformat():
            hour.began, hour.arrived = said["began"], said["arrived"]
            hour.residents, hour.times = Counters(said["residents"]), Counters(said["times"])
        return hour

    def text(self) -> str:
        """To be remembered."""
        return json.dumps(
            {
                "gone": self.gone, "changed": self.changed, "lost": self.lost, "present": self.present,
                "counted_at": self.counted_at, "began": self.began, "arrived": self.arrived,
                "residents": self.residents.counts, "times": self.times.counts,
            }
        )  # fmt: skip

    @property
    def gone_within(self) -> int:
        """How many posts were removed or moved within the hour."""
        return sum(self.gone.values())

    @property
    def mostly_takes_away(self) -> bool:
        """Whether more than half of the bookings that were changed lately lose their post."""
        return 2 * self.lost > self.changed

    def saw(self, changed: int, lost: int) -> None:
        """Remember that so many bookings were changed, and how many of them lose a post; older ones fade."""
        weight = min(1.0, max(LATELY - changed, 0) / self.changed) if self.changed else 0.0
        self.changed, self.lost = self.changed * weight + changed, self.lost * weight + lost

    def take(self, number: int, now: datetime) -> None:
        """Remember that so many were removed or moved."""
        minute = now.isoformat(timespec="minutes")
        self.gone[minute] = self.gone.get(minute, 0) + number

    def counted(self, present: int, now: datetime) -> None:
        """Remember how many are present."""
        self.present, self.counted_at = present, now.isoformat()

    def is_older_than(self, age: timedelta, now: datetime) -> bool:
        """Whether the posts were counted longer ago than `age`, or never, or by a clock that was ahead."""
        return not (now - age).isoformat() <= self.counted_at <= now.isoformat()

    def alike(self, arrivals: Iterable[Arrival], most: int, now: datetime) -> set[str]:
        """Count these arrivals; the bookings among them that are too many of one resident or of one second."""
        arrivals = list(arrivals)
        if not self.began:
            self.began = now.isoformat()
        self.arrived += len(arrivals)
        for arrival in arrivals:
            self.residents.add(_pseudonym(arrival.resident_id))
            self.times.add(arrival.content)
        crowd = {key for key, count in self.residents.counts.items() if count > most}
        second = {key for key, count in self.times.counts.items() if count > most and 2 * count > self.arrived}
        if not crowd and not second:
            return set()
        return {a.booking_id for a in arrivals if a.content in second or _pseudonym(a.resident_id) in crowd}


def _pseudonym(resident_id: str) -> str:
    return blake2b(resident_id.encode(), digest_size=6).hexdigest()
