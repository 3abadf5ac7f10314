from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from relay.store import calls
from relay.store.schema import call
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.store.steps import LENGTH


def begin(store: Store, *post_ids: int) -> int:
    return store.transact(lambda tx: calls.begin(tx, 1, "c0ffee", post_ids, LENGTH))


def row(store: Store, call_id: int) -> Row[Any]:
    return store.transact(lambda tx: tx.run(select(call).where(call.c.id == call_id)).one())


def test_a_call_is_written_down_before_it_goes_out(store: Store, clock: SetClock) -> None:
    stands = row(store, begin(store, 3, 4))
    assert (stands.lane_id, stands.correlation_id, stands.posts) == (1, "c0ffee", 2)
    assert (stands.started_at, stands.lease_until, stands.ended_at) == (clock.at, clock.at + LENGTH, None)
    assert json.loads(stands.post_ids) == [{"id": 3}, {"id": 4}]


def test_what_came_back_is_written_down_and_the_posts_forgotten(store: Store, clock: SetClock) -> None:
    """Only an open call holds the ids of its posts; they would be most of the database."""
    call_id = begin(store, 3)
    other = begin(store, 5)
    clock.advance(seconds=2)

    store.transact(lambda tx: calls.end(tx, call_id, "content", "EI004", "malformed"))

    stands = row(store, call_id)
    assert (stands.verdict, stands.code, stands.text) == ("content", "EI004", "malformed")
    assert (stands.ended_at, stands.post_ids) == (clock.at, None)
    assert row(store, other).ended_at is None


def test_a_lost_call_ended_with_its_lease(store: Store, clock: SetClock) -> None:
    """R-32 and R-35 run from there, however late somebody finds it."""
    end = clock.at + LENGTH
    call_id = begin(store, 3, 4)
    clock.advance(hours=3)

    post_ids, ended_at = store.transact(lambda tx: calls.lost(tx, call_id))

    assert (json.loads(post_ids), ended_at) == ([{"id": 3}, {"id": 4}], end)
    assert ended_at.utcoffset() == timedelta(0)
    stands = row(store, call_id)
    assert (stands.verdict, stands.code, stands.ended_at, stands.post_ids) == (calls.LOST, "LOST", end, None)


def test_call_numbers_grow(store: Store) -> None:
    assert begin(store) < begin(store) < begin(store)
