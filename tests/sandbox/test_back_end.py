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
