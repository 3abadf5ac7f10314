"""A worker that is stopped and goes on later makes no call and writes nothing (R-31, the lane lease)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.flow.delivery.step import Outgoing
from relay.flow.intake.step import intake
from relay.post import UNKNOWN
from relay.store.lanes import LaneName
from tests.simulation.bookings import expected
from tests.simulation.world import CALL_TIMEOUT, RETRY, SPACING, SYSTEMS, World

LANE = LaneName("national", SYSTEMS[0])
LEASE = CALL_TIMEOUT + 10


def write_and_take(world: World) -> Outgoing:
    """One booking is written and taken in, and its lane is taken by the worker that will freeze."""
    world.write(
        operation="upsert", booking_id="B1", resident_id="191212121212", care_unit="UNIT", starts_at="2026-12-24 10:00"
    )
    intake(world.relay, "tidbok")
    outgoing = world.take_lane(LANE)
    assert outgoing is not None
    return outgoing


def known(world: World) -> str:
    return world.outbox.execute("SELECT known FROM ei_post").fetchone()[0]


def test_a_frozen_worker_holds_its_lane_no_longer_than_the_lease(new_world: Callable[..., World]) -> None:
    # Given a worker that froze before its call
    world = new_world()
    write_and_take(world)
    # When its lease is not over, nobody else calls
    world.advance(LEASE - 1)
    assert world.work() == 0
    # Then when it is over the lane is taken, its posts are in doubt, and it rests as after a time-out
    world.advance(1)
    assert world.work() == 0
    assert known(world) == UNKNOWN
    # And another booking of the lane waits for the end of that rest
    world.write(
        operation="upsert", booking_id="B2", resident_id="191212121212", care_unit="UNIT", starts_at="2026-12-24 10:00"
    )
    world.advance(RETRY - 1)
    assert world.work() == 0
    world.advance(1 + RETRY / 4)
    assert world.work() == 1
    # And what was in doubt is sent when the spacing since the end of the lease is over
    world.advance(SPACING)
    assert world.work() == 1


def test_woken_after_its_lease_it_makes_no_call(new_world: Callable[..., World]) -> None:
    # Given a worker that froze before its call, and another that called since
    world = new_world()
    outgoing = write_and_take(world)
    world.advance(LEASE)
    world.work()
    world.advance(SPACING)
    assert world.work() == 1
    # When it wakes
    calls = world.calls
    did = world.wake(outgoing)
    # Then it does not call
    assert did == "did not call"
    assert world.calls == calls
    assert world.core.breaches() == []


def test_woken_when_too_little_is_left_of_its_lease_it_gives_the_lane_back(new_world: Callable[..., World]) -> None:
    # Given a worker that froze for longer than the lease has to spare, and nobody who took the lane since
    world = new_world()
    outgoing = write_and_take(world)
    world.advance(11)
    # When it wakes
    assert world.wake(outgoing) == "did not call"
    # Then the post counts as not sent, and goes out at once
    assert world.work() == 1


def test_woken_after_its_call_it_writes_nothing(new_world: Callable[..., World]) -> None:
    # Given a worker that froze after a call that was accepted, and another that has the lane since
    world = new_world()
    outgoing = write_and_take(world)
    verdict = world.call(outgoing)
    world.advance(LEASE)
    world.work()
    before = list(world.outbox.execute("SELECT * FROM ei_lane")), list(world.outbox.execute("SELECT * FROM ei_post"))
    # When it wakes and would record that
    assert world.wake(outgoing, verdict) == "wrote nothing"
    # Then nothing of it stands: the post is in doubt, and is sent again when the spacing allows
    after = list(world.outbox.execute("SELECT * FROM ei_lane")), list(world.outbox.execute("SELECT * FROM ei_post"))
    assert after == before
    assert known(world) == UNKNOWN
    world.settle()
    rows = [{"operation": "upsert", "booking_id": "B1", "resident_id": "191212121212", "care_unit": "UNIT",
             "starts_at": "2026-12-24 10:00"}]  # fmt: skip
    assert world.index() == expected(rows, SYSTEMS, world.now()).posts
    assert world.core.breaches() == []


@pytest.mark.parametrize("moment", range(1, 9))
def test_killed_at_any_moment_nothing_is_lost(new_world: Callable[..., World], moment: int) -> None:
    """Invariants 1 and 2, and R-32: a kill before or after each commit and each call."""
    # Given a booking that was just written
    world = new_world()
    row = {"operation": "upsert", "booking_id": "B1", "resident_id": "191212121212", "care_unit": "UNIT",
           "starts_at": "2026-12-24 10:00"}  # fmt: skip
    world.write(**row)
    # When the worker is killed at this moment, and another goes on
    world.fate.countdown = moment
    world.work()
    world.settle()
    # Then the row has its outcome, the index its post, and no rule was broken
    should = expected([row], SYSTEMS, world.now())
    assert world.index() == should.posts
    assert [outcome for _, outcome, _ in world.outcomes()] == should.outcomes
    assert world.core.breaches() == []
