"""How much one process takes on at once.

Two rules keep one party's trouble its own. A source or lane is worked on once at a time in a process: a hint that
comes again while a slow outbox is being read is dropped, not queued behind it; whoever is at it is told that it came
(`asked_again`), and may look once more. And an index may hold only its share of the threads: when it hangs, some
stay free for the other indexes and for intake.
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
        self._refused: set[str] = set()
        self._calls: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def on(self, what: str, index: str | None = None) -> Iterator[bool]:
        """Within it `what` is being worked on; it gives False where it already was, or its index's share is used."""
        with self._lock:
            free = what not in self._busy and (index is None or self._calls[index] < self._share)
            if what in self._busy:
                self._refused.add(what)
            if free:
                self._busy.add(what)
                self._refused.discard(what)
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

    def asked_again(self, what: str) -> bool:
        """Whether `what` was asked for while it was last worked on; told once."""
        with self._lock:
            asked = what in self._refused
            self._refused.discard(what)
            return asked
