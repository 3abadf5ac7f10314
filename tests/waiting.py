"""Waiting for what must come to pass: long enough for any machine, since only waiting in vain is ended by it.

A test of how soon something must happen says so by `within`, or by what it asserts of the seconds that are returned;
where a bar is low, `least` takes the best of some tries. All others are patient: a machine that is busy with something
else must not fail them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 120  # seconds
BUSY: Final = 15  # seconds that a bar of time leaves to a machine that is busy with something else


def wait_until(condition: Callable[[], object], what: str | Callable[[], str], within: float = PATIENCE) -> float:
    """Wait until `condition` is true; the seconds it took. Raises AssertionError after `within` seconds.

    `what` completes the sentence "it did not happen within … s: …".
    """
    began = time.monotonic()
    wait_for(condition, what, within)
    return time.monotonic() - began


def least(measure: Callable[[], float], bar: float, tries: int = 5) -> float:
    """What the first try costs that keeps the bar; the cheapest of some, where none does.

    A relay that is too slow is so each time. One that is quick may be kept waiting, but not each time.
    """
    costs: list[float] = []
    while len(costs) < tries and min(costs, default=bar + 1) > bar:
        costs.append(measure())
    return min(costs)


def wait_for(look: Callable[[], T], what: str | Callable[[], str], within: float = PATIENCE) -> T:
    """The first thing that `look` sees which is not empty; waits as `wait_until` does."""
    began = time.monotonic()
    while not (seen := look()):
        if time.monotonic() - began > within:
            raise AssertionError(f"it did not happen within {within:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
    return seen
