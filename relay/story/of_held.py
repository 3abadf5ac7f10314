"""The causes that lie with the surge guard: what a booking should be is known, and waits for an operator's decision.

To add one, write a function that says whether it holds, and put it into `HELD` where it is asked in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.booking import LOCAL, NOT_ALLOWED, NOT_CONNECTED
from relay.language.said import Said, say
from relay.story.cause import Cause
from relay.story.facts import Facts, Held
from relay.story.words import clock, plain

_BY_LISTS: Final = {LOCAL, NOT_ALLOWED, NOT_CONNECTED}
_APPROVED, _REJECTED = "approved", "rejected"  # as relay.store.changes has them


def _booking(f: Facts) -> Cause | None:
    return _cause(f, f.held, say("it is")) if f.held is not None else None


def _lists(f: Facts) -> Cause | None:
    if f.held_lists is None or not _BY_LISTS.issuperset(f.withheld):
        return None
    return _cause(f, f.held_lists, say("the change of the lists is"))


def _cause(f: Facts, held: Held, what: Said) -> Cause:
    at = say(" at {time}", time=clock(held.decided_at, f.now)) if held.decided_at is not None else ""
    number = held.change
    decided: Said | str = ""
    if held.status == _REJECTED:
        decided = say(", which was rejected{at}", at=at)
        do = say("`ei-relay changes approve {change}` has it followed after all", change=number)
    elif held.status == _APPROVED:
        decided = say(", which was approved{at} and is not done to its end", at=at)
        do = say("`ei-relay changes approve {change}` again does what is left", change=number)
    else:
        do = say("look at it with `ei-relay changes show {change}` and approve or reject it", change=number)
    because = say(
        "{what} held by the surge guard, change {change}{decided}: {why}",
        what=what, change=number, decided=decided, why=plain(held.why),
    )  # fmt: skip
    return Cause("held", because, do)


HELD: Final[tuple[tuple[str, Callable[[Facts], Cause | None]], ...]] = (
    ("held", _booking),
    ("held", _lists),
)
