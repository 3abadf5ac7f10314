from __future__ import annotations

from datetime import timedelta

from relay.post import ABSENT, DISCARDED, UNKNOWN
from relay.store import overview, parked
from relay.store.lanes import LaneName
from relay.store.selection import Selection
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.made import OTHER_SYSTEM, key
from tests.store.conftest import LANE, OTHER_LANE, SOURCE
from tests.store.steps import CONTENT, alter, claimed, row, want


def park(store: Store, clock: SetClock, post_id: int, code: str = "EI004", text: str = "too long") -> None:
    alter(store, post_id, parked_code=code, parked_text=text, parked_at=clock.at, attempts=1)


def test_the_list_shows_the_latest_first_and_counts_by_source_and_code(
    store: Store, lane_ids: dict[LaneName, int], clock: SetClock
) -> None:
    # given
    first, second, discarded, _fine = want(store, lane_ids[LANE], "b-1", "b-2", "b-3", "b-4")
    (third,) = want(store, lane_ids[OTHER_LANE], key(booking_id="b-5", source_system=OTHER_SYSTEM))
    for post_id, code in ((first, "EI004"), (second, "EI001"), (third, "EI004"), (discarded, DISCARDED)):
        park(store, clock, post_id, code)
        clock.advance(minutes=1)

    # then
    everything = Selection()
    assert [r.id for r in store.transact(lambda tx: parked.listed(tx, everything, 10))] == [third, second, first]
    assert [r.id for r in store.transact(lambda tx: parked.listed(tx, everything, 1))] == [third]
    assert [(r.source, r.code, r.posts) for r in store.transact(lambda tx: parked.counts(tx, everything))] == [
        (SOURCE, "EI004", 2),
        (SOURCE, "EI001", 1),
    ]
    only = Selection(code="EI001")
    assert [r.id for r in store.transact(lambda tx: parked.listed(tx, only, 10))] == [second]


def test_a_retried_post_waits_from_now_and_keeps_its_spacing(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-32: a key that was sent a minute ago is not sent again before its time."""
    # given
    live, bulk = want(store, lane_id, "b-1", "b-2")
    for post_id in (live, bulk):
        park(store, clock, post_id)
        alter(store, post_id, sent_at=clock.at)
    clock.advance(minutes=1)

    # when
    assert store.transact(lambda tx: parked.retry(tx, [live], bulk=False)) == 1
    assert store.transact(lambda tx: parked.retry(tx, [bulk], bulk=True)) == 1

    # then
    found = row(store, live)
    assert (found.parked_code, found.parked_text, found.parked_at, found.attempts) == (None, None, None, 0)
    assert (found.wanted, found.known, found.wanted_since) == (CONTENT, ABSENT, clock.at)
    assert (found.bulk, row(store, bulk).bulk) == (False, True)
    assert claimed(store, lane_id) == []
    clock.advance(minutes=5)
    assert claimed(store, lane_id) == [live]


def test_a_discarded_post_pretends_nothing(store: Store, lane_id: int, clock: SetClock) -> None:
    # given a rebooking that was refused
    (post_id,) = want(store, lane_id, "b-1")
    alter(store, post_id, known="20270101080000")
    park(store, clock, post_id, text="x" * 500)

    # when
    assert store.transact(lambda tx: parked.discard(tx, [post_id])) == 1

    # then it says what is wanted and what the index holds, and is out of the way
    found = row(store, post_id)
    assert (found.wanted, found.known) == (CONTENT, "20270101080000")
    assert found.parked_text == "EI004: " + "x" * 493
    assert claimed(store, lane_id) == []
    assert store.transact(overview.posts_by_state) == [(SOURCE, "discarded", 1)]
    assert store.transact(lambda tx: parked.listed(tx, Selection(), 10)) == []
    # and once is enough
    assert store.transact(lambda tx: parked.discard(tx, [post_id])) == 0


def test_a_discarded_post_is_sent_when_its_booking_changes_or_somebody_retries_it(store: Store, lane_id: int,
                                                                                  clock: SetClock) -> None:  # fmt: skip
    changed, retried = want(store, lane_id, "b-1", "b-2")
    for post_id in (changed, retried):
        park(store, clock, post_id)
    store.transact(lambda tx: parked.discard(tx, [changed, retried]))

    want(store, lane_id, "b-1", content="20270303080000")
    store.transact(lambda tx: parked.retry(tx, [retried], bulk=False))

    assert claimed(store, lane_id) == [changed, retried]


def test_forgetting_sends_the_same_again_in_bulk(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-34; mostRecentContent stays, or every resident would get a message."""
    # given
    indexed, gone, refused = want(store, lane_id, "b-1", "b-2", "b-3")
    alter(store, indexed, known=CONTENT, sent_at=clock.at - timedelta(days=1))
    alter(store, gone, wanted=ABSENT, known=ABSENT, sent_at=clock.at - timedelta(days=1))
    park(store, clock, refused)

    # when
    assert store.transact(lambda tx: parked.forget(tx, [indexed, gone, refused])) == 3

    # then
    assert {(r.wanted, r.known, r.bulk) for r in (row(store, indexed), row(store, refused))} == {
        (CONTENT, UNKNOWN, True)
    }
    assert (row(store, gone).wanted, row(store, gone).known) == (ABSENT, UNKNOWN)
    assert claimed(store, lane_id) == [indexed, gone, refused]
    assert claimed(store, lane_id, bulk=False) == []


def test_what_waits_already_is_left_in_its_turn(store: Store, lane_id: int, clock: SetClock) -> None:
    live, suspect = want(store, lane_id, "b-1", "b-2")
    alter(store, suspect, suspect=7)
    before = [row(store, live), row(store, suspect)]
    clock.advance(minutes=1)

    assert store.transact(lambda tx: parked.forget(tx, [live, suspect])) == 0

    assert [row(store, live), row(store, suspect)] == before
