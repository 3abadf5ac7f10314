"""Delivery: one call for one lane.

    begin     one transaction: take the lane, take its load (`relay.flow.delivery.load`), write the call down as open
    send      no transaction: encode, look at the lease a last time, call
    record    one transaction: what came back, for the call, its posts and the lane, which is free again

A worker that dies in `send` leaves an open call. Whoever takes the lane next, when the lease has run out, holds
the call's posts in doubt from that moment and lets the lane rest as after a time-out; nothing else is needed.
"""

from __future__ import annotations

import logging
import random
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from relay.backoff import pause
from relay.flow.delivery import cluster
from relay.flow.delivery.aftermath import lane_after, posts_after
from relay.flow.delivery.cluster import COMPARED
from relay.flow.delivery.load import load
from relay.flow.delivery.repeats import Reconsidered, depends_on_posts, most_posts, reconsider
from relay.flow.delivery.spool import KeptAnswer
from relay.flow.relay import Relay
from relay.index.message import MessageError
from relay.index.verdict import Kind, Verdict
from relay.observe import metrics
from relay.post import Transaction as EngagementTransaction
from relay.settings import EngagementIndex
from relay.store import calls, collisions, lanes, lease, posts
from relay.store.lanes import LaneName, TakenLane
from relay.store.lease import LeaseLost, LeaseTooShort, lease_end, steady_seconds
from relay.store.posts import DuePost
from relay.store.transaction import Transaction

if TYPE_CHECKING:
    from relay.index.client import IndexClient

log = logging.getLogger(__name__)

LEASE_MARGIN: Final = timedelta(seconds=10)  # what a worker may need before and after the call itself


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A call that is written down and may go out."""

    lane: TakenLane
    call_id: int
    correlation_id: str
    due: list[DuePost]


def deliver(relay: Relay, name: LaneName, *, troubled: bool = True) -> Verdict | None:
    """Make the lane's next call, if it may call and has something to send; None where it made none. With `troubled`
    false it makes none for a lane that is blocked or failing: those have threads of their own."""
    index = relay.index_of(name)
    client = relay.client(name.engagement_index)  # before the lane is taken: one that cannot be made blocks nothing
    moves = cluster.moves(relay)
    outgoing = begin(relay, name, index, troubled=troubled)
    if outgoing is None:
        return None
    if cluster.moves(relay) != moves:
        log.warning("no call was made: the database has come to another server", extra=_facts(outgoing))
        give_back(relay, outgoing, "SERVER", "the relay's database had come to another server")
        return None
    started = steady_seconds()
    try:
        verdict = record(relay, outgoing, index, send(client, outgoing))
    except LeaseTooShort as error:
        log.warning("no call was made: %s", error, extra=_facts(outgoing))
        give_back(relay, outgoing)
        return None
    except LeaseLost:
        log.error("the lease was lost during a call; its outcome is left to the next holder", extra=_facts(outgoing))
        return None
    _tell(relay, outgoing, verdict, steady_seconds() - started)
    return verdict


def begin(relay: Relay, name: LaneName, index: EngagementIndex, *, troubled: bool = True) -> Outgoing | None:
    """Take the lane and its due posts, and write the call down as open."""
    length = index.call_timeout + LEASE_MARGIN
    ends = lease_end(length)
    correlation_id = str(uuid.uuid4())

    def work(tx: Transaction) -> Outgoing | None:
        now = tx.now
        with relay.on_time(tx):
            compared_since = tx.now - COMPARED if relay.source_of(name) else None
            lane = lanes.take(
                tx, name, now - tx.now + length, ends, index.retry_after_fault, troubled=troubled,
                compared_since=compared_since,
            )  # fmt: skip
        if lane is None:
            return None
        if lane.open_call is not None:
            _hold_in_doubt(tx, lane, lane.open_call, index)
            return None
        with relay.on_time(tx):
            due, changes = load(tx, lane, index, most_posts(lane.seen, index.max_posts_per_call, tx.now))
        due = _apart(tx, name, due)
        if not due:
            lanes.close_call(tx, lane, **changes)
            return None
        call_id = calls.begin(
            tx, lane.id, correlation_id, [p.id for p in due], length, {p.id: p.wanted for p in due},
            again={p.id for p in due if p.again}, environment=relay.settings.environment,
        )  # fmt: skip
        lanes.open_call(tx, lane, call_id, **changes)
        return Outgoing(lane, call_id, correlation_id, due)

    return relay.store.transact(work)


def _apart(tx: Transaction, name: LaneName, due: list[DuePost]) -> list[DuePost]:
    """The posts that may go: none that the index would take for another post of ours."""
    apart = collisions.keep_apart(tx, name.engagement_index, due) if due else due
    if len(apart) < len(due):
        facts = {"lane": str(name), "posts": len(due) - len(apart)}
        tx.tell(log.error, "posts that the index cannot tell from others are not sent", extra=facts)
    return apart


def _hold_in_doubt(tx: Transaction, lane: TakenLane, call_id: int, index: EngagementIndex) -> None:
    """End a call whose worker died: it ended with its lease, and nobody can say whether it was applied."""
    post_ids, ended_at = calls.lost(tx, call_id)
    posts.doubt(tx, call_id, post_ids, ended_at)
    rest = pause(lane.failures + 1, index.retry_after_fault, index.retry_after_fault_max, random.random())  # noqa: S311
    lanes.close_call(tx, lane, failures=lane.failures + 1, next_call_at=ended_at + rest)
    facts = {"lane": str(lane.name), "call": call_id}
    tx.tell(log.warning, "a worker died during a call; its posts are in doubt", extra=facts)


def send(client: IndexClient, outgoing: Outgoing) -> Verdict:
    """Encode and call. Whatever the network or the index does is a verdict; raises LeaseTooShort only."""
    try:
        envelope = client.encode([EngagementTransaction(p.key, p.wanted) for p in outgoing.due])
    except MessageError as error:
        return unsayable(error)
    return client.send(
        envelope,
        correlation_id=outgoing.correlation_id,
        before_first_byte=outgoing.lane.lease.demand,
    )


def unsayable(error: MessageError) -> Verdict:
    """The verdict on a call that could not be put in XML: its posts' fault where it names them, else ours."""
    if error.posts:
        return Verdict(Kind.CONTENT, "ENCODE", str(error), named=error.posts, sent=False)
    return Verdict(Kind.CONFIGURATION, "ENCODE", str(error), sent=False)


