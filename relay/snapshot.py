"""What a booking system's full list says of what is known, and when it is not to be believed.

Pure. A list is a photograph: it was true when it was taken, and changes have gone on since, through the outbox. So of
each booking the question is which is the later word, the list's or the one that stands:

    both have a version                  the higher one is later; equal ones tell nothing
    otherwise the time                   what was taken from the outbox before the list was taken had been committed
                                         before it, so the list has it in it: the list is later. What was taken from
                                         the outbox after that may be newer than the list, and stands.

`as_of` is that time of what stands: when its row was taken from the outbox, or when the list it is from was taken.
Both are asked of clocks that never saw the booking system's transactions, and need not: a row cannot be taken
before it is committed. A row that the relay takes after the list was applied always finds the order of rows as it
was (`restated`), so it wins as if there had been no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from relay.booking import NO_ROW, Booking
from relay.change import Change

REMOVED_AT_MOST: Final = 0.10  # of a source's bookings ahead; a list that lacks more is taken for a truncated one

MISSING_AT_MOST: Final = 0.5  # of them, on a list that nobody looks at; from a tenth on the surge guard asks


class Fate(StrEnum):
    """What a list means for one booking."""

    CREATED = "created"  # listed, and not known or removed before
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    VERSIONED = "versioned"  # unchanged, but of a higher version than is known, which is remembered
    NEWER = "newer"  # what stands is later than the list
    REJECTED = "rejected"  # listed, but not readably: it is left as it is
    GONE = "gone"  # not listed, though it is upcoming


class Known(NamedTuple):
    """A booking as it stands, and since when that is known to be true (aware UTC)."""

    booking: Booking
    as_of: datetime


def judge(known: Known | None, said: Change, taken_at: datetime) -> Fate:
    """What the list that was taken at `taken_at` means for a booking of which it says `said`."""
    if known is None:
        return Fate.CREATED
    current = known.booking
    if (current.details, current.source_system) == (said.details, said.source_system):
        is_higher = said.version is not None and (current.version is None or said.version > current.version)
        return Fate.VERSIONED if is_higher else Fate.UNCHANGED
    if said.version is not None and current.version is not None and said.version < current.version:
        return Fate.NEWER
    has_higher = said.version is not None and current.row_version is not None and said.version > current.row_version
    if known.as_of > taken_at and not has_higher:
        return Fate.NEWER
    return Fate.CREATED if current.details is None else Fate.CHANGED


def is_gone(known: Known, taken_at: datetime) -> bool:
    """Whether a booking that the list lacks is to be removed: it stands, and is not later than the list."""
    return known.booking.details is not None and known.as_of <= taken_at


def restated(current: Booking | None, said: Change) -> Booking:
    """The booking as the list has it.

    It keeps its place in the order of outbox rows, so that every row that may still come stands or falls as it
    would have without the list; but one of a lower version than the list's falls.
    """
    if current is None:
        return Booking(said.booking_id, NO_ROW, said.version, said.version, said.source_system, said.details)
    stated = replace(current, source_system=said.source_system, details=said.details)
    return stated if said.version is None else replace(stated, row_version=said.version, version=said.version)


def removed(current: Booking) -> Booking:
    """The booking after a list that lacks it; its place in the order of outbox rows is as `restated` has it."""
    return replace(current, details=None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a list would change. `fates` counts the bookings of each, `upcoming` the known ones that are upcoming."""

    fates: Mapping[Fate, int]
    rejected_lines: int
    nameless: int  # rejected lines of which nobody knows whose they are
    upcoming: int
    versioned: int = 0  # of the unchanged: those whose higher version is to be remembered

    @property
    def listed(self) -> int:
        """How many bookings the list has, readable or not."""
        return sum(number for fate, number in self.fates.items() if fate is not Fate.GONE)

    @property
    def anything(self) -> bool:
        """Whether there is anything to apply."""
        return bool(self.changes or self.versioned)

    @property
    def changes(self) -> int:
        """How many bookings would be changed."""
        return sum(self.fates.get(fate, 0) for fate in (Fate.CREATED, Fate.CHANGED, Fate.GONE))


def implausible(found: Comparison) -> str | None:
    """Why a list that nobody has looked at is not to be believed at all, in a sentence; None where it may be."""
    gone = found.fates.get(Fate.GONE, 0)
    if not found.listed and found.upcoming:
        return f"it has no bookings, and {found.upcoming} are upcoming: nothing of it is done"
    if gone > found.upcoming * MISSING_AT_MOST:
        return f"it lacks {gone} of {found.upcoming} upcoming bookings, more than half: nothing of it is done"
    return None


def refusal(found: Comparison, *, allow_removals: bool, skip_rejected: bool) -> str | None:
    """Why the list should not be applied, in a sentence; None where it may be."""
    if found.rejected_lines and not skip_rejected:
        return (
            f"rejected lines: {found.rejected_lines}; correct them, or leave the bookings they are about as they are "
            "with --skip-rejected"
        )
    if allow_removals:
        return None
    if not found.listed:
        return "the list has no bookings: if that is so, say --allow-removals"
    gone = found.fates.get(Fate.GONE, 0)
    if gone > found.upcoming * REMOVED_AT_MOST:
        return (
            f"the list lacks {gone} of {found.upcoming} upcoming bookings, more than {REMOVED_AT_MOST:.0%}: "
            "see that it is whole, and if it is, say --allow-removals"
        )
    return None
