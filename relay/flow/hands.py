"""How much one process takes on at once.

Two rules keep one party's trouble its own. A source or lane is worked on once at a time in a process: a hint that
comes again while a slow outbox is being read is dropped, not queued behind it. And an index may hold only its
share of the threads: when it hangs, some stay free for the other indexes and for intake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Hands:
    """The work that is being done in this process, by party."""

    def __init__(self, threads: int, indexes: int) -> None:
        self._share = max(threads // (indexes + 1), 1)  # one share for each index and one for everything else
        self._busy: set[str] = set()
        self._calls: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def on(self, what: str, index: str | None = None) -> Iterator[bool]:
        """Within it `what` is being worked on; it gives False where it already was, or its index's share is used."""
        with self._lock:
            free = what not in self._busy and (index is None or self._calls[index] < self._share)
            if free:
                self._busy.add(what)
                if index is not None:
                    self._calls[index] += 1
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._busy.discard(what)
                    if index is not None:
                        self._calls[index] -= 1
