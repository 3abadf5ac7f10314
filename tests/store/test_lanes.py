from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from relay.database import describe
from relay.store import lanes
from relay.store.lanes import LaneName
from relay.store.lease import lease_end
from relay.store.posts import Sent
from relay.store.schema import lane
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock
from tests.store.conftest import LANE, OTHER_LANE, SOURCE
from tests.store.steps import CONTENT, LENGTH, REST, alter, alter_lane, due, lane_row, record, take, want


def test_a_lane_has_a_name_that_can_be_read_back() -> None:
    assert str(LANE) == "national:SE2321000016-84GX"
    assert LaneName.parse(str(LANE)) == LANE
    assert LaneName.parse("national:a:b") == LaneName("national", "a:b")


def test_lanes_are_made_once(store: Store, lane_ids: dict[LaneName, int]) -> None:
    alter_lane(store, lane_ids[LANE], failures=3)
    store.transact(lambda tx: lanes.ensure(tx, [(LANE, "renamed")]))
    assert store.transact(lambda tx: lanes.of_source(tx, "renamed")) == {LANE: lane_ids[LANE]}
    assert store.transact(lambda tx: lanes.of_source(tx, SOURCE)) == {OTHER_LANE: lane_ids[OTHER_LANE]}
    assert lane_row(store, lane_ids[LANE]).failures == 3


def test_a_lane_is_due_when_a_post_waits(store: Store, lane_id: int) -> None:
    assert due(store) == []
    (post_id,) = want(store, lane_id, "b-1")
    assert due(store) == [LANE]
    assert due(store, "another") == []
    record(store, Sent(post_id, CONTENT, None))
    assert due(store) == []


def test_a_lane_is_not_due_while_it_may_not_be_taken(store: Store, lane_id: int, clock: SetClock) -> None:
    want(store, lane_id, "b-1")
    alter_lane(store, lane_id, paused=True)
    assert (due(store), take(store, LANE)) == ([], None)
    alter_lane(store, lane_id, paused=False, next_call_at=clock.at + timedelta(seconds=1))
    assert (due(store), take(store, LANE)) == ([], None)
    clock.advance(seconds=1)
    assert due(store) == [LANE]
    assert take(store, LANE) is not None
    assert due(store) == []


def test_a_parked_post_makes_no_lane_due(store: Store, lane_id: int) -> None:
    (post_id,) = want(store, lane_id, "b-1")
    alter(store, post_id, parked_code="EI004")
    assert due(store) == []


def test_a_lane_is_due_again_when_the_spacing_of_a_key_is_over(store: Store, lane_id: int, clock: SetClock) -> None:
    """R-32"""
    (post_id,) = want(store, lane_id, "b-1")
    alter(store, post_id, sent_at=clock.at)
    clock.advance(minutes=4, seconds=59.999999)
    assert due(store) == []
    clock.advance(seconds=0.000001)
    assert due(store) == [LANE]


@pytest.mark.parametrize(
    ("mark", "pace"), [({"bulk": True}, "next_bulk_at"), ({"suspect": 14}, "next_split_at")], ids=["bulk", "suspect"]
)
def test_posts_sent_at_a_pace_make_their_lane_due_only_at_it(
    store: Store, lane_id: int, clock: SetClock, mark: dict[str, object], pace: str
) -> None:
    """R-34; a live post beside them makes it due at once."""
    (post_id,) = want(store, lane_id, "b-1")
    alter(store, post_id, **mark)
    alter_lane(store, lane_id, **{pace: clock.at + timedelta(seconds=5)})
    assert due(store) == []
    want(store, lane_id, "b-2")
    assert due(store) == [LANE]


def test_a_lane_found_free_with_an_open_call_is_due_whatever_its_pauses(
    store: Store, lane_id: int, clock: SetClock
) -> None:
    """Its worker died; somebody must hold the call's posts in doubt."""
    alter_lane(store, lane_id, next_call_at=clock.at + timedelta(hours=1))
    taken = take(store, OTHER_LANE)
    assert taken is not None
    store.transact(lambda tx: lanes.open_call(tx, taken, 42))
    assert due(store) == []

    clock.advance(seconds=LENGTH.total_seconds())

    assert due(store) == [OTHER_LANE]
    found = take(store, OTHER_LANE)
    assert found is not None
    assert found.open_call == 42


def test_the_lane_that_waits_longest_comes_first(store: Store, lane_ids: dict[LaneName, int], clock: SetClock) -> None:
    for name, seconds in ((LANE, 10), (OTHER_LANE, 20)):
        want(store, lane_ids[name], f"b-{name.source_system}")
        alter_lane(store, lane_ids[name], next_call_at=clock.at - timedelta(seconds=seconds))
    assert due(store) == [OTHER_LANE, LANE]


