"""What a verdict means for the posts of a call and for its lane.

Pure. One function for each; the table of answers itself is in `relay.index.verdict`.

    verdict         posts                                        lane
    accepted        known := what was sent; alone: unconfirmed   goes on; looks at what is unconfirmed in key_spacing
    content         the named ones parked, the rest narrowed     goes on; narrowing calls split_call_interval apart
    configuration   as before                                    blocked; a probe after retry_after_fault_max
    temporary       as before, or in doubt                       rests, longer each time (R-35)
    unknown         in doubt                                     rests, longer each time (R-35)

Narrowing: a refused call that names nobody is sent again in halves, each half alone, until one post is left to
be parked: for one bad post in a thousand twenty calls. Which posts stand under which suspicion is a number on
the post, so it survives everything; a change of the posts' bookings meanwhile is simply what is sent next.

Posts that were only sent again (`DuePost.again`) lose nothing by a call that failed: what the index holds of
them is the same, whether it was applied or not. Where such a call is refused for its content, suspicion falls on the
others; an answer that names one of them parks it, and after one that names nobody it is no company any more, until it
was accepted in a refresh. A refused call of nothing but such posts is narrowed like any other, in bulk.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from relay.backoff import pause
from relay.index.verdict import Kind, Verdict
from relay.post import ABSENT, UNKNOWN
from relay.store.posts import DuePost, Sent

_MANY: Final = 9


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
    @property
    def key_spacing(self) -> timedelta: ...
    @property
    def least_posts(self) -> int: ...


class Before(Protocol):
    """A lane as it was before the call."""

    @property
    def failures(self) -> int: ...
    @property
    def blocked(self) -> bool: ...
    @property
    def say_again_at(self) -> datetime | None: ...


def posts_after(due: Sequence[DuePost], verdict: Verdict, call_id: int, now: datetime, least: int = 1) -> list[Sent]:
    """What is true of each post of a call once its verdict is in. `now` is the end of the call; one of fewer than
    `least` posts was alone."""
    if verdict.kind is Kind.ACCEPTED:
        alone = len(due) < least
        return [Sent(p.id, p.wanted, now, unconfirmed=_times_alone(p) if alone else 0) for p in due]
    if verdict.kind is Kind.CONTENT:
        return _refused(due, verdict, call_id, now)
    counts_as_sent = now if verdict.sent else None
    return [
        Sent(p.id, None, counts_as_sent)
        if p.again
        else Sent(p.id, UNKNOWN if verdict.in_doubt else p.known, counts_as_sent, p.suspect)
        for p in due
    ]


def _times_alone(post: DuePost) -> int:
    """How many calls have said of a post, all alone, what is now known of it. A delete is said twice at most."""
    if not post.again:
        return 1
    return min(post.unconfirmed + 1, _MANY) if post.wanted != ABSENT else 0


def _refused(due: Sequence[DuePost], verdict: Verdict, call_id: int, now: datetime) -> list[Sent]:
    """A call refused for its content counts as not sent (R-32), unless that was only concluded from many faults."""
    sent_at = now if verdict.narrowed else None
    if verdict.in_doubt:
        due = [p if p.again else p._replace(known=UNKNOWN) for p in due]
    named = {i for i in verdict.named if i < len(due)} or ({0} if len(due) == 1 else set())
    parked = [_parked(due[i], verdict, sent_at) for i in sorted(named)]
    rest = [p for i, p in enumerate(due) if i not in named]
    company = [p for p in rest if p.again]
    if named or len(company) < len(rest):
        rest = [p for p in rest if not p.again]
        beside = [Sent(p.id, None, sent_at, refused=0 if named else 1) for p in company]
    else:
        beside = []
    middle = len(rest) if named or len(rest) == 1 else len(rest) // 2
    groups = ((2 * call_id, rest[:middle]), (2 * call_id + 1, rest[middle:]))
    return parked + [_suspected(p, suspect, sent_at) for suspect, posts in groups for p in posts] + beside


def _parked(post: DuePost, verdict: Verdict, sent_at: datetime | None) -> Sent:
    return Sent(post.id, None if post.again else post.known, sent_at, None, verdict.code, verdict.text, refused=1)


def _suspected(post: DuePost, suspect: int, sent_at: datetime | None) -> Sent:
    if post.again:
        return Sent(post.id, UNKNOWN, sent_at, suspect, unsettled=True)
    return Sent(post.id, post.known, sent_at, suspect)


def lane_after(
    due: Sequence[DuePost], verdict: Verdict, before: Before, pace: Pace, now: datetime, jitter: float
) -> dict[str, object]:
    """The columns of the lane that change with the verdict."""
    changes: dict[str, object] = {}
    if due[0].bulk:
        changes["next_bulk_at"] = now + pace.bulk_call_interval
    if due[0].suspect is not None or verdict.kind is Kind.CONTENT:
        changes["next_split_at"] = now + pace.split_call_interval
    match verdict.kind:
        case Kind.ACCEPTED:
            changes |= open_again(now) | {"last_success_at": now}
            changes |= _look_again(len(due) < pace.least_posts, before.say_again_at, now, now + pace.key_spacing)
        case Kind.CONTENT if verdict.narrowed:  # faults all the same: the next call is as far off as after any
            rest = pause(1, pace.retry_after_fault, pace.retry_after_fault_max, jitter)
            changes |= {"next_call_at": now + rest, "failed_at": now}
        case Kind.CONTENT:
            changes |= open_again(now)
        case Kind.CONFIGURATION:
            changes |= {"blocked_code": verdict.code, "blocked_text": verdict.told}
            # Somebody answered: the lane waits for people, and not any more because a peer may still be busy.
            changes |= {"failures": 0, "next_call_at": now + pace.retry_after_fault_max, "failed_at": now}
            if not before.blocked:
                changes["blocked_since"] = now
        case _:
            rest = pause(before.failures + 1, pace.retry_after_fault, pace.retry_after_fault_max, jitter)
            rest = max(rest, verdict.retry_after or rest)
            changes |= {"failures": before.failures + 1, "next_call_at": now + rest, "failed_at": now}
    return changes


def _look_again(alone: bool, looks_at: datetime | None, now: datetime, soon: datetime) -> dict[str, object]:
    """When to look at the lane's unconfirmed posts, after a call that may have been alone, or be company for them."""
    if looks_at is None and not alone:
        return {}
    return {"say_again_at": soon if looks_at is None or looks_at <= now else min(looks_at, soon)}


def open_again(now: datetime) -> dict[str, object]:
    return {"failures": 0, "next_call_at": now, "blocked_code": None, "blocked_text": None, "blocked_since": None}
