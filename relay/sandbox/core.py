"""The sandbox without its HTTP: bytes in, a reply out, with orders, referee and history.

A call has three moments, because time passes between them and the referee must see it:

    begin   the call has come in whole: it is read, watched, and matched with an order
    take    the index takes or refuses it, and the reply is made
    end     the answer is about to leave, or the sender has gone

`receive` does all three at once. One lock guards everything but the reading, which is the slow part.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Reversible
from dataclasses import asdict, dataclass, field, replace
from itertools import count, islice
from typing import Any, Final, TypeVar
from uuid import uuid4

from relay.sandbox import answers
from relay.sandbox.accidents import Accidents
from relay.sandbox.backend import MEASURED, Pace
from relay.sandbox.collector import Collect
from relay.sandbox.contract import CORRELATION_ID, PRODUCER_TIME
from relay.sandbox.door import read_call, unreadable
from relay.sandbox.envelope import Envelope, UnreadableError
from relay.sandbox.index import Index
from relay.sandbox.model import Outcome, Refusal, Reply, Transaction, Update
from relay.sandbox.observations import Observations
from relay.sandbox.orders import REPEATED_AFTER, Order, OrderBook
from relay.sandbox.platform import Platform, detail_of
from relay.sandbox.referee import HISTORY, Limits, Referee, source_systems
from relay.sandbox.soap import read_find_content
from relay.sandbox.table import Event
from relay.sandbox.validation import Ownership, wrong_address

__all__ = ["Core", "Options"]  # docs/api.md

_T = TypeVar("_T")
_PLAIN: Final = {"content-type": "text/xml; charset=utf-8"}

# Request headers that do not come back in the answer: those of the connection, and what the answer says itself.
_NOT_ECHOED: Final = {
    "connection", "content-length", "content-type", "expect", "keep-alive", "te", "trailer", "transfer-encoding",
    "upgrade",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """How the sandbox behaves.

    as_measured: as the index that was measured, and no stricter; the window and the pace are its own unless given
    direct:      called without the platform, which else sets the correlation id
    """

    own: Ownership = field(default_factory=Ownership)
    collect: Collect | None = None
    pace: Pace | None = None
    as_measured: bool = False
    limits: Limits = field(default_factory=Limits)
    latency: float = 0.0
    direct: bool = False


@dataclass(slots=True)
class CallRecord:
    """What the history keeps of a call: nothing about any resident."""

    number: int
    source_system: str
    started: float
    posts: int
    deletes: int
    correlation_id: str
    ended: float | None = None
    answer: str | None = None
    outcome: Outcome | None = None
    applied: bool = False


@dataclass(slots=True)
class Call:
    """A call under way."""

    record: CallRecord
    update: Update
    order: Order
    problem: Refusal | None
    wait: float  # before it is taken
    echo: dict[str, str] = field(default_factory=dict)  # request headers that come back
    pause: float = 0.0  # asked for by Retry-After


class Core(Accidents):
    """An index to practise on. `now` gives seconds, and need never go backwards."""

    def __init__(self, options: Options | None = None, now: Callable[[], float] = time.time) -> None:
        """An empty index that has seen nothing."""
        self.options = options or Options()
        self.now = now
        self._lock = threading.RLock()
        self._numbers = count(1)  # go on through a reset, so that a call under way is not taken for a new one
        self.reset()

    def reset(self) -> None:
        """Forget posts, calls, breaches and orders."""
        with self._lock:
            measured = self.options.as_measured
            collect = self.options.collect or (Collect() if measured else None)
            pace = self.options.pace or (MEASURED if measured else None)
            self.index = Index(self.options.own, collect, self.now, pace, self._heard)
            self.alone = collect.posts if collect else 1
            self.referee = Referee(self.options.limits)
            self.observations = Observations()
            self.platform = Platform()
            self.orders = OrderBook()
            self._calls: deque[CallRecord] = deque(maxlen=HISTORY)
            self._totals: Counter[str] = Counter()

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """A whole Update call at one instant; the reply's waits are for whoever carries it out."""
        call = self.begin(body, headers)
        reply = self.take(call)
        self.end(call)
        return reply

    def begin(self, body: bytes, headers: Mapping[str, str], started: float | None = None) -> Call:
        """Read an Update call and tell the referee. `started`: when its first byte came."""
        echo = {name: value for name, value in headers.items() if name.lower() not in _NOT_ECHOED}
        headers = {name.lower(): value for name, value in headers.items()}
        options = self.options
        update, problem = read_call(
            body, headers, owner=options.own.owner, direct=options.direct, strict=not options.as_measured
        )
        with self._lock:
            started = self.now() if started is None else started
            self._totals["calls"] += 1
            record = CallRecord(
                number=next(self._numbers),
                source_system=source_systems(update),
                started=started,
                posts=len(update.transactions),
                deletes=sum(t.delete for t in update.transactions),
                correlation_id=headers.get(CORRELATION_ID) or str(uuid4()),
            )
            self._calls.append(record)
            self._totals["transactions"] += record.posts
            self.referee.begin(record.number, started, headers, update)
            if problem is not None:
                self.referee.refused(record.number, started, update, problem)
            order = self.orders.take(update)
        wait = self.options.latency + (order.delay if order.late else 0.0)
        return Call(record, update, order, problem, wait, echo=echo if problem is None else {})

    def take(self, call: Call) -> Reply:
        """Let the index take the call, unless an order says otherwise, and make the reply."""
        with self._lock:
            reply = self._platform_is_not_ready() or call.order.reply(self._normal(call))
            if call.record.ended is None:
                call.record.answer, call.record.outcome = reply.answer, reply.outcome
            call.pause = _seconds(reply.headers.get("Retry-After"))
            headers = self._headers(call, reply)
        hurt = not reply.whole or reply.drip > 0
        return replace(reply, headers=headers, chunked=self.options.as_measured and reply.passed_on and not hurt)

    def _platform_is_not_ready(self) -> Reply | None:
        """What a platform answers that stops, is gone, or starts; None: it is there."""
        state = "ready" if self.options.direct else self.platform.state(self.now())
        if state == "starting":
            return answers.platform_fault("VP008", detail_of("VP008"))
        if state in ("stopping", "bare"):
            return answers.bare(503 if state == "stopping" else 404, {}, "")
        if state == "gone":
            return replace(answers.bare(503, {}, ""), answer="platform gone", lost=True)
        return None

    def _normal(self, call: Call) -> Reply:
        """The index's own answer."""
        refusal = call.problem
        if refusal is None and call.order.takes:
            refusal = self.index.take(call.update, REPEATED_AFTER if call.order.answer == "twice" else None)
            call.record.applied = refusal is None
            if refusal is not None:
                self.referee.refused(call.record.number, self.now(), call.update, refusal)
            elif call.record.posts <= self.alone:
                text = f"call {call.record.number} had {call.record.posts} post"
                self.observations.note("single", self.now(), call.record.source_system, text)
        return answers.refused(refusal) if refusal else answers.update_response("OK")

    def _headers(self, call: Call, reply: Reply) -> dict[str, str]:
        """The answer's headers: most of the request's come back, and the platform adds its own."""
        headers = dict(reply.headers)
        if reply.passed_on:
            there = {name.lower() for name in headers}
            headers = {name: value for name, value in call.echo.items() if name.lower() not in there} | headers
            if not self.options.direct:
                headers[PRODUCER_TIME] = str(round((self.now() - call.record.started) * 1000))
        if reply.routed:
            headers = {name: value for name, value in headers.items() if name.lower() != CORRELATION_ID}
            headers[CORRELATION_ID] = call.record.correlation_id
        return headers

    def _heard(self, event: Event, post: Transaction) -> None:
        """What the index's table tells of a post that it was given."""
        booking = post.key.business_object_instance_identifier
        if event == "missing":
            text = f"booking {booking!r} at {post.key.logical_address} was not there"
            self.observations.note("missing", self.now(), post.key.source_system, text)
        else:
            self.referee.collided(self.now(), post)

    def end(self, call: Call, *, answered: bool = True) -> None:
        """The call is over; `answered` False: the sender left before it. A second end changes nothing."""
        with self._lock:
            if call.record.ended is not None:
                return
            call.record.ended = self.now()
            if not answered:
                call.record.answer, call.record.outcome = "sender left", "failed"
            outcome = call.record.outcome or "failed"
            self.referee.end(call.record.number, call.record.ended, call.update, outcome, call.pause)

    def find_content(self, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Answer a FindContent call. `headers` in lower case; without them it is UTF-8."""
        try:
            question = read_find_content(Envelope(body, headers or _PLAIN))
        except UnreadableError as problem:
            return answers.refused(unreadable(problem, direct=self.options.direct))
        if refusal := question.flaw or wrong_address(question.logical_address, self.options.own.owner):
            return answers.refused(refusal)
        with self._lock:
            return answers.find_content_response(self.index.find(question.criteria), self.options.own.owner)

    def order(self, order: Order) -> None:
        """Order an answer ahead."""
        with self._lock:
            self.orders.add(order)

    def cancel_orders(self) -> None:
        """Answer normally again."""
        with self._lock:
            self.orders.cancel()

    def settle(self) -> None:
        """Write what waits in the collect queue."""
        with self._lock:
            self.index.settle()

    def observed(self, latest: int | None = None) -> list[dict[str, Any]]:
        """What was seen that is no breach, oldest first."""
        with self._lock:
            self.index.back_end.advance(self.now())
            return _last(self.observations.noted, latest)

    def posts(self, latest: int | None = None) -> list[dict[str, Any]]:
        """Every post, oldest first: its key, most_recent_content, how many notifications it has caused.

        `latest`: only the last so many, here and below.
        """
        with self._lock:
            held = _last(self.index.posts.items(), latest)
            told = self.index.notified_of
            return [
                key._asdict() | {"most_recent_content": content, "notifications": told[key]} for key, content in held
            ]

    def calls(self, latest: int | None = None) -> list[dict[str, Any]]:
        """The calls that are remembered, oldest first."""
        with self._lock:
            return [asdict(record) for record in _last(self._calls, latest)]

    def breaches(self, latest: int | None = None) -> list[dict[str, Any]]:
        """The breaches that are remembered, oldest first."""
        with self._lock:
            self.index.back_end.advance(self.now())
            return _last(self.referee.noted, latest)

    def active_orders(self) -> list[dict[str, object]]:
        """The orders that have not been used up."""
        with self._lock:
            return self.orders.active()

    def summary(self) -> dict[str, Any]:
        """The counts since the last reset."""
        with self._lock:
            notified = self.index.notified
            back_end = self.index.back_end
            return {
                "owner": self.options.own.owner,
                "posts": len(back_end.table),
                "calls": self._totals["calls"],
                "transactions": self._totals["transactions"],
                "notifications": notified.total(),
                "notifications_by_kind": {kind: notified[kind] for kind in ("new", "changed", "deleted")},
                "collecting": self.index.waiting,
                "dropped_by_collector": self.index.dropped,
                "queued": len(back_end.queued),
                "dead_letters": back_end.counts["dead"],
                "forgotten": back_end.counts["forgotten"],
                "busy": back_end.busy,
                "observations_by_kind": {kind: self.observations.counts[kind] for kind in ("single", "missing")},
                "breaches": self.referee.counts.total(),
                "breaches_by_rule": dict(sorted(self.referee.counts.items())),
                "max_parallel": dict(sorted(self.referee.max_parallel.items())),
                "orders": len(self.orders.active()),
            }


def _last(items: Reversible[_T], number: int | None) -> list[_T]:
    return list(islice(reversed(items), number))[::-1]


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds; its other form, a date, is not watched."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
