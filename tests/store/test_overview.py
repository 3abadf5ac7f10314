from __future__ import annotations

from datetime import timedelta

import pytest

from relay.post import ABSENT, UNKNOWN
from relay.store import bookings, calls, lanes, overview
from relay.store.lanes import LaneName
from relay.store.posts import Sent
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.made import OTHER_SYSTEM, OTHER_UNIT, booking, key
from tests.store.conftest import LANE, OTHER_LANE, SOURCE
from tests.store.steps import CONTENT, LENGTH, alter, alter_lane, lane_row, record, take, want


def test_posts_are_counted_by_state(store: Store, lane_ids: dict[LaneName, int]) -> None:
    pending, doubtful, parked, indexed, gone = want(store, lane_ids[LANE], "b-1", "b-2", "b-3", "b-4", "b-5")
    want(store, lane_ids[OTHER_LANE], key(booking_id="b-6", source_system=OTHER_SYSTEM))
    alter(store, doubtful, known=UNKNOWN)
    alter(store, parked, parked_code="EI004")
    alter(store, indexed, known=CONTENT)
    alter(store, gone, wanted=ABSENT)

    assert store.transact(overview.posts_by_state) == [
        (SOURCE, "absent", 1), (SOURCE, "indexed", 1), (SOURCE, "parked", 1), (SOURCE, "pending", 3),
    ]  # fmt: skip
    assert pending


def test_each_lane_says_what_waits_and_since_when(store: Store, lane_ids: dict[LaneName, int], clock: SetClock) -> None:
    oldest = clock.at - timedelta(minutes=7)
    want(store, lane_ids[LANE], "b-1", since=oldest)
    want(store, lane_ids[LANE], "b-2")
    (parked,) = want(store, lane_ids[LANE], "b-3", since=oldest - timedelta(hours=1))
    alter(store, parked, parked_code="EI004")

    found = store.transact(overview.lanes)

    assert [(r.source_system, r.pending, r.oldest_pending_since) for r in found] == [
        (LANE.source_system, 2, oldest),
        (OTHER_LANE.source_system, 0, None),
    ]


@pytest.mark.parametrize(
    ("stands", "state"),
    [
        ({}, "open"),
        ({"paused": True, "blocked_code": "VP007", "open_call": 1}, "paused"),
        ({"blocked_code": "VP007", "open_call": 1}, "blocked"),
        ({"open_call": 1, "failures": 1}, "calling"),
        ({"failures": 1}, "resting"),
        ({"failures": 0}, "open"),
    ],
)
def test_a_lane_has_one_state(
    store: Store, lane_id: int, clock: SetClock, stands: dict[str, object], state: str
) -> None:
    alter_lane(store, lane_id, next_call_at=clock.at + timedelta(minutes=1), **stands)
    assert overview.state_of_lane(lane_row(store, lane_id), clock.at) == state
    if state == "resting":
        assert overview.state_of_lane(lane_row(store, lane_id), clock.advance(minutes=1)) == "open"


def test_all_posts_of_a_booking_are_shown_with_their_last_call(store: Store, lane_id: int, clock: SetClock) -> None:
    here, there = want(store, lane_id, key(), key(care_unit=OTHER_UNIT))
    want(store, lane_id, "b-2")
    taken = take(store, LANE)
    assert taken is not None
    call_id = store.transact(lambda tx: calls.begin(tx, lane_id, "c0ffee", [here], LENGTH))
    record(store, Sent(here, CONTENT, clock.at), call_id=call_id)
    store.transact(lambda tx: calls.end(tx, call_id, "accepted", "OK", ""))
    store.transact(lambda tx: lanes.close_call(tx, taken))

    found = store.transact(lambda tx: overview.posts_of_booking(tx, "b-1", SOURCE))

    assert [(r.id, r.state, r.correlation_id, r.verdict, r.call_ended_at) for r in found] == [
        (here, "indexed", "c0ffee", "accepted", clock.at),
        (there, "pending", None, None, None),
    ]
    assert store.transact(lambda tx: overview.posts_of_booking(tx, "b-1", None)) == found
    assert store.transact(lambda tx: overview.posts_of_booking(tx, "b-1", "elsewhere")) == []
    assert store.transact(lambda tx: overview.post_by_id(tx, there)) == found[1:]
    assert store.transact(lambda tx: overview.post_by_id(tx, 999)) == []


def test_a_booking_is_shown_as_each_source_said_it(store: Store) -> None:
    for source in ("tidbok-syd", "tidbok-nord"):
        store.transact(lambda tx, source=source: bookings.save(tx, source, [booking(None)]))
    everywhere = store.transact(lambda tx: overview.bookings(tx, "b-1", None))
    assert [(r.source, r.removed) for r in everywhere] == [("tidbok-nord", True), ("tidbok-syd", True)]
    assert store.transact(lambda tx: overview.bookings(tx, "b-1", "tidbok-syd")) == everywhere[1:]
