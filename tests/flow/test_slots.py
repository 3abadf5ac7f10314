"""How much one process takes on at once."""

from __future__ import annotations

import threading

import pytest

from relay.flow.schedule.slots import BLOCKED, FAILING, Slots
from tests.waiting import wait_until


def test_one_party_is_worked_on_once_at_a_time() -> None:
    # Given work on a lane, when it is asked for again, then it is refused, and free when the work is done
    slots = Slots(threads=4, indexes=1)
    with slots.on("lane", "index") as first, slots.on("lane", "index") as second:
        assert (first, second) == (True, False)
    with slots.on("lane", "index") as third:
        assert third


def test_who_was_at_it_is_told_once_that_it_was_asked_for_again() -> None:
    slots = Slots(threads=4, indexes=1)
    with slots.on("lane"), slots.on("lane"):
        pass
    assert slots.asked_again("lane")
    assert not slots.asked_again("lane")


def test_an_index_that_hangs_leaves_threads_for_the_others() -> None:
    """R-35: a dead addressee does not block calls to other addressees."""
    # Given eight threads and two indexes, and calls to one of them that do not come back
    slots = Slots(threads=8, indexes=2)
    held = [slots.on(f"lane {n}", "dead") for n in range(8)]
    # When it has its share of the threads, then no more are given to it, but to the other index and to intake
    assert [turn.__enter__() for turn in held] == [True] * 2 + [False] * 6
    with slots.on("other lane", "alive") as other, slots.on("a source") as source:
        assert (other, source) == (True, True)
    for turn in held:
        turn.__exit__(None, None, None)
    with slots.on("lane 7", "dead") as again:
        assert again


def test_who_takes_a_backlog_goes_on_while_nobody_waits_for_a_turn() -> None:
    slots = Slots(threads=8, indexes=1)
    with slots.on_outbox("a", "a server") as free:
        assert free
        assert slots.has_room_beside("a server")

        # one more is the server's share, and the next one waits in vain
        with slots.on_outbox("b", "a server") as second, slots.on_outbox("c", "a server") as third:
            assert (second, third) == (True, False)
            assert not slots.has_room_beside("a server")
            assert slots.has_room_beside("another server")

    # who was turned away is thought of until one of them is done
    with slots.on_outbox("a", "a server") as free:
        assert free
        assert slots.has_room_beside("a server")


def test_who_takes_a_backlog_lets_go_while_one_waits() -> None:
    slots = Slots(threads=4, indexes=1)  # a server's share is one
    tried = []

    def wait() -> None:
        while not tried or not tried[-1]:
            with slots.on_outbox("b", "a server") as free:
                tried.append(free)

    with slots.on_outbox("a", "a server"):
        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: not slots.has_room_beside("a server"), "somebody who waits")
    thread.join(30)
    assert tried[-1]


def test_who_takes_a_backlog_lets_go_while_most_threads_are_at_work() -> None:
    slots = Slots(threads=4, indexes=1)
    with slots.on_outbox("a", "a server"), slots.on("lane 1"):
        assert slots.has_room_beside("a server")
        with slots.on("lane 2"):
            assert not slots.has_room_beside("a server")


def test_who_was_turned_away_from_an_index_is_told_in_turn() -> None:
    slots = Slots(threads=2, indexes=1)
    with slots.on("lane 1", "index"):
        for lane in ("lane 2", "lane 3", "lane 2", "lane 4"):
            with slots.on(lane, "index") as free:
                assert not free
    assert slots.turned_away("index") == "lane 2"
    with slots.on("lane 3", "index"):
        pass  # it was begun all the same
    assert slots.turned_away("another index") is None
    assert slots.turned_away("index") == "lane 4"
    assert slots.turned_away("index") is None


def test_lanes_that_do_not_work_leave_most_of_the_share_to_those_that_do() -> None:
    """R-33: the hour of a healthy lane is not spent on the calls of a blocked one."""
    # given a share of eight, and more blocked and failing lanes than that, whose calls do not come back
    slots = Slots(threads=16, indexes=1)
    blocked = [slots.on(f"blocked {n}", "index", BLOCKED) for n in range(20)]
    failing = [slots.on(f"failing {n}", "index", FAILING) for n in range(20)]
    assert sum(turn.__enter__() for turn in blocked) == 2
    assert sum(turn.__enter__() for turn in failing) == 2
    # then the working ones get the rest, and all of it when the others are through
    working = [slots.on(f"working {n}", "index") for n in range(20)]
    assert sum(turn.__enter__() for turn in working) == 4
    assert slots.turned_away("index") == "working 4"
    for turn in [*working, *blocked, *failing]:
        turn.__exit__(None, None, None)
    again = [slots.on(f"working {n}", "index") for n in range(20)]
    assert sum(turn.__enter__() for turn in again) == 8


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 6])
def test_a_working_lane_has_a_thread_beside_blocked_ones_however_few_there_are(threads: int) -> None:
    slots = Slots(threads=threads, indexes=1)
    held = [slots.on(f"lane {n} {why}", "index", why) for why in (BLOCKED, FAILING) for n in range(9)]
    assert sum(turn.__enter__() for turn in held) >= 1
    with slots.on("working", "index") as free:
        assert free


def test_with_one_thread_an_index_still_gets_it() -> None:
    with Slots(threads=1, indexes=3).on("lane", "index") as free:
        assert free
