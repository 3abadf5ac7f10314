"""How often an outbox is looked at: by how long it has been quiet, and never less often than the bound."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from relay.flow.schedule.rounds import Rounds

SECOND = timedelta(seconds=1)


class Time:
    """A clock that goes on a second for each tick."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def looks(rounds: Rounds, time: Time, quiet_since: float | None, ticks: int) -> list[int]:
    """At which of the ticks from now on, a second apart, the outbox is looked at."""
    begin = int(time.at)
    found = []
    for tick in range(ticks):
        time.at = begin + tick
        quiet = timedelta(seconds=time.at - quiet_since) if quiet_since is not None else None
        if rounds.due([("clinic", quiet)]):
            found.append(tick)
    return found


@pytest.fixture
def time() -> Time:
    return Time()


def rounds(time: Time, *, bound: float = 5, notifies: bool = False) -> Rounds:
    return Rounds(SECOND, timedelta(seconds=bound), lambda _: notifies, time)


def test_an_outbox_that_is_in_use_is_looked_at_with_each_tick(time: Time) -> None:
    these = rounds(time)
    time.at += 10_000  # that a process has been at work
    for call_at in range(int(time.at), int(time.at) + 100, 10):
        time.at = call_at
        assert len(looks(these, time, call_at, 10)) == 10


@pytest.mark.parametrize("quiet_since", [None, -1e6], ids=["it never called", "it called long ago"])
def test_a_process_begins_with_each_tick_and_comes_to_the_bound(time: Time, quiet_since: float | None) -> None:
    these = rounds(time)
    found = looks(these, time, quiet_since, 200)
    assert found[:10] == list(range(10))
    pauses = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert pauses == sorted(pauses)
    assert max(pauses) == pauses[-1] == 5


def test_a_booking_after_a_silence_waits_no_more_than_a_tenth_of_it_and_a_tick(time: Time) -> None:
    these = rounds(time, bound=3600)
    found = looks(these, time, None, 600)
    for earlier, later in itertools.pairwise(found):
        assert later - earlier <= max(later / 10, 1) + 1
    assert max(later - earlier for earlier, later in itertools.pairwise(found)) <= 60  # whatever was set


def test_a_call_ends_the_silence(time: Time) -> None:
    these = rounds(time)
    looks(these, time, None, 300)
    assert len(looks(these, time, time.at, 9)) >= 8


def test_one_that_rings_is_looked_at_at_the_bound_only(time: Time) -> None:
    these = rounds(time, notifies=True)
    assert looks(these, time, 1000.0, 21) == [0, 5, 10, 15, 20]


def test_a_bound_below_the_interval_means_each_tick(time: Time) -> None:
    these = rounds(time, bound=0.1)
    time.at += 10_000
    assert len(looks(these, time, None, 20)) == 20