def record(relay: Relay, outgoing: Outgoing, index: EngagementIndex, verdict: Verdict) -> Verdict:
    """Write down what came back, in the light of what came before, and give the lane back; the verdict that counts.

    Raises LeaseLost, and then nothing is written.

    An answer comes once, so a database that is away just then, or refuses, is waited for while the lease lasts: nobody
    else works for the lane meanwhile. An acceptance is kept in the spool until it is written down, for whoever is
    killed meanwhile. Raises SQLAlchemyError when that was not enough; the posts are in doubt then, unless the spool has
    it and nobody else has taken the lane when the database is well again.
    """
    lane, due = outgoing.lane, outgoing.due
    kept = relay.spool.keep(answer_of(outgoing, index, verdict)) if verdict.kind is Kind.ACCEPTED else None
    jitter = random.random()  # noqa: S311 - it spreads load, it hides nothing

    def work(tx: Transaction) -> Verdict:
        found = _reconsider(tx, outgoing, verdict)
        said = found.verdict
        changes = lane_after(due, said, lane, index, tx.now, jitter) | found.changes
        lanes.close_call(tx, lane, **changes)
        after = posts_after(due, said, outgoing.call_id, tx.now, index.least_posts)
        if found.released:
            after = [sent._replace(suspect=None, refused=1) for sent in after]
        posts.record(tx, outgoing.call_id, after, {p.id: p.wanted for p in due})
        calls.end(
            tx, outgoing.call_id, said.kind.value, said.code, said.text,
            detail=said.detail or None, routed=said.routed, producer_ms=said.producer_ms,
        )  # fmt: skip
        return said

    try:
        said = relay.store.transact(work, keep_trying=lane.lease.lasts)
        relay.spool.forget(kept)
        return said
    except LeaseLost:
        relay.spool.forget(kept)
        raise
    except SQLAlchemyError:
        facts = _facts(outgoing) | {"verdict": verdict.kind.value, "code": verdict.code, "text": verdict.text}
        log.error("a call's outcome could not be written down while its lease lasted", extra=facts)
        raise


