"""Paces the looks that notifications ask for: the first without delay, then a few times a second at most.

A booking system may commit hundreds of times a second; what comes within `PAUSE` of a look goes with the next
one. An outbox that another worker was reading is looked at again, since that one may have read just before the
row was committed: a few times, a little later each time; then the next look of the schedule finds it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from threading import Condition, Thread
from typing import Final

log = logging.getLogger(__name__)

PAUSE: Final = 0.05  # seconds between two looks
TRIES: Final = 5  # of one that another worker is at


class Pacing:
    """Calls `look` with the names of sources, from a thread of its own."""

    def __init__(self, look: Callable[[tuple[str, ...]], None]) -> None:
        self._look = look
        self._due: dict[str, float] = {}  # {source: when to look at it}
        self._tries: dict[str, int] = {}
        self._changed = Condition()
        self._stopped = False
        self._thread = Thread(target=self._run, name="pacing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for no more looks."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def ask(self, names: Iterable[str]) -> None:
        """Have these sources looked at as soon as may be; never waits."""
        self._set(names, 0.0)

    def again(self, name: str) -> None:
        """Have one that another worker is at looked at in a while."""
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        if tries > TRIES:
            del self._tries[name]
        else:
            self._set([name], PAUSE * 2 ** (tries - 1))

    def looked_at(self, name: str) -> None:
        """No other worker was at this one."""
        self._tries.pop(name, None)

    def _set(self, names: Iterable[str], seconds: float) -> None:
        at = time.monotonic() + seconds
        with self._changed:
            for name in names:
                self._due[name] = min(at, self._due.get(name, at))
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not (now := self._now()):
                    first = min(self._due.values(), default=None)
                    self._changed.wait(None if first is None else max(first - time.monotonic(), 0.0))
                if self._stopped:
                    return
                for name in now:
                    del self._due[name]
            try:
                self._look(now)
            except Exception as error:  # the next look of the schedule finds what there is
                log.info("outboxes could not be looked at: %s", type(error).__name__)
            time.sleep(PAUSE)

    def _now(self) -> tuple[str, ...]:
        return tuple(name for name, at in self._due.items() if at <= time.monotonic())
