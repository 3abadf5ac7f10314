"""What operators do to posts, seen from the index: the same state again, nothing twice, nothing too soon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from relay.flow.actions import operations
from relay.flow.actions.operations import Request
from relay.flow.actions.selector import SelectionError
from relay.sandbox.orders import Order
from relay.store import audit, overview
from relay.store.selection import Selection
from tests.simulation.world import SPACING, World

BY = Request("anna", "reprocess", "the index was restored from a backup")
TIDBOK = Selection(source="tidbok")


def book(world: World, booking: str, days: int = 30, resident: str = "191212121212") -> None:
    starts_at = (world.now() + timedelta(days=days)).replace(tzinfo=None, microsecond=0)
    world.write(
        operation="upsert", booking_id=booking, resident_id=resident, care_unit="SE2321000016-1HZ5",
        starts_at=starts_at.isoformat(),
    )  # fmt: skip


def states(world: World) -> dict[str, int]:
    return {state: n for _, state, n in world.relay.store.transact(overview.posts_by_state)}


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """Three bookings in the index."""
    world = new_world()
    for n in range(3):
        book(world, f"B{n}")
    world.settle()
    return world


def test_a_reprocess_gives_back_what_the_index_has_lost(world: World) -> None:
    """R-32, R-34: the same posts with the same mostRecentContent, in bulk, each key once and none too soon."""
    # given
    held = world.index()
    world.core.reset()
    assert world.index() == {}

    # when
    done = operations.reprocess(world.relay.store, TIDBOK, BY)
    again = operations.reprocess(world.relay.store, TIDBOK, BY)

    # then
    assert done == {"matched": 3, "resent": 3, "waiting": 0, "run": 1}
    assert again == {"matched": 3, "resent": 0, "waiting": 3, "run": 2}
    assert world.work() == 0, "the keys were sent a moment ago"
    world.advance(SPACING)
    world.settle()
    assert world.index() == held
    assert [call["posts"] for call in world.core.calls()] == [3]
    assert not world.core.breaches()


def test_a_dry_run_changes_nothing(world: World) -> None:
    done = operations.reprocess(world.relay.store, TIDBOK, BY, dry_run=True)

    assert done == {"matched": 3, "resent": 0, "waiting": 0}
    assert not world.is_busy()
    assert world.relay.store.transact(lambda tx: audit.latest(tx, 9)) == []


def test_an_empty_selection_is_refused(world: World) -> None:
    for dry_run in (False, True):
        with pytest.raises(SelectionError, match="nothing is selected"):
            operations.reprocess(world.relay.store, Selection(), BY, dry_run=dry_run)
    assert not world.is_busy()


def test_the_audit_log_says_what_was_asked_and_what_came_of_it(world: World) -> None:
    operations.reprocess(world.relay.store, TIDBOK, BY)

    ended, asked = world.relay.store.transact(lambda tx: audit.latest(tx, 9))
    assert (asked.who, asked.command, asked.reason) == (BY.who, "reprocess", BY.reason)
    assert asked.subject == "source=tidbok state=indexed,pending,parked"
    assert ended.command == "reprocess ended"
    assert ended.subject == f"matched=3 resent=3 {asked.subject}"


def test_deletes_are_sent_again_only_where_absent_posts_are_asked_for(world: World) -> None:
    world.write(operation="remove", booking_id="B0")
    world.settle()

    assert operations.reprocess(world.relay.store, TIDBOK, BY, dry_run=True)["matched"] == 2
    gone = Selection(booking="B0", state=("absent",))
    assert operations.reprocess(world.relay.store, gone, BY)["resent"] == 1
    world.advance(SPACING)
    world.settle()
    assert len(world.index()) == 2


def parked_change(world: World, booking: str) -> None:
    """A rebooking that the index refuses."""
    world.advance(SPACING)
    world.core.order(Order(answer="fault", text="EI004: too long", booking_id=booking))
    book(world, booking, days=40)
    world.settle()
    assert states(world)["parked"] == 1


def test_a_retry_sends_what_was_refused(world: World) -> None:
    parked_change(world, "B1")
    world.core.cancel_orders()

    assert operations.retry(world.relay.store, Selection(code="EI004"), BY, bulk=False) == 1
    world.settle()

    assert states(world) == {"indexed": 3}
    assert not world.core.breaches()


def test_a_discarded_change_leaves_the_index_as_it_is_until_the_booking_changes(world: World) -> None:
    held = world.index()
    parked_change(world, "B1")
    world.core.cancel_orders()
    before = world.calls

    # when it is discarded, nothing is sent
    assert operations.discard(world.relay.store, Selection(booking="B1"), BY) == 1
    world.advance(SPACING)
    world.settle()
    assert (world.index(), world.calls, states(world)) == (held, before, {"indexed": 2, "discarded": 1})

    # and not by a reprocess of everything either, unless it is asked for by name
    assert operations.reprocess(world.relay.store, TIDBOK, BY, dry_run=True)["matched"] == 2

    # when the booking is removed, the post that the index still holds goes
    world.write(operation="remove", booking_id="B1")
    world.settle()
    assert len(world.index()) == 2
    assert states(world) == {"indexed": 2, "absent": 1}


def test_a_discarded_post_expires_like_any_other(world: World) -> None:
    """R-22"""
    parked_change(world, "B1")
    operations.discard(world.relay.store, Selection(booking="B1"), BY)
    world.core.cancel_orders()

    world.advance(timedelta(days=41).total_seconds())
    world.settle()

    assert world.index() == {}
    assert states(world) == {"absent": 3}
