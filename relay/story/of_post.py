"""The causes that lie on the way of a post: what is wanted of it was not sent, or not accepted.

To add one, write a function that says whether it holds, and put it into `POST` where it is asked in turn. One that
passes by itself says when (`until`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.language.said import say
from relay.post import ABSENT, COLLISION, DISCARDED, UNKNOWN
from relay.story.cause import A_CALL, Cause, no_worker, restore_suspected
from relay.story.facts import Facts, Post
from relay.story.words import clock, coded, plain

_NOT_REACHED: Final = ("CONNECT", "TLS")  # no call has gone out, so nobody else has seen it


def _discarded(f: Facts, p: Post) -> Cause | None:
    if p.parked_code != DISCARDED:
        return None
    at = say(" at {time}", time=clock(p.parked_at, f.now)) if p.parked_at else ""
    return Cause(
        "discarded",
        say(
            "post {post} was refused ({text}) and discarded by an operator{at}",
            post=p.key,
            text=coded((p.parked_text or "").partition(":")[0], p.parked_text),
            at=at,
        ),
        say("`ei-relay parked retry {post}` sends it again", post=p.key),
    )


def _parked(f: Facts, p: Post) -> Cause | None:
    if p.parked_code is None or p.parked_code in (COLLISION, DISCARDED):
        return None
    at = say(" at {time}", time=clock(p.parked_at, f.now)) if p.parked_at else ""
    return Cause(
        "parked",
        say(
            "post {post} is parked: the index refused it for its content{at} with {answer}",
            post=p.key,
            at=at,
            answer=coded(p.parked_code, p.parked_text),
        ),
        say("correct the booking, or send it again with `ei-relay parked retry {post}`", post=p.key),
    )


def _collides(_f: Facts, p: Post) -> Cause | None:
    if p.parked_code != COLLISION:
        return None
    do = say(
        "have the booking system give one of the two another booking_id, or nothing: it is sent when the other is gone"
    )
    return Cause("collision", say("post {post} is kept back: {text}", post=p.key, text=plain(p.parked_text)), do)


def _restored(f: Facts, _p: Post) -> Cause | None:
    return restore_suspected(f)


def _recovered(f: Facts, _p: Post) -> Cause | None:
    rests = f.source.rests_until
    if rests is None or rests <= f.now:
        return None
    because = say(
        "the source {source} was recovered, and what was sent last before is not known (R-32)", source=f.source.name
    )
    return Cause("recovered", because, until=rests + A_CALL)


def _alone(f: Facts, p: Post) -> Cause | None:
    if p.wanted != ABSENT or p.held_until is None or p.held_until <= f.now:
        return None
    return Cause("company", say("a lone delete waits for another post to go with"), until=p.held_until + A_CALL)


def _left(_f: Facts, p: Post) -> Cause | None:
    if p.lane.configured:
        return None
    return Cause(
        "lane_not_configured",
        say("the lane {lane} is not in the configuration any more", lane=p.lane.name),
        say("put the index {index} back until nothing is wanted of its posts", index=p.lane.index),
    )


def _paused(_f: Facts, p: Post) -> Cause | None:
    if not p.lane.paused:
        return None
    do = say("`ei-relay lanes resume {lane}` when it may call again", lane=p.lane.name)
    because = say("the lane {lane} is paused by a command (`ei-relay audit list` says why)", lane=p.lane.name)
    return Cause("lane_paused", because, do)


def _blocked(f: Facts, p: Post) -> Cause | None:
    lane = p.lane
    if lane.blocked_code is None:
        return None
    since = say(" since {time}", time=clock(lane.blocked_since, f.now)) if lane.blocked_since else ""
    next_at = max(lane.next_call_at, f.now) if lane.next_call_at else None
    probe = say("; next probe {time}", time=clock(next_at, f.now)) if next_at else ""
    return Cause(
        "lane_blocked",
        say(
            "the lane {lane} is blocked{since} by {answer}{probe}",
            lane=lane.name,
            since=since,
            answer=coded(lane.blocked_code, lane.blocked_text),
            probe=probe,
        ),
        say(
            "mend what {code} says (docs/runbook.md), then `ei-relay lanes resume {lane}`",
            code=lane.blocked_code,
            lane=lane.name,
        ),
    )


def _nobody(f: Facts, _p: Post) -> Cause | None:
    return no_worker(f)


def _out(f: Facts, p: Post) -> Cause | None:
    if p.out is None:
        return None
    began = clock(p.out.started_at, f.now, seconds=True)
    if p.out.ends_at > f.now:
        because = say("a call that carries it has been out since {time}", time=began)
        return Cause("call_out", because, until=p.out.ends_at)
    return Cause(
        "call_lost",
        say("the worker of the call that carried it at {time} never came back; it is sent again", time=began),
        until=p.out.ends_at + p.pace.key_spacing + A_CALL,
    )


def _resting(f: Facts, p: Post) -> Cause | None:
    lane = p.lane
    if not lane.failures or lane.next_call_at is None or lane.next_call_at <= f.now:
        return None
    calls = say("{number} calls", number=lane.failures) if lane.failures > 1 else say("a call")
    said = say(" ({text})", text=plain(lane.last_text)) if lane.last_text else ""
    return Cause(
        "lane_resting",
        say(
            "the lane {lane} rests after {calls} that failed{said}; the next call is at {time} (R-35)",
            lane=lane.name,
            calls=calls,
            said=said,
            time=clock(lane.next_call_at, f.now, seconds=True),
        ),
        say("see whether the index can be reached: `ei-relay config check --connect`; the relay goes on by itself")
        if lane.last_code in _NOT_REACHED
        else say("wait for that call; if it fails too, ask the platform with the correlation id of the call"),
    )


def _index_away(_f: Facts, p: Post) -> Cause | None:
    if not p.lane.failures or p.lane.away < p.pace.wide_trouble:
        return None
    return Cause(
        "index_away",
        say(
            "the index {index} does not take calls: {number} lanes have failed since it last did, and one at a time "
            "asks after it (R-35)",
            index=p.lane.index,
            number=p.lane.away,
        ),
        say("ask the platform; the relay goes on by itself when the index answers"),
    )


def _spaced(f: Facts, p: Post) -> Cause | None:
    allowed = p.sent_at + p.pace.key_spacing if p.sent_at else None
    if allowed is None or allowed <= f.now:
        return None
    may = say(
        "it may be sent at {allowed}: the key was sent at {sent} (R-32)",
        allowed=clock(allowed, f.now, seconds=True), sent=clock(p.sent_at or f.now, f.now, seconds=True),
    )  # fmt: skip
    if p.known == UNKNOWN and p.call is not None and p.call.verdict != "accepted":
        because = say("nobody can say what became of its last call ({code}); {may}", code=p.call.code, may=may)
        return Cause("outcome_unknown", because, until=allowed + A_CALL)
    return Cause("spacing", may, until=allowed + A_CALL)


def _narrowed(f: Facts, p: Post) -> Cause | None:
    if not p.suspect:
        return None
    return Cause(
        "narrowing",
        say("a call that carried it with others was refused, and the relay is finding out which of them was meant"),
        until=max(f.now, p.lane.next_split_at or f.now) + 20 * (p.pace.split_call_interval + A_CALL),
    )


def _in_bulk(f: Facts, p: Post) -> Cause | None:
    if not p.bulk:
        return None
    calls = p.ahead // p.pace.max_posts_per_call
    until = max(f.now, p.lane.next_bulk_at or f.now) + calls * (p.pace.bulk_call_interval + A_CALL) + A_CALL
    run = say(" of run {run}", run=p.run_id) if p.run_id is not None else ""
    because = say(
        "it is sent in bulk{run}, behind live changes, with {number} posts before it (R-34)", run=run, number=p.ahead
    )
    return Cause("bulk", because, until=until)


def _in_turn(f: Facts, p: Post) -> Cause | None:
    if p.out is not None or p.suspect or p.bulk:
        return None
    free = max(f.now, p.lane.busy_until or f.now, p.lane.next_call_at or f.now)
    calls = p.ahead // p.pace.max_posts_per_call + 1
    before = say(", with {number} posts before it", number=p.ahead) if p.ahead else ""
    return Cause(
        "in_turn",
        say("it is sent in its turn{before}", before=before),
        until=free + f.pace.poll_interval + calls * A_CALL,
    )


def said_alone(_f: Facts, p: Post) -> Cause | None:
    """A post that is as it is wanted, and will be sent again: told beside the answer."""
    if p.pending or not p.unconfirmed or p.parked_code is not None or p.lane.say_again_at is None:
        return None
    done = say("deleted") if p.wanted == ABSENT else say("sent")
    return Cause(
        "unconfirmed",
        say(
            "post {post} was {done} in a call of its own, which the index may lose; it is sent again with others, or "
            "once more alone where there are none",
            post=p.key,
            done=done,
        ),
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
