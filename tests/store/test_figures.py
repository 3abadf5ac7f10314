from __future__ import annotations

from datetime import timedelta

import pytest

from relay.post import ABSENT
from relay.store import figures
from relay.store.figures import Waiting
from relay.store.lanes import LaneName
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.made import OTHER_SYSTEM, key
from tests.store.conftest import LANE, OTHER_LANE, SOURCE
from tests.store.steps import CONTENT, alter, want


def test_what_waits_is_told_by_lane_and_only_live_changes_have_an_hour(
    store: Store, lane_ids: dict[LaneName, int], clock: SetClock
) -> None:
    """R-33"""
    oldest = clock.at - timedelta(minutes=40)
    want(store, lane_ids[LANE], "b-1", since=oldest)
    (bulk, parked, indexed) = want(store, lane_ids[LANE], "b-2", "b-3", "b-4", since=oldest - timedelta(hours=9))
    (only_bulk,) = want(store, lane_ids[OTHER_LANE], key(booking_id="b-5", source_system=OTHER_SYSTEM), since=oldest)
    alter(store, bulk, bulk=True)
    alter(store, only_bulk, bulk=True)
    alter(store, parked, parked_code="EI004")
    alter(store, indexed, known=CONTENT)

    assert store.transact(figures.waiting) == {
        lane_ids[LANE]: Waiting(2, oldest),
        lane_ids[OTHER_LANE]: Waiting(1, None),
    }


def test_parked_posts_are_told_by_code_and_discarded_ones_no_more(store: Store, lane_id: int) -> None:
    first, second, third, left_alone = want(store, lane_id, "b-1", "b-2", "b-3", "b-4")
    for id, code in ((first, "EI004"), (second, "EI004"), (third, "EI001"), (left_alone, "DISCARDED")):
        alter(store, id, parked_code=code)

    assert store.transact(figures.parked) == [(lane_id, "EI001", 1), (lane_id, "EI004", 2)]


def test_only_what_stands_in_the_index_as_it_should_counts_as_indexed(store: Store, lane_id: int) -> None:
    indexed, _pending, parked, gone, beyond = want(store, lane_id, "b-1", "b-2", "b-3", "b-4", "b-5")
    for id in (indexed, parked, beyond):
        alter(store, id, known=CONTENT)
    alter(store, parked, parked_code="EI004")
    alter(store, gone, wanted=ABSENT)

    assert store.transact(figures.last_post_id) == beyond
    assert store.transact(lambda tx: figures.indexed_between(tx, indexed, gone)) == {SOURCE: 1}
    assert store.transact(lambda tx: figures.indexed_between(tx, indexed, beyond)) == {SOURCE: 2}


def test_a_few_posts_in_the_index_are_counted(store: Store, lane_ids: dict[LaneName, int]) -> None:
    one, two, _pending, parked = want(store, lane_ids[LANE], "b-1", "b-2", "b-3", "b-4")
    other, gone = want(
        store, lane_ids[OTHER_LANE], *(key(booking_id=b, source_system=OTHER_SYSTEM) for b in ("c", "d"))
    )
    for id in (one, two, parked, other):
        alter(store, id, known=CONTENT)
    alter(store, parked, parked_code="EI004")
    alter(store, gone, wanted=ABSENT)

    assert store.transact(figures.indexed) == figures.Indexed({SOURCE: 3}, about=False)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_many_are_estimated_and_a_sample_of_all_is_no_estimate(
    store: Store, lane_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = want(store, lane_id, *(f"b-{number}" for number in range(20)))
    for id in ids[1:]:
        alter(store, id, known=CONTENT)
    monkeypatch.setattr(figures, "EXACTLY", 18)
    assert store.transact(figures.indexed) == figures.Indexed({SOURCE: 19}, about=True)
    monkeypatch.setattr(figures, "EXACTLY", 19)
    assert store.transact(figures.indexed) == figures.Indexed({SOURCE: 19}, about=False)
