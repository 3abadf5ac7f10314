from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from relay.backoff import pause

_LEAST = st.timedeltas(timedelta(milliseconds=1), timedelta(hours=1))
_FACTOR = st.floats(1, 100)
_JITTER = st.floats(0, 1, exclude_max=True)


def test_pauses_double_up_to_the_most() -> None:
    """R-35: growing intervals."""
    five, fifteen = timedelta(minutes=5), timedelta(minutes=15)
    assert [pause(n, five, fifteen, 0.0) // timedelta(minutes=1) for n in (1, 2, 3, 4, 50)] == [5, 10, 15, 15, 15]


@given(st.integers(1, 10**6), _LEAST, _FACTOR, _JITTER)
def test_no_pause_is_shorter_than_the_least_or_longer_than_the_most(
    failures: int, least: timedelta, factor: float, jitter: float
) -> None:
    """R-35: a call is not repeated sooner than the least pause, whatever the jitter."""
    most = least * factor
    assert least <= pause(failures, least, most, jitter) <= most


@given(st.integers(1, 100), _LEAST, _FACTOR, _JITTER)
def test_pauses_never_shrink_as_failures_go_on(failures: int, least: timedelta, factor: float, jitter: float) -> None:
    assert pause(failures, least, least * factor, jitter) <= pause(failures + 1, least, least * factor, jitter)


def test_jitter_spreads_lanes_that_failed_together() -> None:
    five = timedelta(minutes=5)
    spread = {pause(1, five, 3 * five, jitter / 10) for jitter in range(10)}
    assert len(spread) == 10
    assert max(spread) <= five * 1.25
