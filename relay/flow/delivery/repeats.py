"""What an answer means that comes again: what earlier answers to a lane add to the verdict on this one.

Pure. Some answers cannot be told apart the first time. The lane's row remembers the last one of them (`Seen`), so what
follows survives restarts:

    a fault without a code   the FEWth equal one for the same posts is taken for their fault, and they are narrowed
                             down: halves, each a call of its own, as far apart as after any fault (R-32, R-35)
    VP009                    after FEW in a row the next call carries SMALL posts. If that is accepted, calls are half
                             as large as the one that failed for LIMIT_LASTS: an index that refuses large calls while
                             they are being sent is a VP009 to the platform
    a bare 404               is a platform that stops, if the lane's calls were accepted before; a second one is a
                             wrong address, and blocks the lane

What the index cannot read (DATE, XML) is surely the posts' fault. Of any other text nobody knows: the last post that is
left is parked only when the index has accepted something else of the lane meanwhile, or after LONE faults of its own.
Until then it goes back among the others, so that an outage with words of its own parks nothing, and nobody waits
behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from relay.index.faults import DATE, UNREADABLE
from relay.index.verdict import LONGEST_TEXT, Kind, Verdict
from relay.store.lanes import Seen
from relay.store.posts import DuePost

FEW: Final = 3
LONE: Final = 6
SMALL: Final = 2  # not one: the index keeps calls of a single post in memory only
LIMIT_LASTS: Final = timedelta(hours=1)

_SURELY_CONTENT: Final = frozenset({DATE, UNREADABLE})
_OF_THE_LANE: Final = frozenset({"VP009", "HTTP404"})  # remembered until a call is accepted, whatever posts it carries
_FORGOTTEN: Final[dict[str, object]] = {"fault_like": None, "fault_count": 0, "fault_since": None, "fault_call": None}


class Reconsidered(NamedTuple):
    """The verdict that counts, the columns of the lane that change, and whether a lone post goes back among others."""

    verdict: Verdict
    changes: dict[str, object]
    released: bool = False


def most_posts(seen: Seen, usual: int, now: datetime) -> int:
    """How many posts a call of the lane may carry now."""
    if seen.limit is None or (seen.limit_until is not None and seen.limit_until <= now):
        return usual
    return min(seen.limit, usual)


def depends_on_posts(verdict: Verdict, seen: Seen) -> bool:
    """Whether it matters if posts of this call were in the last one that was answered alike."""
    return bool(verdict.likeness) and verdict.likeness not in _OF_THE_LANE and verdict.likeness == seen.like


def reconsider(
    verdict: Verdict, due: Sequence[DuePost], seen: Seen, same_posts: bool, blocked: bool, call_id: int, now: datetime
) -> Reconsidered:
    """The verdict in the light of what was `seen`. `same_posts`: some were in the last call that was answered alike."""
    if verdict.kind is Kind.ACCEPTED:
        return Reconsidered(verdict, after_acceptance(seen, now))
    if not verdict.likeness:
        forget = verdict.kind is not Kind.CONTENT and seen.like not in (None, "HTTP404")
        return Reconsidered(verdict, dict(_FORGOTTEN) if forget else {})
    again = verdict.likeness == seen.like and (
        verdict.likeness in _OF_THE_LANE or same_posts or due[0].suspect is not None
    )
    count = seen.times + 1 if again else 1
    since = seen.since if again and seen.since else now
    changes: dict[str, object] = {
        "fault_like": verdict.likeness, "fault_count": count, "fault_since": since, "fault_call": call_id,
    }  # fmt: skip
    match verdict.likeness:
        case "HTTP404":
            stops = count == 1 and seen.last_success_at is not None and not blocked
            found = replace(verdict, kind=Kind.TEMPORARY, in_doubt=verdict.sent) if stops else verdict
            return Reconsidered(found, changes)
        case "VP009":
            return Reconsidered(verdict, changes | _smaller(due, seen, count, now))
    if count < FEW:
        return Reconsidered(verdict, changes)
    passed = seen.last_success_at is not None and seen.last_success_at > since
    if len(due) > 1 or verdict.code in _SURELY_CONTENT or passed or due[0].attempts >= LONE:
        text = f"{verdict.text} (no. {count} of equal faults for the same posts)"
        narrowed = replace(verdict, kind=Kind.CONTENT, narrowed=True, text=text[-LONGEST_TEXT:])
        return Reconsidered(narrowed, changes)
    return Reconsidered(verdict, changes, released=True)


def after_acceptance(seen: Seen, now: datetime) -> dict[str, object]:
    """The columns of the lane that change with an accepted call: faults of the lane end with it, posts' own do not."""
    changes = dict(_FORGOTTEN) if seen.like in _OF_THE_LANE else {}
    if seen.limit is not None and seen.limit_until is None and seen.largest is not None:
        changes |= {"call_limit": max(seen.largest // 2, SMALL), "limit_until": now + LIMIT_LASTS}
    elif seen.limit_until is not None and seen.limit_until <= now:
        changes |= {"call_limit": None, "limit_until": None, "failed_posts": None}
    return changes


def _smaller(due: Sequence[DuePost], seen: Seen, count: int, now: datetime) -> dict[str, object]:
    if len(due) <= SMALL:
        return {}
    if seen.limit is not None and seen.limit_until is not None and now < seen.limit_until:  # size is the cause
        half = max(len(due) // 2, SMALL)
        return {"call_limit": half, "limit_until": now + LIMIT_LASTS, "failed_posts": len(due)}
    return {"call_limit": SMALL, "limit_until": None, "failed_posts": len(due)} if count >= FEW else {}
