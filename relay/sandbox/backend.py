"""The index's back end: what happens to a call after its OK.

    few posts ──▶ window, in memory ──quiet, or full──┐
                                                      ▼
    more posts ───────────────────────────────────▶ queue ──one at a time──▶ table
                                                      │
                                                      └──failed so many times──▶ dead letters

The queue outlives the back end, the window does not: what was gathered when it dies is forgotten. A message that
cannot be stored is tried again after a pause, and everything behind it waits meanwhile. Nothing here has a clock or
a thread of its own: it is told the time, and does what would have been done by then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from relay.sandbox.collector import Collect, Collector
from relay.sandbox.model import Transaction
from relay.sandbox.table import Row, Table

REMEMBERED: Final = 10_000
"""How many forgotten posts and dead letters are kept for reading; counts go on beyond it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the back end is, in seconds: before a message is taken up, for each post, between attempts."""

    delay: float = 0.0
    per_post: float = 0.0
    redelivery: float = 60.0
    redeliveries: int = 5


MEASURED: Final = Pace(delay=0.1, per_post=0.001)


@dataclass(slots=True)
class Message:
    """What one attempt stores or fails on: a call of several posts, or a window of gathered ones."""

    number: int
    transactions: tuple[Transaction, ...]
    ready: float
    gathered: bool
    doomed: bool = False
    attempts: int = 0

    @property
    def storable(self) -> bool:
        """Whether the table can take it: its columns hold no character outside the Basic Multilingual Plane."""
        return not self.doomed and all(each.storable for each in self.transactions)

    def told(self) -> dict[str, Any]:
        """For lists and pages: no resident."""
        return {
            "message": self.number,
            "posts": len(self.transactions),
            "deletes": sum(each.delete for each in self.transactions),
            "source_systems": sorted({each.key.source_system for each in self.transactions}),
            "gathered": self.gathered,
            "attempts": self.attempts,
        }


class BackEnd:
    """Whoever uses it from several threads holds a lock around it."""

    def __init__(self, table: Table, collect: Collect | None, pace: Pace) -> None:
        """Idle. Without `collect` every call goes to the queue."""
        self.table = table
        self._collect = collect
        self._pace = pace
        self._numbers = count(1)
        self._windows = [Collector(collect)] if collect else []
        self._arrived: deque[tuple[float, tuple[Transaction, ...]]] = deque()  # still to be gathered
        self._queue: deque[Message] = deque()
        self._coming: list[tuple[float, int, tuple[Transaction, ...]]] = []
        self._working: list[tuple[float, int, Message]] = []  # by the moment at which an attempt ends
        self._consumers = 1
        self._doom_next_window = False
        self._up_from = float("-inf")
        self._second_until = float("inf")
        self.locked = False
        self.away = False
        self.dead: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.forgotten: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.counts = {"dead": 0, "forgotten": 0}
        self._dropped = 0

    # what comes in

    def take(self, transactions: tuple[Transaction, ...], now: float, again: float | None = None) -> None:
        """An accepted call; `again`: the same call comes once more so many seconds later."""
        self.advance(now)
        heappush(self._coming, (now, next(self._numbers), transactions))
        if again is not None:
            heappush(self._coming, (now + again, next(self._numbers), transactions))
        self.advance(now)

    def advance(self, now: float) -> None:
        """Do all that would have been done by `now`, in the order of time."""
        if self._second_until <= now:
            self._lose_second(self._second_until)
        self._advance(now)

    def settle(self, now: float) -> None:
        """Do all that is left without waiting for anything but the write lock and the database."""
        self._up_from = min(self._up_from, now)
        self._coming = sorted((min(at, now), number, each) for at, number, each in self._coming)
        self.advance(now)
        for window in self._windows:
            self._close(window, now)
        while not self._held and (self._working or self._queue):
            for message in self._queue:
                message.ready = min(message.ready, now)
            self._working = sorted((min(at, now), number, message) for at, number, message in self._working)
            self._advance(now)

    # what happens to it

    def die(self, now: float, seconds: float = 0.0) -> int:
        """Killed, and up again after `seconds`: the windows are lost, the queue is not. How many posts were lost."""
        self.advance(now)
        lost = [each for window in self._windows for each in window.drain()]
        self._forget(lost, now, "the back end died")
        for message in sorted((each for _, _, each in self._working), key=lambda each: each.number, reverse=True):
            self._queue.appendleft(message)  # its transaction was rolled back
        self._working.clear()
        self._up_from = now + seconds
        return len(lost)

    def lock(self, now: float, *, on: bool) -> None:
        """The write lock: accepted calls are held back while it is on."""
        self.advance(now)
        self.locked = on
        self._resume(now)

    def leave(self, now: float, *, on: bool) -> None:
        """The database is away, or back: nothing is lost, nothing applied meanwhile."""
        self.advance(now)
        self.away = on
        self._resume(now)

    def second(self, now: float, *, on: bool, until: float = float("inf")) -> None:
        """Let a second back end work beside the first: two windows, and messages that overtake each other."""
        self.advance(now)
        self._second_until = until if on else float("inf")
        if on and self._consumers == 1:
            self._consumers = 2
            if self._collect:
                self._windows.append(Collector(self._collect))
        elif not on and self._consumers == 2:
            self._lose_second(now)
        self._advance(now)

    def doom_window(self, now: float) -> None:
        """Let the open window, or else the next, fail as a whole."""
        self.advance(now)
        self._doom_next_window = True

    def forget_rows(self, rows: list[Row], now: float, why: str) -> None:
        """Note rows of the table that are no longer there."""
        self._forget([Transaction(row.key, False, row.content) for row in rows], now, why)

    # what can be seen

    @property
    def gathering(self) -> list[dict[str, Any]]:
        """The posts of the open windows."""
        arrived = [each for _, transactions in self._arrived for each in transactions]
        return [_told(each) for each in arrived + [each for window in self._windows for each in window.gathered()]]

    @property
    def waiting(self) -> int:
        """How many calls have been gathered, and not yet handed on."""
        return len(self._arrived) + sum(window.waiting for window in self._windows)

    @property
    def dropped(self) -> int:
        """How many gathered calls were thrown away because another in their window won."""
        return self._dropped + sum(window.dropped for window in self._windows)

    @property
    def queued(self) -> list[dict[str, Any]]:
        """The messages that are not yet stored, the next one first."""
        working = [message for _, _, message in sorted(self._working)]
        return [message.told() for message in (*working, *self._queue)]

    @property
    def number(self) -> int:
        """How many back ends there are."""
        return self._consumers

    @property
    def busy(self) -> bool:
        """Whether an accepted call is not yet stored, wherever it is."""
        return bool(self._coming or self._arrived or self._queue or self._working or self.waiting)

    @property
    def still_until(self) -> float | None:
        """When the consumer that stands still before another attempt goes on; None: it does not stand still."""
        return next((at for at, _, message in sorted(self._working) if message.attempts), None)

    # the work

    @property
    def _held(self) -> bool:
        return self.locked or self.away

    def _advance(self, now: float) -> None:
        while True:
            comes = self._coming[0][0] if self._coming else float("inf")
            gathers = closes = starts = ends = float("inf")
            if self._arrived:
                gathers = max(self._arrived[0][0], self._up_from)
            window = min(self._windows, key=lambda each: each.closes_at, default=None)
            if window is not None:
                closes = window.closes_at
            if not self._held and self._queue and len(self._working) < self._consumers:
                starts = max(self._queue[0].ready, self._up_from)
            if not self._held and self._working:
                ends = self._working[0][0]
            at = min(comes, gathers, closes, starts, ends)
            if at > now:
                return
            if at == ends:
                self._finish(*heappop(self._working))
            elif at == starts:
                self._start(self._queue.popleft(), at)
            elif at == closes and window is not None:
                self._close(window, at)
            elif at == comes:
                self._come(*heappop(self._coming))
            else:  # with two back ends, each in its turn
                turn = min(self._windows, key=lambda each: each.taken)
                turn.add(self._arrived.popleft()[1], at)

    def _come(self, at: float, number: int, transactions: tuple[Transaction, ...]) -> None:
        if self._collect and len(transactions) <= self._collect.posts:
            self._arrived.append((at, transactions))
        else:
            self._queue.append(Message(number, transactions, at + self._pace.delay, gathered=False))

    def _close(self, window: Collector, at: float) -> None:
        if not window.waiting:
            return
        message = Message(next(self._numbers), tuple(window.drain()), at + self._pace.delay, gathered=True)
        message.doomed, self._doom_next_window = self._doom_next_window, False
        self._queue.append(message)

    def _start(self, message: Message, at: float) -> None:
        slow = MEASURED.per_post if self._consumers > 1 else 0.0  # else none could overtake another
        ends = at + len(message.transactions) * max(self._pace.per_post, slow)
        heappush(self._working, (ends, message.number, message))

    def _finish(self, at: float, _: int, message: Message) -> None:
        if message.storable:
            self.table.apply(message.transactions)
            self._next_not_before(at)
            return
        message.attempts += 1
        if message.attempts <= self._pace.redeliveries:
            heappush(self._working, (at + self._pace.redelivery, message.number, message))
            return
        self.counts["dead"] += 1
        self.dead.append(message.told() | {"at": at, "bookings": [_told(each) for each in message.transactions]})
        self._next_not_before(at)

    def _next_not_before(self, at: float) -> None:
        """A consumer takes its next message when it is done with the last."""
        if self._queue:
            self._queue[0].ready = max(self._queue[0].ready, at)

    def _resume(self, now: float) -> None:
        """What was held back is done from now on."""
        if self._held:
            return
        self._working = sorted((max(at, now), number, message) for at, number, message in self._working)
        if self._queue:
            self._queue[0].ready = max(self._queue[0].ready, now)
        self._advance(now)

    def _lose_second(self, at: float) -> None:
        """The first of two back ends is told to stop: its open window goes with it."""
        self._advance(at)
        self._second_until = float("inf")
        self._consumers = 1
        if len(self._windows) > 1:
            first = self._windows.pop(0)
            self._forget(first.drain(), at, "a back end was stopped")
            self._dropped += first.dropped

    def _forget(self, transactions: list[Transaction], at: float, why: str) -> None:
        self.counts["forgotten"] += len(transactions)
        self.forgotten.extend(_told(each) | {"at": at, "why": why} for each in transactions)


def _told(transaction: Transaction) -> dict[str, Any]:
    """A post as lists show it: no resident."""
    return {
        "booking": transaction.key.business_object_instance_identifier,
        "logical_address": transaction.key.logical_address,
        "source_system": transaction.key.source_system,
        "delete": transaction.delete,
        "most_recent_content": transaction.content,
    }