def test_a_lane_is_taken_as_it_stands(store: Store, lane_id: int, clock: SetClock) -> None:
    later = clock.at + timedelta(seconds=1)
    alter_lane(store, lane_id, failures=4, blocked_code="VP007", next_split_at=later, next_bulk_at=clock.at)
    taken = take(store, LANE)
    assert taken is not None
    assert (taken.id, taken.name, taken.open_call, taken.failures) == (lane_id, LANE, None, 4)
    assert (taken.blocked, taken.may_split, taken.may_bulk) == (True, False, True)


def test_the_end_of_a_call_clears_it_and_holds_what_changed(store: Store, lane_id: int, clock: SetClock) -> None:
    taken = take(store, LANE)
    assert taken is not None
    store.transact(lambda tx: lanes.open_call(tx, taken, 42))
    clock.advance(seconds=3)
    store.transact(lambda tx: lanes.close_call(tx, taken, blocked_code="VP007", last_success_at=clock.at))

    row = lane_row(store, lane_id)
    assert (row.open_call, row.lease_until, row.blocked_code, row.last_success_at) == (
        None,
        clock.at,
        "VP007",
        clock.at,
    )


@pytest.mark.parametrize("dialect", ["postgresql"])  # on SQLite every transaction waits for every other one
def test_whoever_changes_posts_waits_for_the_lane(store: Store, lane_id: int, clock: SetClock) -> None:
    """Intake and the recording of a call take the lane first, so they never wait for each other in a circle."""
    recording = update(lane).where(lane.c.id == lane_id).values(failures=1)
    with store.engine.begin() as call, store.engine.begin() as intake:
        call.execute(recording)
        intake.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(OperationalError) as waited:
            lanes.of_source(Transaction(intake, clock.at), SOURCE)
    assert describe(waited.value) == "LockNotAvailable (SQLSTATE 55P03)"


# --- an index that is away


@pytest.fixture
def fifty(store: Store) -> list[LaneName]:
    """Fifty lanes of one index, each with a post that waits."""
    names = [LaneName("national", f"SE-{n:02d}") for n in range(50)]
    store.transact(lambda tx: lanes.ensure(tx, [(name, SOURCE) for name in names]))
    ids = store.transact(lambda tx: lanes.of_source(tx, SOURCE))
    for name in names:
        want(store, ids[name], f"b-{name.source_system}")
    return names


def end(store: Store, name: LaneName, clock: SetClock, failures: int) -> bool:
    """Take the lane and end its call at once, as failed or (0 failures) accepted; whether it could be taken."""
    taken = take(store, name)
    if taken is None:
        return False
    told: dict[str, object] = {"failed_at": clock.at} if failures else {"last_success_at": clock.at}
    store.transact(lambda tx: lanes.close_call(tx, taken, failures=failures, next_call_at=clock.at, **told))
    return True


def test_lanes_that_fail_together_ask_one_at_a_time(store: Store, fifty: list[LaneName], clock: SetClock) -> None:
    """R-35: repeats never raise the call rate; fifty sources knock no harder than one."""
    assert all(end(store, name, clock, failures=1) for name in fifty[: lanes.WIDE_TROUBLE])
    assert due(store) == []

    knocks = 0
    for _ in range(6 * 60):
        clock.advance(seconds=10)
        for name in due(store):
            knocks += end(store, name, clock, failures=2)

    assert knocks == 12  # in an hour, each five minutes after the one before


def test_while_one_lane_asks_after_an_index_that_is_away_the_others_wait(
    store: Store, fifty: list[LaneName], clock: SetClock
) -> None:
    for name in fifty[: lanes.WIDE_TROUBLE]:
        end(store, name, clock, failures=1)
    clock.advance(minutes=5)
    assert len(due(store)) == 50
    assert [take(store, name) is not None for name in fifty[:3]] == [True, False, False]
    assert due(store) == []


