from __future__ import annotations

import pytest
from sqlalchemy.exc import SQLAlchemyError

from relay.exporter.census import BUDGET_SECONDS, REST_SECONDS, Census
from relay.store import lanes, sources
from relay.store.lanes import LaneName
from relay.store.transaction import Store, Transaction
from tests.made import SYSTEM
from tests.statements import recorded
from tests.store.steps import CONTENT, alter, want

LANE = LaneName("national", SYSTEM)


class Stopwatch:
    """A clock that goes on by `pace` seconds each time it is read."""

    def __init__(self, pace: float) -> None:
        self.now, self.pace = 0.0, pace

    def __call__(self) -> float:
        self.now += self.pace
        return self.now


@pytest.fixture
def indexed(store: Store) -> list[int]:
    """Ten posts that stand in the index."""

    def make(tx: Transaction) -> int:
        sources.ensure(tx, ["nord"])
        lanes.ensure(tx, [(LANE, "nord")])
        return lanes.of_source(tx, "nord")[LANE]

    ids = want(store, store.transact(make), *(f"b-{n}" for n in range(10)))
    for id in ids:
        alter(store, id, known=CONTENT)
    return ids


def test_a_small_number_is_told_at_once(store: Store, indexed: list[int]) -> None:
    assert Census(store).go_on() == {"nord": 10}


def test_an_empty_table_is_counted_too(store: Store) -> None:
    assert Census(store).go_on() == {}


def test_a_large_number_is_walked_in_ranges_a_budget_at_a_time(store: Store, indexed: list[int]) -> None:
    """However many posts there are, one turn asks no more than its budget allows."""
    census = Census(store, Stopwatch(BUDGET_SECONDS), ids_per_question=3)
    with recorded(store.engine) as statements:
        turns = [census.go_on() for _ in range(4)]

    assert turns == [None, None, None, {"nord": 10}]
    assert len([s for s in statements if "BETWEEN" in s]) == 4


def test_between_two_walks_it_asks_nothing_and_the_next_walk_sees_what_has_changed(
    store: Store, indexed: list[int]
) -> None:
    clock = Stopwatch(0.001)
    census = Census(store, clock)
    census.go_on()
    alter(store, indexed[0], parked_code="EI004")
    with recorded(store.engine) as statements:
        assert census.go_on() == {"nord": 10}
    assert statements == []

    clock.now += REST_SECONDS

    assert census.go_on() == {"nord": 9}


@pytest.mark.parametrize(("pace", "rest"), [(0.001, 2.0), (BUDGET_SECONDS, REST_SECONDS)], ids=["short", "long"])
def test_a_rest_is_as_long_as_its_walk_was_and_bounded(
    store: Store, indexed: list[int], pace: float, rest: float
) -> None:
    """What counts a small relay's posts costs nothing, so its figure need not be minutes old."""
    clock = Stopwatch(pace)
    census = Census(store, clock, ids_per_question=1)
    while census.go_on() is None:
        pass
    alter(store, indexed[0], parked_code="EI004")

    clock.now += 0.4 * rest
    assert census.go_on() == {"nord": 10}

    clock.now += 0.6 * rest
    turns = [census.go_on() for _ in range(10)]
    assert turns[-1] == {"nord": 9}


def test_a_slow_machine_does_not_make_a_small_relay_s_figure_old(store: Store, indexed: list[int]) -> None:
    """The first question of a process takes a second on a busy machine: that is no reason to rest for minutes."""
    clock = Stopwatch(1.0)
    census = Census(store, clock)
    assert census.go_on() == {"nord": 10}
    alter(store, indexed[0], parked_code="EI004")
    clock.now += 5
    assert census.go_on() == {"nord": 10}
    clock.now += 30
    assert census.go_on() == {"nord": 9}


def test_a_walk_that_failed_goes_on_where_it_was(store: Store, indexed: list[int]) -> None:
    census = Census(store, Stopwatch(BUDGET_SECONDS), ids_per_question=5)
    assert census.go_on() is None
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ei_post RENAME TO ei_post_away")
    with pytest.raises(SQLAlchemyError):
        census.go_on()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ei_post_away RENAME TO ei_post")

    assert census.go_on() == {"nord": 10}
