from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from relay.post import ABSENT, UNKNOWN, WantedChange
from relay.store import posts
from relay.store.lanes import LaneName
from relay.store.posts import Sent
from relay.store.schema import post
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock
from tests.made import OTHER_SYSTEM, OTHER_UNIT, SYSTEM, key
from tests.statements import recorded
from tests.store.conftest import LANE, OTHER_LANE
from tests.store.steps import CONTENT, alter, claim, claimed, ids_as_json, record, row, rows, want

REFUSED = {"parked_code": "EI004", "parked_text": "malformed"}


def want_all(store: Store, lane_id: int, number: int) -> None:
    keys = [key(booking_id=f"b-{n}") for n in range(number)]
    store.transact(lambda tx: posts.want(tx, [WantedChange(lane_id, k, CONTENT, tx.now, None) for k in keys]))


# --- what is wanted


def test_what_is_wanted_of_a_new_post_is_pending(store: Store, lane_id: int, clock: SetClock) -> None:
    since, expires = clock.at - timedelta(minutes=1), clock.at + timedelta(days=1)
    (id,) = want(store, lane_id, key(), since=since, expires_at=expires)

    (due,) = claim(store, lane_id)

    assert (due.id, due.key, due.wanted, due.wanted_since) == (id, key(), CONTENT, since)
    assert (due.known, due.bulk, due.suspect, due.attempts) == (ABSENT, False, None, 0)
    assert row(store, id).expires_at == expires


def test_a_change_gives_a_parked_post_a_new_chance_and_keeps_what_is_known(
    store: Store, lane_id: int, clock: SetClock
) -> None:
    (id,) = want(store, lane_id, "b-1")
    sent_at = clock.at - timedelta(hours=1)
    alter(store, id, **REFUSED, parked_at=clock.at, attempts=1, bulk=True, known=UNKNOWN, sent_at=sent_at, suspect=3)
    assert claimed(store, lane_id) == []

    assert want(store, lane_id, "b-1", content="20270101080000") == [id]

    stands = row(store, id)
    assert (stands.parked_code, stands.parked_text, stands.parked_at, stands.attempts) == (None, None, None, 0)
    assert (stands.wanted, stands.bulk) == ("20270101080000", False)
    assert (stands.known, stands.sent_at, stands.suspect) == (UNKNOWN, sent_at, 3)
    assert claimed(store, lane_id) == [id]


def test_every_part_of_the_key_tells_posts_apart(store: Store, lane_ids: dict[LaneName, int]) -> None:
    """R-10"""
    keys = [
        key(),
        key(resident_id="200001010009"),
        key(care_unit=OTHER_UNIT),
        key(data_controller="SE0"),
        key(booking_id="b"),
    ]
    want(store, lane_ids[LANE], *keys)
    want(store, lane_ids[OTHER_LANE], key(source_system=OTHER_SYSTEM))
    want(store, lane_ids[LANE], *keys)
    assert len(rows(store)) == 6


def test_all_posts_a_booking_has_had_are_found(store: Store, lane_ids: dict[LaneName, int]) -> None:
    want(store, lane_ids[LANE], key(), key(booking_id="b-2"))
    want(store, lane_ids[LANE], key(care_unit=OTHER_UNIT), content=ABSENT)
    want(store, lane_ids[OTHER_LANE], key(source_system=OTHER_SYSTEM))

    def found(lanes: dict[int, str]) -> dict[str, set[tuple[object, str, bool]]]:
        standing = store.transact(lambda tx: posts.of_bookings(tx, lanes, ["b-1", "b-2", "b-3"]))
        return {id: {(p.key, p.wanted, p.parked) for p in each} for id, each in standing.items()}

    mine = {
        "b-1": {(key(), CONTENT, False), (key(care_unit=OTHER_UNIT), ABSENT, False)},
        "b-2": {(key(booking_id="b-2"), CONTENT, False)},
    }
    assert found({lane_ids[LANE]: SYSTEM}) == mine
    both = mine["b-1"] | {(key(source_system=OTHER_SYSTEM), CONTENT, False)}
    assert found({lane_ids[LANE]: SYSTEM, lane_ids[OTHER_LANE]: OTHER_SYSTEM}) == mine | {"b-1": both}


def test_the_number_of_posts_does_not_change_the_number_of_statements(store: Store, lane_id: int) -> None:
    with recorded(store.engine) as few:
        store.transact(lambda tx: posts.want(tx, []))
        want_all(store, lane_id, 1)
    with recorded(store.engine) as many:
        want_all(store, lane_id, 500)
    assert len(few) == len(many) == 1
    assert len(rows(store)) == 500


# --- the next call


def test_a_call_carries_the_longest_waiting_first_and_no_more_than_the_limit(
    store: Store, lane_id: int, clock: SetClock
) -> None:
    """R-30, R-33"""
    ids = {}
    for n, minutes in enumerate((1, 30, 10)):
        (ids[minutes],) = want(store, lane_id, f"b-{n}", since=clock.at - timedelta(minutes=minutes))
    assert claimed(store, lane_id) == [ids[30], ids[10], ids[1]]
    assert claimed(store, lane_id, limit=2) == [ids[30], ids[10]]