def answer_of(outgoing: Outgoing, index: EngagementIndex, verdict: Verdict) -> KeptAnswer:
    """What the spool is to know of a call that was accepted just now."""
    began = outgoing.lane.lease.ends - (index.call_timeout + LEASE_MARGIN).total_seconds()
    return KeptAnswer(
        outgoing.call_id, outgoing.correlation_id, str(outgoing.lane.name), outgoing.lane.lease.token, verdict.code,
        lease.steady_seconds() - began,
    )  # fmt: skip


def _reconsider(tx: Transaction, outgoing: Outgoing, verdict: Verdict) -> Reconsidered:
    """The verdict in the light of what the lane has been answered before."""
    lane, due = outgoing.lane, [p for p in outgoing.due if not p.again] or outgoing.due  # company is above suspicion
    asks = depends_on_posts(verdict, lane.seen) and lane.seen.call is not None
    same = asks and posts.carried(tx, lane.seen.call or 0, (p.id for p in due))
    return reconsider(verdict, due, lane.seen, same, lane.blocked, outgoing.call_id, tx.now)


def give_back(
    relay: Relay, outgoing: Outgoing, code: str = "LEASE", text: str = "too little was left of the lease"
) -> None:
    """Undo a call that was never made; where somebody else has the lane by now, it is theirs to end."""

    def work(tx: Transaction) -> None:
        lanes.close_call(tx, outgoing.lane)
        calls.end(tx, outgoing.call_id, calls.NOT_MADE, code, text)

    with suppress(LeaseLost):
        relay.store.transact(work)


def _tell(relay: Relay, outgoing: Outgoing, verdict: Verdict, seconds: float) -> None:
    name = outgoing.lane.name
    metrics.CALLS.labels(name.engagement_index, name.source_system, verdict.kind.value, verdict.code).inc()
    metrics.CALL_SECONDS.labels(name.engagement_index).observe(seconds)
    metrics.CALL_POSTS.labels(name.engagement_index).observe(len(outgoing.due))
    again = sum(post.again for post in outgoing.due)
    if again:
        counter = metrics.REFRESHED_POSTS if outgoing.due[0].bulk and outgoing.due[0].again else metrics.COMPANION_POSTS
        counter.labels(name.engagement_index, name.source_system).inc(again)
    if verdict.producer_ms is not None:
        metrics.PRODUCER_SECONDS.labels(name.engagement_index).observe(verdict.producer_ms / 1000)
    if verdict.kind is Kind.ACCEPTED and not outgoing.due[0].bulk:  # bulk has a pace of its own
        now = datetime.now(UTC)
        delay = metrics.DELIVERY_DELAY.labels(relay.source_of(name))
        for post in outgoing.due:
            if not post.again:
                delay.observe(max((now - post.wanted_since).total_seconds(), 0))
    level = {Kind.ACCEPTED: logging.INFO, Kind.CONTENT: logging.ERROR, Kind.CONFIGURATION: logging.ERROR}
    facts = _facts(outgoing) | {"verdict": verdict.kind.value, "code": verdict.code, "text": verdict.text}
    facts |= {"detail": verdict.detail} if verdict.detail else {}
    log.log(level.get(verdict.kind, logging.WARNING), "call ended", extra=facts | {"seconds": round(seconds, 3)})


def _facts(outgoing: Outgoing) -> dict[str, object]:
    return {
        "lane": str(outgoing.lane.name),
        "call": outgoing.call_id,
        "correlation_id": outgoing.correlation_id,
        "posts": len(outgoing.due),
        "said_again": sum(post.again for post in outgoing.due),
    }
