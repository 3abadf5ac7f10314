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
from typing import Any, TypeVar
from uuid import uuid4

from relay.sandbox import answers
from relay.sandbox.backend import Pace
from relay.sandbox.collector import Collect
from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.index import Index
from relay.sandbox.model import Outcome, Refusal, Reply, Update
from relay.sandbox.orders import Order, OrderBook
from relay.sandbox.referee import HISTORY, Limits, Referee, source_systems
from relay.sandbox.soap import Envelope, UnreadableError, read_find_content, read_update
from relay.sandbox.table import Row
from relay.sandbox.validation import Ownership, wrong_address

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Options:
    """How the sandbox behaves. `direct`: called without the platform, which else sets the correlation id."""

    own: Ownership = field(default_factory=Ownership)
    collect: Collect | None = None
    pace: Pace = field(default_factory=Pace)
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
    pause: float = 0.0  # asked for by Retry-After


class Core:
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
            self.index = Index(self.options.own, self.options.collect, self.now, self.options.pace)
            self.referee = Referee(self.options.limits)
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
        headers = {name.lower(): value for name, value in headers.items()}
        update, problem = self._read(body, headers)
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
        return Call(record, update, order, problem, wait)

    def take(self, call: Call) -> Reply:
        """Let the index take the call, unless an order says otherwise, and make the reply."""
        with self._lock:
            refusal = call.problem
            if refusal is None and call.order.takes:
                refusal = self.index.take(call.update)
                call.record.applied = refusal is None
                if refusal is not None:
                    self.referee.refused(call.record.number, self.now(), call.update, refusal)
            normal = answers.refused(refusal) if refusal else answers.update_response("OK")
            reply = call.order.reply(normal)
            if call.record.ended is None:
                call.record.answer, call.record.outcome = reply.answer, reply.outcome
            call.pause = _seconds(reply.headers.get("Retry-After"))
        return replace(reply, headers={**reply.headers, CORRELATION_ID: call.record.correlation_id})

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

    def find_content(self, body: bytes) -> Reply:
        """Answer a FindContent call."""
        try:
            question = read_find_content(Envelope(body))
        except UnreadableError as problem:
            return answers.refused(self._unreadable(problem))
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

    def back_end_dies(self, seconds: float = 0.0) -> int:
        """Kill the back end, which is up again after `seconds`: how many accepted posts were lost with its window."""
        with self._lock:
            return self.index.back_end.die(self.now(), seconds)

    def write_lock(self, on: bool = True) -> None:
        """Hold accepted calls back, or let them be applied."""
        with self._lock:
            self.index.back_end.lock(self.now(), on=on)

    def table_copy(self) -> dict[str, Row]:
        """The table as it is now, for `restore_table`."""
        with self._lock:
            return self.index.back_end.table.copy()

    def restore_table(self, copy: dict[str, Row]) -> int:
        """Put an older table in the place of this one, as after a restored database: how many posts it changed."""
        with self._lock:
            back_end = self.index.back_end
            lost = back_end.table.restore(copy)
            back_end.forget_rows(lost, self.now(), "an older table was restored")
            return len(lost)

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
            return _last(self.referee.noted, latest)

    def standing_orders(self) -> list[dict[str, object]]:
        """The orders that have not been used up."""
        with self._lock:
            return self.orders.standing()

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
                "breaches": self.referee.counts.total(),
                "breaches_by_rule": dict(sorted(self.referee.counts.items())),
                "max_parallel": dict(sorted(self.referee.max_parallel.items())),
                "orders": len(self.orders.standing()),
            }

    def _read(self, body: bytes, headers: Mapping[str, str]) -> tuple[Update, Refusal | None]:
        """The call, and what is wrong with it before the index looks: the platform's own refusals."""
        try:
            update = read_update(Envelope(body))
        except UnreadableError as problem:
            return Update(), self._unreadable(problem)
        if self.options.direct and CORRELATION_ID not in headers:
            return update, Refusal("EI000", f"A technical error has occurred: no {CORRELATION_ID} header")
        if not self.options.direct and not (update.logical_address or "").strip():
            return update, Refusal("VP003", "No LogicalAddress in the message", "R-02")
        return update, None

    def _unreadable(self, problem: UnreadableError) -> Refusal:
        return Refusal("EI001" if self.options.direct else "VP015", f"Malformed call: {problem}", "R-01")


def _last(items: Reversible[_T], number: int | None) -> list[_T]:
    return list(islice(reversed(items), number))[::-1]


def _seconds(retry_after: str | None) -> float:
    """Retry-After in seconds; its other form, a date, is not watched."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