def test_a_thousand_and_three_posts_are_a_call_of_1000_and_one_of_3(store: Store, lane_id: int) -> None:
    """R-30"""
    want_all(store, lane_id, 1003)
    first = claimed(store, lane_id)
    record(store, *(Sent(id, CONTENT, None) for id in first))
    second = claimed(store, lane_id)
    assert (len(first), len(second)) == (1000, 3)
    assert not set(first) & set(second)


def test_a_call_carries_only_its_lane_s_posts(store: Store, lane_ids: dict[LaneName, int]) -> None:
    mine = want(store, lane_ids[LANE], "b-1")
    want(store, lane_ids[OTHER_LANE], key(booking_id="b-2", source_system=OTHER_SYSTEM))
    assert claimed(store, lane_ids[LANE]) == mine


def test_suspects_live_and_bulk_posts_never_share_a_call(store: Store, lane_id: int, clock: SetClock) -> None:
    bulk, live, late, early, more = want(store, lane_id, "bulk", "live", "suspect 15", "suspect 14", "suspect 14 too")
    alter(store, bulk, bulk=True, wanted_since=clock.at - timedelta(days=1))
    alter(store, late, suspect=15)
    alter(store, early, suspect=14)
    alter(store, more, suspect=14)
    calls = []
    for _ in range(4):
        calls.append(claimed(store, lane_id))
        record(store, *(Sent(id, CONTENT, None) for id in calls[-1]))
    assert calls == [[early, more], [late], [live], [bulk]]


def test_suspects_that_were_bulk_stay_apart_from_live_ones(store: Store, lane_id: int) -> None:
    one, other = want(store, lane_id, "b-1", "b-2")
    alter(store, one, suspect=14, bulk=True)
    alter(store, other, suspect=14)
    assert claimed(store, lane_id) == [other]


def test_posts_sent_at_a_pace_wait_for_it_without_holding_up_live_ones(store: Store, lane_id: int) -> None:
    """R-34"""
    bulk, suspect, live = want(store, lane_id, "bulk", "suspect", "live")
    alter(store, bulk, bulk=True)
    alter(store, suspect, suspect=14)
    assert claimed(store, lane_id, split=False, bulk=False) == [live]
    alter(store, live, parked_code="EI004")
    assert claimed(store, lane_id, split=False, bulk=False) == []
    assert claimed(store, lane_id, split=False, bulk=True) == [bulk]


