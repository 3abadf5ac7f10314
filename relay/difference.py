"""What has to be sent when bookings are re-evaluated, though nobody changed them: by a new list of care units, a new
policy, a source that leaves.

Pure. The answer is made before anything is changed, so it can be shown first; a post that is as it should be is no part
of it, so that nobody gets a message twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from relay.booking import Booking, Withheld
from relay.post import ABSENT, StoredPost, WantedChange, WantedPost, reconcile


@dataclass(slots=True)
class Tally:
    """How many bookings get a post, lose it, have it changed, or have it moved (deleted and created, R-10)."""

    created: int = 0
    removed: int = 0
    changed: int = 0
    moved: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        self.created += other.created
        self.removed += other.removed
        self.changed += other.changed
        self.moved += other.moved
        return self

    def __bool__(self) -> bool:
        return any((self.created, self.removed, self.changed, self.moved))


@dataclass(slots=True)
class Difference:
    """What to write down (`posts.want`), and what that does to bookings, by care unit as the bookings name it."""

    changes: list[WantedChange] = field(default_factory=list)
    units: dict[str, Tally] = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        """The tally of all units."""
        total = Tally()
        for tally in self.units.values():
            total += tally
        return total


def difference(
    bookings: Iterable[Booking],
    stored: Mapping[str, Iterable[StoredPost]],
    wanted_post: Callable[[Booking], WantedPost | Withheld],
    lane_ids: Mapping[str, int],
    now: datetime,
) -> Difference:
    """What must change so that each booking has exactly the post it should have.

    `stored` are the posts each booking has or has had; `lane_ids` are by source system, and a booking whose system
    has no lane here should have no post here.
    """
    result = Difference()
    for booking in bookings:
        wanted = wanted_post(booking)
        present = wanted if isinstance(wanted, WantedPost) and wanted.key.source_system in lane_ids else None
        posts = tuple(stored.get(booking.booking_id, ()))
        changes = reconcile(posts, present, lane_ids, now, unpark=False)
        if not changes:
            continue
        result.changes += changes
        unit = _unit_of(booking, posts)
        result.units.setdefault(unit, Tally())
        result.units[unit] += _tally(posts, changes, present)
    return result


def _tally(posts: Iterable[StoredPost], changes: Iterable[WantedChange], present: WantedPost | None) -> Tally:
    had = {(p.lane_id, p.key) for p in posts if p.wanted != ABSENT}
    gone = any(c.wanted == ABSENT for c in changes)
    if present is None:
        return Tally(removed=1)
    if not had:
        return Tally(created=1)
    return Tally(moved=1) if gone else Tally(changed=1)


def _unit_of(booking: Booking, posts: tuple[StoredPost, ...]) -> str:
    if booking.details is not None:
        return booking.details.care_unit
    return posts[0].key.care_unit
