from __future__ import annotations

from sqlalchemy import update

from relay.store import calls, lanes
from relay.store.evidence import Evidence, by_source
from relay.store.lanes import LaneName
from relay.store.schema import lane
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.statements import recorded
from tests.store.conftest import LANE, OTHER_LANE, SOURCE
from tests.store.steps import LENGTH, alter, want


def call(store: Store, clock: SetClock, lane_id: int, posts: int, verdict: str = "accepted", seconds: float = 2) -> int:
    """A call with so many posts that took so long; its id."""
    call_id = store.transact(lambda tx: calls.begin(tx, lane_id, "c0ffee", range(posts), LENGTH))
    clock.advance(seconds=seconds)
    store.transact(lambda tx: calls.end(tx, call_id, verdict, "", ""))
    return call_id


def test_of_a_source_that_never_called_nothing_is_known(store: Store, lane_ids: dict[LaneName, int]) -> None:
    assert store.transact(by_source)[SOURCE] == Evidence()


def test_calls_are_counted_by_their_verdict_and_the_hour_with_most_posts_is_named(
    store: Store, clock: SetClock, lane_ids: dict[LaneName, int]
) -> None:
    # Given calls of two lanes of one source, at 9 and at 11 o'clock, one of which was never made
    began = clock.at
    call(store, clock, lane_ids[LANE], 30)
    call(store, clock, lane_ids[OTHER_LANE], 50, "content")
    call(store, clock, lane_ids[LANE], 90, calls.NOT_MADE)
    clock.advance(hours=2)
    call(store, clock, lane_ids[LANE], 20)
    call(store, clock, lane_ids[OTHER_LANE], 20)

    seen = store.transact(by_source)[SOURCE]

    assert (seen.since, seen.calls, seen.accepted, seen.refused) == (began, 4, 3, 1)
    assert seen.largest_call == 50
    assert (seen.busiest_hour, seen.busiest_hour_posts) == ("2026-11-02 11", 40)


def test_calls_that_overlap_in_a_lane_are_told_of(store: Store, clock: SetClock, lane_ids: dict[LaneName, int]) -> None:
    """R-31: two lanes may call at once, one lane may not."""
    first = store.transact(lambda tx: calls.begin(tx, lane_ids[LANE], "c0ffee", [1], LENGTH))
    call(store, clock, lane_ids[OTHER_LANE], 1)
    assert store.transact(by_source)[SOURCE].overlapping == 0
    second = store.transact(lambda tx: calls.begin(tx, lane_ids[LANE], "c0ffee", [2], LENGTH))
    clock.advance(seconds=1)
    for each in (first, second):
        store.transact(lambda tx, each=each: calls.end(tx, each, "accepted", "", ""))  # type: ignore[misc]

    assert store.transact(by_source)[SOURCE].overlapping == 1


def test_what_is_parked_and_held_is_told_of(store: Store, lane_ids: dict[LaneName, int]) -> None:
    first, *_ = want(store, lane_ids[LANE], "b-1", "b-2")
    alter(store, first, parked_code="EI004")
    blocked = update(lane).where(lane.c.id == lane_ids[LANE]).values(blocked_code="VP007")
    store.transact(lambda tx: tx.run(blocked))
    store.transact(lambda tx: lanes.pause(tx, [OTHER_LANE], paused=True))

    seen = store.transact(by_source)[SOURCE]

    assert seen.parked == 1
    assert seen.held == (f"{LANE} is blocked VP007", f"{OTHER_LANE} is paused")


def test_it_takes_as_many_statements_however_many_calls_there_are(
    store: Store, clock: SetClock, lane_ids: dict[LaneName, int]
) -> None:
    for lane_id in (*lane_ids.values(), *lane_ids.values()):
        call(store, clock, lane_id, 1)
    with recorded(store.engine) as statements:
        store.transact(by_source)
    assert len([asked for asked in statements if not asked.startswith("SET ")]) == 5
