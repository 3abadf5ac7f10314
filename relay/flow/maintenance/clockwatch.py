"""The database's clock, watched: while it cannot be believed, nothing is taken for over.

All times of the relay are the database's. A step of its clock ahead would remove upcoming bookings, and leave
times that keep lanes silent when it is right again. So each process compares what the clock shows with what it must
show by then, counted on a clock of its own that never jumps, and with the time of its own host.

    it jumped, and differs from our own host's    in doubt: expiry waits, at most `LONGEST`; the log says so. Calls and
                                                  intake go on, by the time that is expected where it jumped ahead
    it is as expected again, or as our host's     believed; after a jump back what it left in the future is repaired

A host whose own clock is wrong holds nothing back but its own expiry, for an hour: the other workers do it meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from relay.store import lease
from relay.store.clocks import BOUND

log = logging.getLogger(__name__)

LONGEST: Final = timedelta(hours=1)  # then a clock that stays where it is is believed: it may be our host that is wrong


class ClockWatch:
    """What one process thinks of the database's clock."""

    def __init__(self, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._wall = wall
        self._lock = Lock()
        self._base: tuple[datetime, float] | None = None  # a time that was believed, and when that was
        self._doubted_since: float | None = None
        self.began = False

    def believes(self, now: datetime) -> tuple[bool, bool]:
        """Whether the database's clock can be believed, and whether times it left in the future are to be repaired."""
        with self._lock:
            return self._judge(now, lease.steady_seconds())

    def not_ahead(self, now: datetime) -> datetime:
        """The time that pauses are counted by and bookings judged: the database's, but where that is ahead of all that
        can be believed, the one that is expected. So no key goes out before its spacing is over (R-32)."""
        with self._lock:
            expected = self._expected(lease.steady_seconds())
            if expected is None or now <= expected + BOUND or abs(now - self._wall()) <= BOUND:
                return now
            return expected

    def is_calm(self, now: datetime) -> bool:
        """Whether the clock goes on as it was believed to; else nothing is noted, and `believes` is to be asked."""
        with self._lock:
            steady = lease.steady_seconds()
            expected = self._expected(steady)
            calm = expected is not None and self._doubted_since is None and abs(now - expected) <= BOUND
            if calm:
                self._believe(now, steady)
            return calm

    def _judge(self, now: datetime, steady: float) -> tuple[bool, bool]:
        expected = self._expected(steady)
        as_expected = expected is not None and abs(now - expected) <= BOUND
        as_host = abs(now - self._wall()) <= BOUND
        repair = not self.began or (expected is not None and now < expected - BOUND)
        if as_expected or as_host:
            repair = repair or self._doubted_since is not None
            if self._doubted_since is not None:
                log.warning("the database's clock can be believed again")
            self._believe(now, steady)
            return True, repair
        if self._doubted_since is None:
            self._doubted_since = steady
            off = {"seconds_from_expected": round((now - expected).total_seconds()) if expected else None,
                   "seconds_from_host": round((now - self._wall()).total_seconds())}  # fmt: skip
            log.error("the database's clock is odd: nothing is taken for over until it is right or has stood an hour",
                      extra=off)  # fmt: skip
        if steady - self._doubted_since >= LONGEST.total_seconds():
            log.error("the database's clock has been odd for an hour, and is believed from now on")
            self._believe(now, steady)
            return True, True
        return False, False

    def _expected(self, steady: float) -> datetime | None:
        if self._base is None:
            return None
        at, when = self._base
        return at + timedelta(seconds=steady - when)

    def _believe(self, now: datetime, steady: float) -> None:
        self._base, self._doubted_since, self.began = (now, steady), None, True
