"""Reads rows round a value that cannot be read: in halves down to the row, and that row column by column.

A database that keeps bytes and knows of no encoding, a damaged page, a driver that knows no such year: whatever cannot
be given out spoils its own row. It comes as a row whose value says that it was unreadable, and so it is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from relay.outbox.refusals import OF_ROWS, kind_of

T = TypeVar("T")

_FAILURES: Final = 100  # of one read; the rows behind come at the next


class Fetch(Protocol[T]):
    """Reads the rows whose ids are between two, both included."""

    def __call__(self, first: int, last: int) -> list[T]: ...


def is_of_rows(error: Exception) -> bool:
    """Whether reading fewer rows may fare better. What is no error of a driver's is one of reading its answer."""
    return kind_of(error) in OF_ROWS


def read_around(ids: Sequence[int], fetch: Fetch[T], one: Callable[[int], T | None]) -> list[T]:
    """All of the rows with these ids, as far as a bounded number of questions goes; in their order, none left out
    before the last. `one` reads a row that `fetch` cannot."""
    found: list[T] = []
    waiting, failures = [list(ids)] if ids else [], 0
    while waiting and failures < _FAILURES:
        some = waiting.pop()
        try:
            found += fetch(some[0], some[-1])
        except Exception as error:
            if not is_of_rows(error):
                raise
            failures += 1
            if len(some) > 1:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
            elif (row := one(some[0])) is not None:
                found.append(row)
    return found
