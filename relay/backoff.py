"""How long a lane rests after a call that failed (R-35). Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

SPREAD: Final = 0.25  # the most that jitter adds, so that lanes which failed together do not come back together


def pause(failures: int, least: timedelta, most: timedelta, jitter: float) -> timedelta:
    """The rest after the `failures`-th failure in a row (from 1): `least`, doubling up to `most`.

    `jitter` in [0, 1) lengthens it by up to a quarter, never beyond `most`; it never shortens it.

    >>> [pause(n, timedelta(minutes=5), timedelta(minutes=15), 0.0).seconds // 60 for n in (1, 2, 3, 4)]
    [5, 10, 15, 15]
    """
    doublings = min(failures - 1, 32)  # 2³² times anything is beyond any `most`
    steady = min(least * (1 << doublings), most)
    return min(steady * (1 + SPREAD * jitter), max(most, least))
