"""How many posts stand in the index, counted without ever asking a question that grows with their number.

A `count(*)` over all posts costs a second at ten million rows and more each year. So the posts are walked in
ranges of ids, as many ranges at a time as fit into a fraction of a second, and each range's last figure is kept:
the sum is exact for posts that stand still and at most one walk old for the rest. After a walk it rests for a hundred
times as long as that took: a small relay's figure is fresh, a large one's some minutes old. Counters kept up to date
by every call and intake would be fresher, and make every transaction of a lane wait for one row; an estimate of the
planner's knows neither source nor state.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from relay.store import figures
from relay.store.transaction import Store

RANGE: Final = 50_000  # ids; some ten milliseconds
BUDGET_SECONDS: Final = 0.25  # for each `go_on`: a fortieth of one connection, where it is called every 10 s
REST_FACTOR: Final = 100  # a rest is so many times as long as the walk before it,
REST_SECONDS: Final = 300.0  # but no longer
SMALL_REST_SECONDS: Final = 10.0  # where one question counts all: on a busy machine that may take seconds, or the first
SMALL_REST_FACTOR: Final = 10


class Census:
    """Walks the posts a little each time it is asked to."""

    def __init__(
        self, store: Store, clock: Callable[[], float] = time.monotonic, *, ids_per_question: int = RANGE
    ) -> None:
        self._store = store
        self._clock = clock
        self._range = ids_per_question
        self._counted: dict[int, dict[str, int]] = {}  # {first id of a range: {source: posts}}
        self._next = 1
        self._asking = 0.0  # seconds that the walk under way has taken
        self._rests_until: float | None = None  # None: the first walk is not over, or the next is under way
        self._complete = False

    def go_on(self) -> dict[str, int] | None:
        """{source: posts in the index}, after a bit of walking; None until the first walk is over.

        Raises SQLAlchemyError; the walk then goes on where it was.
        """
        began = self._clock()
        if self._rests_until is None or began >= self._rests_until:
            self._rests_until = None
            self._walk(began)
        return self._sum() if self._complete else None

    def _walk(self, began: float) -> None:
        last = self._store.transact(figures.last_post_id)
        while self._next <= last:
            first = self._next
            question = partial(figures.indexed_between, first=first, last=first + self._range - 1)
            self._counted[first] = self._store.transact(question)
            self._next += self._range
            if self._clock() - began >= BUDGET_SECONDS:
                break
        now = self._clock()
        self._asking += now - began
        if self._next > last:
            self._complete = True
            self._next = 1
            self._rests_until = now + self._rest(is_small=last <= self._range)
            self._asking = 0.0

    def _rest(self, *, is_small: bool) -> float:
        rest = min(REST_FACTOR * self._asking, REST_SECONDS)
        return min(rest, SMALL_REST_SECONDS + SMALL_REST_FACTOR * self._asking) if is_small else rest

    def _sum(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for counts in self._counted.values():
            total.update(counts)
        return dict(total)
