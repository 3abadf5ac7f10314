"""Changes wanted in bulk (R-34): behind live ones, and never in their way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relay.post import ABSENT, WantedChange
from relay.store import posts
from relay.store.posts import Sent
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.made import key
from tests.store.steps import CONTENT, SPACING, alter, claimed, record, row, want

OTHER_CONTENT = "20261231120000"


def want_in_bulk(store: Store, lane_id: int, booking_id: str, content: str = CONTENT) -> None:
    change = [WantedChange(lane_id, key(booking_id=booking_id), content, store.transact(lambda tx: tx.now), None)]
    store.transact(lambda tx: posts.want(tx, change, bulk=True))


def test_a_new_post_waits_as_bulk(store: Store, lane_id: int) -> None:
    want_in_bulk(store, lane_id, "b-1")
    assert (row(store, 1).wanted, row(store, 1).bulk) == (CONTENT, True)
    assert claimed(store, lane_id, bulk=False) == []
    assert claimed(store, lane_id) == [1]


def test_what_was_settled_waits_as_bulk(store: Store, lane_id: int, clock: SetClock) -> None:
    # Given a post that the index has
    (post_id,) = want(store, lane_id, "b-1")
    record(store, Sent(post_id, CONTENT, clock.at))
    # When it is changed in bulk
    clock.advance(minutes=10)
    want_in_bulk(store, lane_id, "b-1", ABSENT)
    # Then it waits as bulk, since then
    stands = row(store, post_id)
    assert (stands.wanted, stands.bulk, stands.wanted_since) == (ABSENT, True, clock.at)


def test_a_post_that_waits_live_stays_live_and_waits_since_then(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-33 counts from the live change, whatever bulk makes of it."""
    since = clock.at
    (post_id,) = want(store, lane_id, "b-1")
    clock.advance(minutes=1)
    want_in_bulk(store, lane_id, "b-1", OTHER_CONTENT)
    stands = row(store, post_id)
    assert (stands.wanted, stands.bulk, stands.wanted_since) == (OTHER_CONTENT, False, since)


def test_a_live_change_makes_a_bulk_post_live(store: Store, lane_id: int) -> None:
    want_in_bulk(store, lane_id, "b-1")
    want(store, lane_id, "b-1", content=OTHER_CONTENT)
    assert (row(store, 1).wanted, row(store, 1).bulk) == (OTHER_CONTENT, False)


def test_a_parked_post_that_is_changed_gets_a_new_chance(store: Store, lane_id: int, clock: SetClock) -> None:
    (post_id,) = want(store, lane_id, "b-1")
    alter(store, post_id, parked_code="EI001", parked_at=clock.at, attempts=1)
    want_in_bulk(store, lane_id, "b-1", OTHER_CONTENT)
    stands = row(store, post_id)
    assert (stands.parked_code, stands.attempts, stands.bulk) == (None, 0, True)


@pytest.mark.parametrize("first", ["live", "bulk"])
def test_live_goes_before_bulk(store: Store, lane_id: int, clock: SetClock, first: str) -> None:
    """However long bulk has waited, and each in calls of its own."""
    for kind in (first, "live" if first == "bulk" else "bulk"):
        if kind == "bulk":
            want_in_bulk(store, lane_id, "b-bulk")
        else:
            want(store, lane_id, "b-live")
        clock.advance(seconds=1)
    live, bulk = (1, 2) if first == "live" else (2, 1)
    assert claimed(store, lane_id) == [live]
    record(store, Sent(live, CONTENT, clock.at))
    assert claimed(store, lane_id) == [bulk]


def test_bulk_keeps_the_spacing_of_a_key(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-32"""
    (post_id,) = want(store, lane_id, "b-1")
    record(store, Sent(post_id, CONTENT, clock.at))
    want_in_bulk(store, lane_id, "b-1", OTHER_CONTENT)
    clock.advance(seconds=SPACING.total_seconds() - 1)
    assert claimed(store, lane_id) == []
    clock.at += timedelta(seconds=1)
    assert claimed(store, lane_id) == [post_id]
