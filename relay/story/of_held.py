"""The causes that lie with the surge guard: what a booking should be is known, and waits for somebody's word.

To add one, write a function that says whether it holds, and put it into `HELD` where it is asked in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.booking import LOCAL, NOT_ALLOWED, NOT_CONNECTED
from relay.story.cause import Cause
from relay.story.facts import Facts, Held
from relay.story.words import clock, plain

_BY_LISTS: Final = {LOCAL, NOT_ALLOWED, NOT_CONNECTED}
_APPROVED, _REJECTED = "approved", "rejected"  # as relay.store.changes has them


def _booking(f: Facts) -> Cause | None:
    return _cause(f, f.held, "it is") if f.held is not None else None


def _lists(f: Facts) -> Cause | None:
    if f.held_lists is None or not _BY_LISTS.issuperset(f.withheld):
        return None
    return _cause(f, f.held_lists, "the change of the lists is")


def _cause(f: Facts, held: Held, what: str) -> Cause:
    at = f" at {clock(held.decided_at, f.now)}" if held.decided_at is not None else ""
    change = f"`ei-relay changes approve {held.change}`"
    match held.status:
        case _ if held.status == _REJECTED:
            decided = f", which was rejected{at}"
            do = f"{change} has it followed after all"
        case _ if held.status == _APPROVED:
            decided = f", which was approved{at} and is not done to its end"
            do = f"{change} again does what is left"
        case _:
            decided = ""
            do = f"look at it with `ei-relay changes show {held.change}` and approve or reject it"
    return Cause("held", f"{what} held by the surge guard, change {held.change}{decided}: {plain(held.why)}", do)


HELD: Final[tuple[tuple[str, Callable[[Facts], Cause | None]], ...]] = (
    ("held", _booking),
    ("held", _lists),
)
