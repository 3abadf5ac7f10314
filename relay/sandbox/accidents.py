"""What can befall the index and the platform in front of it, and what is to be seen of it behind the answers.

Names that simulations are built on: add to them, never rename.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from relay.sandbox.index import Index
from relay.sandbox.platform import Platform
from relay.sandbox.table import Row


class Accidents:
    """The part of a Core that nobody calls over SOAP."""

    index: Index
    platform: Platform
    now: Callable[[], float]
    _lock: threading.RLock

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
        """Put an older table in the place of this one, as after a restored database: how many posts went with it."""
        with self._lock:
            back_end = self.index.back_end
            lost = back_end.table.restore(copy)
            back_end.forget_rows(lost, self.now(), "an older table was restored")
            return len(lost)

    def second_back_end(self, on: bool = True) -> None:
        """Let a second back end work beside the first, so that calls overtake each other; or stop the first."""
        with self._lock:
            self.index.back_end.second(self.now(), on=on)

    def rolling_restart(self, seconds: float = 10.0) -> None:
        """A second back end for so long; then the first stops, in order, and its open window is lost."""
        with self._lock:
            now = self.now()
            self.index.back_end.second(now, on=True, until=now + seconds)

    def database_away(self, on: bool = True) -> None:
        """Take the index's database away, or bring it back."""
        with self._lock:
            self.index.back_end.leave(self.now(), on=on)

    def window_fails(self) -> None:
        """Let the open window fail as a whole, or the next one."""
        with self._lock:
            self.index.back_end.doom_window(self.now())

    def platform_stops(self, seconds: float = 2.0) -> None:
        """Let the platform stop: 503 for so long, a moment of bare 404, then nobody answers."""
        with self._lock:
            self.platform.stop(self.now(), seconds)

    def platform_starts(self, seconds: float = 5.0) -> None:
        """Let the platform start: VP008 for so long."""
        with self._lock:
            self.platform.start(self.now(), seconds)

    def behind_the_answers(self) -> dict[str, Any]:
        """The open window, the queue, the dead letters, what was forgotten, and what holds the back end up."""
        with self._lock:
            back_end, now = self.index.back_end, self.now()
            still = back_end.still_until
            return {
                "window": back_end.gathering,
                "queue": back_end.queued,
                "dead_letters": list(back_end.dead),
                "forgotten": list(back_end.forgotten),
                "write_lock": back_end.locked,
                "database_away": back_end.away,
                "back_ends": back_end.number,
                "stands_still": None if still is None else round(still - now, 3),
                "platform": self.platform.state(now),
            }
