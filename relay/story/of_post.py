"""The causes that lie on the way of a post: what is wanted of it was not sent, or not accepted.

To add one, write a function that says whether it holds, and put it into `POST` where it is asked in turn. One that
passes by itself says when (`until`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.post import ABSENT, COLLISION, DISCARDED, UNKNOWN
from relay.story.cause import A_CALL, Cause, no_worker, restore_suspected
from relay.story.facts import Facts, Post
from relay.story.words import clock, coded, plain


def _discarded(f: Facts, p: Post) -> Cause | None:
    if p.parked_code != DISCARDED:
        return None
    at = f" at {clock(p.parked_at, f.now)}" if p.parked_at else ""
    return Cause(
        "discarded",
        f"post {p.key} was refused ({plain(p.parked_text)}) and discarded by an operator{at}",
        f"`ei-relay parked retry {p.key}` sends it again",
    )


def _parked(f: Facts, p: Post) -> Cause | None:
    if p.parked_code is None or p.parked_code in (COLLISION, DISCARDED):
        return None
    at = f" at {clock(p.parked_at, f.now)}" if p.parked_at else ""
    return Cause(
        "parked",
        f"post {p.key} is parked: the index refused it for its content{at} with {coded(p.parked_code, p.parked_text)}",
        f"correct the booking, or send it again with `ei-relay parked retry {p.key}`",
    )


def _collides(_f: Facts, p: Post) -> Cause | None:
    if p.parked_code != COLLISION:
        return None
    do = "have the booking system give one of the two another booking_id, or nothing: it is sent when the other is gone"
    return Cause("collision", f"post {p.key} is kept back: {plain(p.parked_text)}", do)


def _restored(f: Facts, _p: Post) -> Cause | None:
    return restore_suspected(f)


def _recovered(f: Facts, _p: Post) -> Cause | None:
    rests = f.source.rests_until
    if rests is None or rests <= f.now:
        return None
    because = f"the source {f.source.name} was recovered, and what was sent last before is not known (R-32)"
    return Cause("recovered", because, until=rests + A_CALL)


def _alone(f: Facts, p: Post) -> Cause | None:
    if p.wanted != ABSENT or p.held_until is None or p.held_until <= f.now:
        return None
    return Cause("company", "a lone delete waits for another post to go with", until=p.held_until + A_CALL)


def _left(_f: Facts, p: Post) -> Cause | None:
    if p.lane.configured:
        return None
    return Cause(
        "lane_not_configured",
        f"the lane {p.lane.name} is not in the configuration any more",
        f"put the index {p.lane.index} back until nothing is wanted of its posts",
    )


def _paused(_f: Facts, p: Post) -> Cause | None:
    if not p.lane.paused:
        return None
    do = f"`ei-relay lanes resume {p.lane.name}` when it may call again"
    return Cause("lane_paused", f"the lane {p.lane.name} is paused by a command (`ei-relay audit list` says why)", do)


def _blocked(f: Facts, p: Post) -> Cause | None:
    lane = p.lane
    if lane.blocked_code is None:
        return None
    since = f" since {clock(lane.blocked_since, f.now)}" if lane.blocked_since else ""
    probe = f"; next probe {clock(max(lane.next_call_at, f.now), f.now)}" if lane.next_call_at else ""
    return Cause(
        "lane_blocked",
        f"the lane {lane.name} is blocked{since} by {coded(lane.blocked_code, lane.blocked_text)}{probe}",
        f"mend what {lane.blocked_code} says (docs/runbook.md), then `ei-relay lanes resume {lane.name}`",
    )


def _nobody(f: Facts, _p: Post) -> Cause | None:
    return no_worker(f)


def _out(f: Facts, p: Post) -> Cause | None:
    if p.out is None:
        return None
    began = clock(p.out.started_at, f.now, seconds=True)
    if p.out.ends_at > f.now:
        return Cause("call_out", f"a call that carries it has been out since {began}", until=p.out.ends_at)
    return Cause(
        "call_lost",
        f"the worker of the call that carried it at {began} never came back; it is sent again",
        until=p.out.ends_at + p.pace.key_spacing + A_CALL,
    )


def _resting(f: Facts, p: Post) -> Cause | None:
    lane = p.lane
    if not lane.failures or lane.next_call_at is None or lane.next_call_at <= f.now:
        return None
    calls = f"{lane.failures} calls" if lane.failures > 1 else "a call"
    said = f" ({plain(lane.last_text)})" if lane.last_text else ""
    return Cause(
        "lane_resting",
        f"the lane {lane.name} rests after {calls} that brought nothing{said}; the next call is at "
        f"{clock(lane.next_call_at, f.now, seconds=True)} (R-35)",
        "wait for that call; if it fails too, ask the platform with the correlation id of the call",
    )


def _index_away(_f: Facts, p: Post) -> Cause | None:
    if not p.lane.failures or p.lane.away < p.pace.wide_trouble:
        return None
    return Cause(
        "index_away",
        f"the index {p.lane.index} does not take calls: {p.lane.away} lanes have failed since it last did, and one at "
        "a time asks after it (R-35)",
        "ask the platform; the relay goes on by itself when the index answers",
    )


def _spaced(f: Facts, p: Post) -> Cause | None:
    allowed = p.sent_at + p.pace.key_spacing if p.sent_at else None
    if allowed is None or allowed <= f.now:
        return None
    may = f"it may be sent at {clock(allowed, f.now, seconds=True)}: "
    sent = f"the key was sent at {clock(p.sent_at or f.now, f.now, seconds=True)} (R-32)"
    if p.known == UNKNOWN and p.call is not None and p.call.verdict != "accepted":
        why = f"nobody can say what became of its last call ({p.call.code})"
        return Cause("outcome_unknown", f"{why}; {may}{sent}", until=allowed + A_CALL)
    return Cause("spacing", may + sent, until=allowed + A_CALL)


def _narrowed(f: Facts, p: Post) -> Cause | None:
    if not p.suspect:
        return None
    return Cause(
        "narrowing",
        "a call that carried it with others was refused, and the relay is finding out which of them was meant",
        until=max(f.now, p.lane.next_split_at or f.now) + 20 * (p.pace.split_call_interval + A_CALL),
    )


def _in_bulk(f: Facts, p: Post) -> Cause | None:
    if not p.bulk:
        return None
    calls = p.ahead // p.pace.max_posts_per_call
    until = max(f.now, p.lane.next_bulk_at or f.now) + calls * (p.pace.bulk_call_interval + A_CALL) + A_CALL
    run = f" of run {p.run_id}" if p.run_id is not None else ""
    return Cause(
        "bulk", f"it is sent in bulk{run}, behind live changes, with {p.ahead} posts before it (R-34)", until=until
    )


def _in_turn(f: Facts, p: Post) -> Cause | None:
    if p.out is not None or p.suspect or p.bulk:
        return None
    free = max(f.now, p.lane.busy_until or f.now, p.lane.next_call_at or f.now)
    calls = p.ahead // p.pace.max_posts_per_call + 1
    before = f", with {p.ahead} posts before it" if p.ahead else ""
    return Cause("in_turn", f"it is sent in its turn{before}", until=free + f.pace.poll_interval + calls * A_CALL)


def said_alone(_f: Facts, p: Post) -> Cause | None:
    """A post that is as it is wanted, and will be said again: told beside the answer."""
    if p.pending or not p.unconfirmed or p.parked_code is not None or p.lane.say_again_at is None:
        return None
    done = "deleted" if p.wanted == ABSENT else "sent"
    return Cause(
        "unconfirmed",
        f"post {p.key} was {done} in a call of its own, which the index may lose; it is sent again with others, or "
        "once more alone where there are none",
    )


POST: Final[tuple[tuple[str, Callable[[Facts, Post], Cause | None]], ...]] = (
    ("discarded", _discarded),
    ("collision", _collides),
    ("parked", _parked),
    ("restore_suspected", _restored),
    ("lane_not_configured", _left),
    ("lane_paused", _paused),
    ("lane_blocked", _blocked),
    ("no_worker", _nobody),
    ("call_out", _out),
    ("lane_resting", _resting),
    ("index_away", _index_away),
    ("recovered", _recovered),
    ("spacing", _spaced),
    ("company", _alone),
    ("narrowing", _narrowed),
    ("bulk", _in_bulk),
    ("in_turn", _in_turn),
)
