"""What a verdict means for the posts of a call and for its lane.

Pure. One function for each; the table of answers itself is in `relay.index.verdict`.

    verdict         posts                                        lane
    accepted        known := what was sent                       goes on
    content         the named ones parked, the rest narrowed     goes on; narrowing calls split_call_interval apart
    configuration   as before                                    blocked; a probe after retry_after_fault_max
    temporary       as before, or in doubt                       rests, longer each time (R-35)
    unknown         in doubt                                     rests, longer each time (R-35)

Narrowing: a refused call that names nobody is sent again in halves, each half alone, until one post is left to
be parked: for one bad post in a thousand twenty calls. Which posts stand under which suspicion is a number on
the post, so it survives everything; a change of the posts' bookings meanwhile is simply what is sent next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from relay.backoff import pause
from relay.index.verdict import Kind, Verdict
from relay.post import UNKNOWN
from relay.store.posts import DuePost, Sent


class Pace(Protocol):
    """The settings of an index that say when it may be called again."""

    @property
    def retry_after_fault(self) -> timedelta: ...
    @property
    def retry_after_fault_max(self) -> timedelta: ...
    @property
    def bulk_call_interval(self) -> timedelta: ...
    @property
    def split_call_interval(self) -> timedelta: ...


def posts_after(due: Sequence[DuePost], verdict: Verdict, call_id: int, now: datetime) -> list[Sent]:
    """What is true of each post of a call once its verdict is in. `now` is the end of the call."""
    if verdict.kind is Kind.ACCEPTED:
        return [Sent(p.id, p.wanted, now) for p in due]
    if verdict.kind is Kind.CONTENT:
        return _refused(due, verdict, call_id, now)
    counts_as_sent = now if verdict.sent else None
    return [Sent(p.id, UNKNOWN if verdict.in_doubt else p.known, counts_as_sent, p.suspect) for p in due]


def _refused(due: Sequence[DuePost], verdict: Verdict, call_id: int, now: datetime) -> list[Sent]:
    """A call refused for its content counts as not sent (R-32), unless that was only concluded from many faults."""
    sent_at = now if verdict.narrowed else None
    if verdict.in_doubt:
        due = [p._replace(known=UNKNOWN) for p in due]
    named = {i for i in verdict.named if i < len(due)} or ({0} if len(due) == 1 else set())
    rest = [p for i, p in enumerate(due) if i not in named]
    parked = [
        Sent(due[i].id, due[i].known, sent_at, None, verdict.code, verdict.text, refused=1) for i in sorted(named)
    ]
    middle = len(rest) if named else len(rest) // 2
    groups = ((2 * call_id, rest[:middle]), (2 * call_id + 1, rest[middle:]))
    return parked + [Sent(p.id, p.known, sent_at, suspect) for suspect, posts in groups for p in posts]


def lane_after(
    due: Sequence[DuePost], verdict: Verdict, failures: int, blocked: bool, pace: Pace, now: datetime, jitter: float
) -> dict[str, object]:
    """The columns of the lane that change with the verdict. `failures` and `blocked` are as before the call."""
    changes: dict[str, object] = {}
    if due[0].bulk:
        changes["next_bulk_at"] = now + pace.bulk_call_interval
    if due[0].suspect is not None or verdict.kind is Kind.CONTENT:
        changes["next_split_at"] = now + pace.split_call_interval
    match verdict.kind:
        case Kind.ACCEPTED:
            changes |= open_again(now) | {"last_success_at": now}
        case Kind.CONTENT if verdict.narrowed:  # faults all the same: the next call is as far off as after any
            rest = pause(1, pace.retry_after_fault, pace.retry_after_fault_max, jitter)
            changes |= {"next_call_at": now + rest, "failed_at": now}
        case Kind.CONTENT:
            changes |= open_again(now)
        case Kind.CONFIGURATION:
            changes |= {"blocked_code": verdict.code, "blocked_text": verdict.told}
            # Somebody answered: the lane waits for people, and not any more because a peer may still be busy.
            changes |= {"failures": 0, "next_call_at": now + pace.retry_after_fault_max, "failed_at": now}
            if not blocked:
                changes["blocked_since"] = now
        case _:
            rest = pause(failures + 1, pace.retry_after_fault, pace.retry_after_fault_max, jitter)
            rest = max(rest, verdict.retry_after or rest)
            changes |= {"failures": failures + 1, "next_call_at": now + rest, "failed_at": now}
    return changes


def open_again(now: datetime) -> dict[str, object]:
    """The columns of a lane whose call was answered as it should be."""
    return {"failures": 0, "next_call_at": now, "blocked_code": None, "blocked_text": None, "blocked_since": None}