@pytest.mark.parametrize("dialect", ["postgresql"])  # on SQLite every transaction waits for every other one
def test_of_several_who_look_at_once_one_asks(store: Store, fifty: list[LaneName], clock: SetClock) -> None:
    """R-35. Neither sees in the database that the other one is about to ask."""
    for name in fifty[: lanes.WIDE_TROUBLE]:
        end(store, name, clock, failures=1)
    clock.advance(minutes=5)
    ends = lease_end(LENGTH)

    with store.engine.begin() as first, store.engine.begin() as second:
        taken = [
            lanes.take(Transaction(connection, clock.at), name, LENGTH, ends, REST) is not None
            for connection, name in ((first, fifty[10]), (second, fifty[20]))
        ]

    assert taken == [True, False]
    assert take(store, fifty[20]) is None  # nor afterwards, while the first one is at it


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_lanes_of_an_index_that_is_there_are_taken_at_once(
    store: Store, fifty: list[LaneName], clock: SetClock
) -> None:
    ends = lease_end(LENGTH)
    with store.engine.begin() as first, store.engine.begin() as second:
        for connection, name in ((first, fifty[10]), (second, fifty[20])):
            assert lanes.take(Transaction(connection, clock.at), name, LENGTH, ends, REST) is not None


def test_an_index_that_answers_again_is_called_by_all(store: Store, fifty: list[LaneName], clock: SetClock) -> None:
    for name in fifty[: lanes.WIDE_TROUBLE]:
        end(store, name, clock, failures=1)
    clock.advance(minutes=5)
    assert end(store, fifty[10], clock, failures=0)
    assert len(due(store)) == 50
    assert all(take(store, name) for name in fifty)


def test_a_lane_s_own_trouble_stays_its_own(store: Store, fifty: list[LaneName], clock: SetClock) -> None:
    for name in fifty[: lanes.WIDE_TROUBLE - 1]:
        end(store, name, clock, failures=3)
    elsewhere = LaneName("regional", "SE-00")
    store.transact(lambda tx: lanes.ensure(tx, [(elsewhere, SOURCE)]))
    assert end(store, elsewhere, clock, failures=1)
    assert len(due(store)) == 50


# --- what people do


def test_blocked_lanes_have_no_part_in_whether_an_index_is_away(
    store: Store, fifty: list[LaneName], clock: SetClock
) -> None:
    """R-33: what they hear, and that they hear nothing, holds no other lane back."""
    ids = store.transact(lambda tx: lanes.of_source(tx, SOURCE))
    for name in fifty[:40]:  # refused lately, and those that asked while the index was away have failed too
        alter_lane(store, ids[name], blocked_code="VP007", failed_at=clock.at, failures=2, next_call_at=clock.at)
    found = store.transact(lambda tx: lanes.due(tx, "national", LENGTH, REST))
    assert (set(found.working), found.failing) == (set(fifty[40:]), [])
    assert len(set(found.blocked) & set(fifty[:40])) == len(found.blocked) == lanes.BLOCKED_AT_ONCE

    # given an index that is away, and blocked lanes that keep asking
    for name in fifty[40:43]:
        end(store, name, clock, failures=1)
    clock.advance(minutes=5)
    for name in fifty[:40]:
        alter_lane(store, ids[name], failed_at=clock.at - timedelta(seconds=1))
    # then the others may ask, and the blocked ones wait for whoever did
    found = store.transact(lambda tx: lanes.due(tx, "national", LENGTH, REST))
    assert (len(found.working), len(found.failing), found.blocked) == (7, 3, [])
    assert end(store, fifty[45], clock, failures=1)
    assert due(store) == []


def test_lanes_known_to_work_can_be_taken_alone(store: Store, lane_id: int) -> None:
    def taken() -> bool:
        ends = lease_end(LENGTH)
        return store.transact(lambda tx: lanes.take(tx, LANE, LENGTH, ends, REST, troubled=False)) is not None

    want(store, lane_id, "b-1")
    for trouble in ({"failures": 1}, {"failures": 0, "blocked_code": "TLS"}):
        alter_lane(store, lane_id, **trouble)
        assert not taken()
    alter_lane(store, lane_id, open_call=7)  # of a worker that died: to be ended, not made
    assert taken()


def test_a_lane_is_paused_and_resumed(store: Store, lane_id: int, clock: SetClock) -> None:
    want(store, lane_id, "b-1")
    store.transact(lambda tx: lanes.pause(tx, [LANE], paused=True))
    assert (due(store), take(store, LANE)) == ([], None)
    store.transact(lambda tx: lanes.pause(tx, [LANE], paused=False))
    assert due(store) == [LANE]


def test_blocked_lanes_are_told_with_the_time_of_their_refusal(store: Store, lane_id: int, clock: SetClock) -> None:
    assert store.transact(lanes.blocked) == []
    want(store, lane_id, "b-1")
    later = clock.at + timedelta(minutes=15)
    alter_lane(store, lane_id, blocked_code="VP007", failed_at=clock.at, next_call_at=later)
    assert store.transact(lanes.blocked) == [(LANE, clock.at)]
    assert due(store) == []
    store.transact(lambda tx: lanes.call_now(tx, LANE))
    assert due(store) == [LANE]