def test_a_key_is_not_sent_again_before_its_spacing_is_over(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-32: from the end of one call to the start of the next, to the microsecond."""
    (id,) = want(store, lane_id, "b-1")
    record(store, Sent(id, CONTENT, clock.at))
    want(store, lane_id, "b-1", content="20270101080000")

    clock.advance(minutes=5, microseconds=-1)
    assert claimed(store, lane_id) == []
    clock.advance(microseconds=1)
    assert claimed(store, lane_id) == [id]


def test_a_post_that_is_as_wanted_or_parked_is_not_sent(store: Store, lane_id: int) -> None:
    settled, parked, unknown = want(store, lane_id, "b-1", "b-2", "b-3")
    alter(store, settled, known=CONTENT)
    alter(store, parked, **REFUSED)
    alter(store, unknown, known=UNKNOWN)
    assert claimed(store, lane_id) == [unknown]


# --- after a call


def test_what_a_call_brought_is_written_down(store: Store, lane_id: int, clock: SetClock) -> None:
    accepted, refused, suspected, unsent = want(store, lane_id, "b-1", "b-2", "b-3", "b-4")
    earlier = clock.at - timedelta(hours=1)
    alter(store, unsent, sent_at=earlier, suspect=3)

    record(
        store,
        Sent(accepted, CONTENT, clock.at),
        Sent(refused, ABSENT, None, None, "EI004", "malformed", refused=1),
        Sent(suspected, ABSENT, None, suspect=14),
        Sent(unsent, UNKNOWN, None),
        call_id=7,
    )

    facts = {
        r.id: (r.known, r.sent_at, r.suspect, r.parked_code, r.parked_text, r.parked_at, r.attempts)
        for r in rows(store)
    }
    assert facts == {
        accepted: (CONTENT, clock.at, None, None, None, None, 0),
        refused: (ABSENT, None, None, "EI004", "malformed", clock.at, 1),
        suspected: (ABSENT, None, 14, None, None, None, 0),
        unsent: (UNKNOWN, earlier, None, None, None, None, 0),
    }
    assert {r.call_id for r in rows(store)} == {7}


def test_a_post_whose_booking_changed_during_the_call_is_not_parked(store: Store, lane_id: int) -> None:
    """What was refused is not what is wanted now."""
    (id,) = want(store, lane_id, "b-1")
    want(store, lane_id, "b-1", content="20270101080000")

    record(store, Sent(id, ABSENT, None, None, "EI004", "malformed", refused=1), contents={id: CONTENT})

    stands = row(store, id)
    assert (stands.parked_code, stands.parked_text, stands.parked_at) == (None, None, None)
    assert claimed(store, lane_id) == [id]


def test_a_post_whose_booking_changed_during_an_accepted_call_is_sent_again(
    store: Store, lane_id: int, clock: SetClock
) -> None:
    (id,) = want(store, lane_id, "b-1")
    want(store, lane_id, "b-1", content=ABSENT)
    record(store, Sent(id, CONTENT, clock.at), contents={id: CONTENT})
    assert claimed(store, lane_id) == []
    clock.advance(minutes=5)
    (due,) = claim(store, lane_id)
    assert (due.known, due.wanted) == (CONTENT, ABSENT)


def test_recording_a_call_is_one_statement(store: Store, lane_id: int, clock: SetClock) -> None:
    want_all(store, lane_id, 300)
    ids = claimed(store, lane_id)
    with recorded(store.engine) as statements:
        record(store, *(Sent(id, CONTENT, clock.at) for id in ids))
    assert len(statements) == 1
    assert claimed(store, lane_id) == []


def test_the_posts_of_a_call_nobody_ended_are_in_doubt(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-32: they count as sent when the lease ended; they are sent again, also those that want what was known."""
    out, deleted, beside = want(store, lane_id, "b-1", "b-2", "b-3")
    alter(store, out, suspect=14)
    alter(store, deleted, wanted=ABSENT)
    ended = clock.at - timedelta(minutes=2)

    store.transact(lambda tx: posts.doubt(tx, 9, ids_as_json(out, deleted), ended))

    for id in (out, deleted):
        stands = row(store, id)
        assert (stands.known, stands.sent_at, stands.suspect, stands.call_id) == (UNKNOWN, ended, None, 9)
    assert row(store, beside).known == ABSENT
    assert claimed(store, lane_id) == [beside]
    clock.advance(minutes=3)
    assert claimed(store, lane_id) == [out, deleted, beside]


# --- time passes


def expire(store: Store) -> int:
    return store.transact(posts.expire)


def test_a_post_whose_time_has_passed_is_wanted_gone_since_then(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-22, R-33: at its expiry, inclusive; the 60 minutes start there however late the clock step comes."""
    expires = clock.at + timedelta(minutes=1)
    passing, later, never = (
        want(store, lane_id, id, expires_at=at)[0]
        for id, at in (("b-1", expires), ("b-2", expires + timedelta(microseconds=1)), ("b-3", None))
    )
    clock.advance(seconds=59)
    assert expire(store) == 0
    clock.advance(seconds=1)
    assert expire(store) == 1
    assert expire(store) == 0

    stands = row(store, passing)
    assert (stands.wanted, stands.wanted_since, stands.expires_at) == (ABSENT, expires, None)
    assert {row(store, id).wanted for id in (later, never)} == {CONTENT}


def test_what_expires_is_a_live_change_and_no_longer_parked(store: Store, lane_id: int, clock: SetClock) -> None:
    (id,) = want(store, lane_id, "b-1", expires_at=clock.at)
    alter(store, id, **REFUSED, parked_at=clock.at, attempts=2, bulk=True, known=CONTENT)
    assert expire(store) == 1
    stands = row(store, id)
    assert (stands.parked_code, stands.parked_text, stands.parked_at, stands.attempts) == (None, None, None, 0)
    assert stands.bulk is False
    assert claimed(store, lane_id) == [id]


@pytest.mark.parametrize("dialect", ["postgresql"])  # on SQLite transactions come one after the other
def test_expiring_waits_for_nobody(store: Store, lane_id: int, clock: SetClock) -> None:
    held, free = want(store, lane_id, "b-1", "b-2", expires_at=clock.at)
    with store.engine.begin() as busy:
        busy.execute(update(post).where(post.c.id == held).values(attempts=1))
        assert expire(store) == 1
        assert row(store, free).wanted == ABSENT
    assert expire(store) == 1


def test_every_step_runs_in_the_transaction_it_is_given(store: Store, lane_id: int) -> None:
    """Nothing of it stands when that fails."""
    (id,) = want(store, lane_id, "b-1")

    def work(tx: Transaction) -> None:
        posts.record(tx, 1, [Sent(id, CONTENT, tx.now)], {id: CONTENT})
        raise RuntimeError("the worker died")

    with pytest.raises(RuntimeError):
        store.transact(work)
    assert row(store, id).known == ABSENT


def test_what_expires_at_once_is_bounded_and_the_earliest_goes_first(
    store: Store, lane_id: int, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A huge clinic's day must not be one long transaction; the next look takes the rest."""
    monkeypatch.setattr(posts, "EXPIRED_AT_ONCE", 2)
    for minutes in (1, 3, 2):
        want(store, lane_id, f"b-{minutes}", expires_at=clock.at - timedelta(minutes=minutes))
    assert expire(store) == 2
    assert {r.booking_id for r in rows(store) if r.wanted != ABSENT} == {"b-1"}
    assert [expire(store), expire(store)] == [1, 0]
