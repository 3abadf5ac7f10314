"""What happens behind the OK when things go wrong there: what is lost, what waits, what overtakes what."""

from __future__ import annotations

import pytest

from relay.sandbox.backend import MEASURED
from relay.sandbox.collector import Collect
from relay.sandbox.core import Core, Options
from tests.sandbox.messages import EARLY, LATE, Clock, Post, gone, held, send


@pytest.fixture
def index(clock: Clock) -> Core:
    """The window and the pace of the index that was measured."""
    return Core(Options(collect=Collect(), pace=MEASURED), clock)


def forgotten(core: Core) -> list[str]:
    return [each["booking"] for each in core.index.back_end.forgotten]


def test_a_back_end_that_dies_loses_its_window_and_no_call_of_two(index: Core, clock: Clock) -> None:
    # Given seven posts accepted alone, and a pair
    for number in range(7):
        assert send(index, Post(f"alone-{number}")).answer == "OK"
    assert send(index, Post("a"), Post("b")).answer == "OK"
    # When the back end dies before either is applied
    assert index.back_end_dies(seconds=3) == 7
    # Then the pair is applied when it is up again, and the seven never
    clock.time += 2.9
    assert held(index) == {}
    clock.time += 600
    assert set(held(index)) == {"a", "b"}
    assert forgotten(index) == [f"alone-{number}" for number in range(7)]
    assert index.summary()["forgotten"] == 7


def test_what_comes_while_the_back_end_is_down_is_not_lost(index: Core, clock: Clock) -> None:
    index.back_end_dies(seconds=60)
    send(index, Post("alone"))
    send(index, Post("a"), Post("b"))
    clock.time += 59
    assert held(index) == {}
    clock.time += 1.2
    assert set(held(index)) == {"a", "b"}
    clock.time += 5
    assert set(held(index)) == {"a", "b", "alone"}
    assert index.summary()["forgotten"] == 0


def test_a_write_lock_holds_back_what_is_accepted_and_keeps_its_order(index: Core, clock: Clock) -> None:
    # Given the write lock, a create alone and eight seconds later its delete in company
    index.write_lock(True)
    assert send(index, Post("x")).answer == "OK"
    clock.time += 8
    assert send(index, gone(Post("x")), Post("y")).answer == "OK"
    clock.time += 3600
    assert held(index) == {}
    # When the lock is lifted
    index.write_lock(False)
    clock.time += 1
    # Then both were applied in the order in which they came
    assert held(index) == {"y": LATE}


def test_a_restored_table_is_yesterdays(index: Core, clock: Clock) -> None:
    send(index, Post("kept"), Post("moved"), Post("cancelled"))
    clock.time += 1
    copy = index.table_copy()
    send(index, Post("new"), Post("moved", content=EARLY), gone(Post("cancelled")))
    clock.time += 1
    assert held(index) == {"kept": LATE, "moved": EARLY, "new": LATE}
    assert index.restore_table(copy) == 2
    assert held(index) == {"kept": LATE, "moved": LATE, "cancelled": LATE}
    assert sorted(forgotten(index)) == ["moved", "new"]
    # And the copy is a copy
    send(index, Post("later"), Post("still"))
    clock.time += 1
    assert "later" not in [row.key.business_object_instance_identifier for row in copy.values()]


def test_a_character_that_cannot_be_stored_takes_its_call_along_and_everything_behind_it_waits(
    index: Core, clock: Clock
) -> None:
    # Given a call with such a character, answered OK, and a good call behind it
    assert send(index, Post("good"), Post("B-\U0001f600")).answer == "OK"
    assert send(index, Post("behind"), Post("too")).answer == "OK"
    # When it is tried again five times, a minute apart
    clock.time += 299
    behind = index.behind_the_answers()
    assert (held(index), behind["queue"][0]["attempts"], behind["dead_letters"]) == ({}, 5, [])
    assert behind["stands_still"] == pytest.approx(1.1, abs=0.2)
    # Then it is set aside whole, and the other is stored
    clock.time += 3
    assert set(held(index)) == {"behind", "too"}
    (dead,) = index.behind_the_answers()["dead_letters"]
    assert (dead["posts"], dead["attempts"]) == (2, 6)
    assert "R-09" in {breach["rule"] for breach in index.breaches()}


def test_a_window_shares_one_fate_strangers_included(index: Core, clock: Clock) -> None:
    send(index, Post("ours"))
    send(index, Post("a-\U0001f600", system="STRANGER"))
    clock.time += 400
    assert held(index) == {}
    (dead,) = index.behind_the_answers()["dead_letters"]
    assert dead["source_systems"] == ["SE2321000016-84GX", "STRANGER"]


def test_a_window_that_fails_as_a_whole_is_one_window(index: Core, clock: Clock) -> None:
    index.window_fails()
    send(index, Post("lost"))
    clock.time += 6
    send(index, Post("waits"), Post("too"))
    clock.time += 400
    assert set(held(index)) == {"waits", "too"}
    send(index, Post("next"))
    clock.time += 10
    assert "next" in held(index)


def test_the_database_away_loses_nothing(index: Core, clock: Clock) -> None:
    index.database_away(True)
    send(index, Post("alone"))
    send(index, Post("a"), Post("b"))
    clock.time += 41
    assert held(index) == {}
    index.database_away(False)
    clock.time += 1
    assert set(held(index)) == {"alone", "a", "b"}


def test_a_second_back_end_lets_a_short_call_overtake_a_long_one(index: Core, clock: Clock) -> None:
    crowd = [Post(f"c-{number}") for number in range(150)]
    # Given one back end: create in a call of 151, delete in a call of 2, and no ghost
    send(index, Post("x"), *crowd)
    send(index, gone(Post("x")), Post("y"))
    clock.time += 10
    assert "x" not in held(index)
    # When there are two, the same leaves one
    index.second_back_end(True)
    send(index, Post("x"), *crowd)
    send(index, gone(Post("x")), Post("y"))
    clock.time += 10
    assert "x" in held(index)
    index.second_back_end(False)
    assert index.behind_the_answers()["back_ends"] == 1


def test_a_rolling_restart_loses_the_window_of_the_one_that_stops(index: Core, clock: Clock) -> None:
    send(index, Post("before"))
    index.rolling_restart(seconds=3)
    for number in range(4):
        send(index, Post(f"during-{number}"))
    clock.time += 20
    lost = set(forgotten(index))
    assert "before" in lost
    assert set(held(index)) == {"before", *(f"during-{number}" for number in range(4))} - lost
    assert 0 < len(held(index)) < 5


def test_settle_ends_every_wait_but_the_locks(index: Core) -> None:
    send(index, Post("alone"))
    send(index, Post("a"), Post("\U0001f600"))
    index.settle()
    assert held(index) == {"alone": LATE}
    assert index.summary()["dead_letters"] == 1
    index.write_lock(True)
    send(index, Post("locked"), Post("too"))
    index.settle()
    assert held(index) == {"alone": LATE}
