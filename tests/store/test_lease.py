"""The protocol that `relay.store.lease` writes down: who may take, who may write, who may call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert

from relay.store import lanes
from relay.store.lanes import LaneName
from relay.store.lease import Lease, LeaseLost, LeaseTooShort, lease_end, steady_seconds
from relay.store.schema import source
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock
from tests.store.conftest import LANE, OTHER_LANE
from tests.store.steps import LENGTH, REST, lane_row, take, want


def test_a_lane_that_is_held_is_not_taken(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-31: also a second before the lease ends."""
    assert take(store, LANE) is not None
    assert take(store, LANE) is None
    clock.advance(seconds=LENGTH.total_seconds() - 1)
    assert take(store, LANE) is None
    assert take(store, OTHER_LANE) is not None


def test_a_lane_whose_lease_ran_out_is_taken_under_a_new_token(store: Store, lane_id: int, clock: SetClock) -> None:
    first = take(store, LANE)
    clock.advance(seconds=LENGTH.total_seconds())
    second = take(store, LANE)
    assert first is not None
    assert second is not None
    assert second.lease.token > first.lease.token
    assert lane_row(store, lane_id).lease_until == clock.at + LENGTH


def test_a_lane_that_is_given_back_is_free_at_once(store: Store, lane_id: int) -> None:
    taken = take(store, LANE)
    assert taken is not None
    store.transact(lambda tx: lanes.close_call(tx, taken, failures=2))
    again = take(store, LANE)
    assert again is not None
    assert again.failures == 2


def test_a_lane_that_is_not_there_is_not_taken(store: Store, lane_id: int) -> None:
    assert take(store, LaneName("elsewhere", LANE.source_system)) is None


@pytest.mark.parametrize("sleeps", [LENGTH, LENGTH * 100])
def test_a_worker_that_wakes_up_late_writes_nothing(
    store: Store, lane_id: int, clock: SetClock, sleeps: timedelta
) -> None:
    """Its token is dead: no statement of its transaction stands, whatever it did before or after."""
    late = take(store, LANE)
    clock.advance(seconds=sleeps.total_seconds())
    new = take(store, LANE)
    assert late is not None
    assert new is not None
    before = lane_row(store, lane_id)

    def write(tx: Transaction) -> None:
        tx.run(insert(source).values(name="left behind"))
        lanes.close_call(tx, late, failures=9)

    with pytest.raises(LeaseLost, match="taken by another worker"):
        store.transact(write)
    with pytest.raises(LeaseLost):
        store.transact(lambda tx: lanes.open_call(tx, late, 1))

    assert lane_row(store, lane_id) == before
    assert "left behind" not in store.transact(lambda tx: tx.run(source.select()).scalars().all())
    store.transact(lambda tx: lanes.close_call(tx, new))


def test_a_worker_that_is_late_and_was_not_replaced_may_write(store: Store, lane_id: int, clock: SetClock) -> None:
    """Nobody else has seen the lane meanwhile, so its answer is worth having."""
    taken = take(store, LANE)
    clock.advance(hours=1)
    assert taken is not None
    store.transact(lambda tx: lanes.close_call(tx, taken, failures=1))
    assert lane_row(store, lane_id).failures == 1


def test_a_lease_that_was_given_back_is_dead_once_somebody_takes_the_lane(store: Store, lane_id: int) -> None:
    old = take(store, LANE)
    assert old is not None
    store.transact(lambda tx: lanes.close_call(tx, old))
    assert take(store, LANE) is not None
    with pytest.raises(LeaseLost):
        store.transact(lambda tx: lanes.close_call(tx, old))


def test_of_many_workers_at_once_one_gets_the_lane(store: Store, lane_id: int) -> None:
    """R-31"""
    want(store, lane_id, "b-1")
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda _: take(store, LANE), range(12)))
    assert sum(each is not None for each in taken) == 1
    assert lane_row(store, lane_id).lease_token == 1


def test_a_call_is_made_only_if_the_lease_lasts_as_long_as_a_call_can() -> None:
    lease = Lease(1, steady_seconds() + 60)
    lease.demand(59)
    with pytest.raises(LeaseTooShort, match=r"^\d\d\.\d s are left of the lease, the call may take 61\.0 s$"):
        lease.demand(61)
    with pytest.raises(LeaseTooShort, match=r"^0\.0 s are left"):
        Lease(1, steady_seconds() - 5).demand(0)


def test_a_lease_ends_on_the_worker_s_clock_no_later_than_in_the_database(store: Store, lane_id: int) -> None:
    before = steady_seconds()
    end = lease_end(LENGTH)
    assert before + 70 <= end <= steady_seconds() + 70
    taken = store.transact(lambda tx: lanes.take(tx, LANE, LENGTH, end, REST))
    assert taken is not None
    assert taken.lease.ends == end


def test_a_lease_lasts_until_its_end() -> None:
    assert Lease(1, steady_seconds() + 5).lasts()
    assert not Lease(1, steady_seconds()).lasts()
