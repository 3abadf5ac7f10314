"""Bulk (R-34): its pace, and that it never delays live changes; sources that leave or change their HSA-id."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from relay.flow.actions import move as move_flow
from relay.flow.publishing import republish
from relay.flow.publishing.rules import retired
from relay.store import sources
from tests.simulation.test_lists import NORTH, bookings, minutes
from tests.simulation.world import SPACING, START, SYSTEMS, World

NewWorld = Callable[..., World]
MANY = 3500
OLD, NEW = SYSTEMS


def book(world: World, *ids: str, **said: object) -> None:
    row = {"operation": "upsert", "resident_id": "191212121212", "care_unit": NORTH, "starts_at": "2026-12-24T10:00:00"}
    for booking_id in ids:
        world.write(**(row | {"booking_id": booking_id} | said))


def calls(world: World, since: float) -> list[tuple[float, int]]:
    """When each call since then began, in seconds, and how many posts it carried."""
    asked = "SELECT started_at, posts FROM ei_call ORDER BY id"
    found = [(world.instant(at) - START).total_seconds() for at, _ in world.outbox.execute(asked)]
    sizes = [posts for _, posts in world.outbox.execute(asked)]
    return [(at, n) for at, n in zip(found, sizes, strict=True) if at >= since]


def work_until(world: World, done: Callable[[], bool]) -> None:
    """Let the relay work twice a second until it is done; within some minutes."""
    for _ in range(600):
        if done():
            return
        world.work()
        world.advance(0.5)
    raise AssertionError("it never came to an end")


@pytest.fixture
def resend(new_world: NewWorld, tmp_path: Path) -> World:
    """A world whose many bookings are about to be published in bulk, their unit being switched on; and one booking of
    another unit that is published. A post may go alone here: company would blur what is live and what is bulk."""
    units = tmp_path / "units.csv"
    units.write_text(f"hsa_id,active\n{NORTH},false\nUNIT-LIVE,true\n")
    world = new_world(care_units=str(units), index={"min_posts_per_call": 1})
    book(world, "B-live", care_unit="UNIT-LIVE")
    book(world, *(f"B-{n}" for n in range(MANY)))
    minutes(world, SPACING / 60 + 4)
    units.write_text(units.read_text().replace("false", "true"))  # what only adds is followed at the next look
    return world


def test_a_resend_keeps_its_pace_and_a_cancellation_goes_in_the_next_call(resend: World) -> None:
    """R-34, R-33: calls of bulk at least 5 s apart and at most 1000 posts, no key twice; live changes between them."""
    world, since = resend, resend.seconds
    # Given a resend that has begun
    work_until(world, lambda: bool(calls(world, since)))
    # When a booking is cancelled and another one made
    world.write(operation="remove", booking_id="B-live")
    book(world, "B-new", care_unit="UNIT-LIVE")
    asked = world.seconds
    world.work()
    # Then they are in the next call, at once and alone
    first, live = calls(world, since)
    assert first[1] == 1000
    assert live[1] == 2
    assert live[0] - asked < 1
    assert "B-live" not in bookings(world)
    assert "B-new" in bookings(world)
    # And the rest goes on at its pace to the end, every post once
    work_until(world, lambda: not world.is_busy())
    bulk = [call for call in calls(world, since) if call != live]
    assert [posts for _, posts in bulk] == [1000, 1000, 1000, MANY - 3000]
    assert all(later - earlier >= 5 for (earlier, _), (later, _) in pairwise(bulk))
    assert all(later - earlier < 7 for (earlier, _), (later, _) in pairwise(bulk))
    assert len(bookings(world)) == MANY + 1
    assert world.core.breaches() == []


def test_a_change_of_a_booking_that_waits_in_bulk_goes_live(resend: World) -> None:
    """Its post is sent once, as it is now."""
    world, since = resend, resend.seconds
    work_until(world, lambda: bool(calls(world, since)))
    last = world.outbox.execute(
        "SELECT booking_id FROM ei_post WHERE bulk AND wanted <> known ORDER BY id DESC LIMIT 1"
    )
    (booking_id,) = last.fetchone()
    book(world, booking_id, starts_at="2026-12-23T09:00:00")
    world.work()
    assert calls(world, since)[-1][1] == 1
    assert {key[2]: content for key, content in world.index().items()}[booking_id] == "20261223090000"
    world.settle()
    assert world.core.breaches() == []


def retire(world: World) -> None:
    rules = retired("tidbok")

    def begin(tx) -> None:  # type: ignore[no-untyped-def]
        sources.retire(tx, "tidbok", retired=True)
        sources.begin_reevaluation(tx, "tidbok", rules.fingerprint)

    world.relay.store.transact(begin)


def test_a_retired_source_has_its_posts_removed_and_stays_away(new_world: NewWorld) -> None:
    world = new_world()
    book(world, "B-1", "B-2")
    minutes(world, SPACING / 60 + 3)
    # When it is retired, and workers are left to do it
    retire(world)
    minutes(world, 1)
    # Then its posts are gone, in bulk
    assert bookings(world) == set()
    # And what it writes later is taken and not published
    book(world, "B-3")
    minutes(world, 3)
    assert bookings(world) == set()
    assert world.outcomes()[-1][1:] == ("taken", "not published: the source is retired")
    # And when it is back, all of it is published
    world.relay.store.transact(lambda tx: sources.retire(tx, "tidbok", retired=False))
    minutes(world, SPACING / 60 + 4)
    assert bookings(world) == {"B-1", "B-2", "B-3"}
    assert world.core.breaches() == []


def test_a_new_hsa_id_moves_the_posts(new_world: NewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-10: delete under the old id and create under the new, though the old one is no longer configured."""
    monkeypatch.setattr("relay.flow.publishing.republish.PAGE", 2)
    world = new_world(source_systems=[OLD])
    book(world, "B-1", "B-2", "B-3", "B-4")
    world.write(operation="remove", booking_id="B-4")
    minutes(world, SPACING / 60 + 3)
    # When the source is given the new one only, and its bookings are moved
    world.reconfigure(source_systems=[NEW])
    rules = world.relay.source("tidbok").policies.rules()
    planned = list(move_flow.plan(world.relay.store, rules, OLD, NEW))
    assert sum(page.total.moved for page in planned) == 3
    assert {key[3] for key in world.index()} == {OLD}
    done = list(move_flow.move(world.relay.store, rules, OLD, NEW))
    assert sum(page.total.moved for page in done) == 3
    minutes(world, 1)
    # Then each has its post under the new one, and none under the old
    assert {(key[2], key[3]) for key in world.index()} == {("B-1", NEW), ("B-2", NEW), ("B-3", NEW)}
    # And doing it again does nothing
    assert not any(page.changes for page in move_flow.move(world.relay.store, rules, OLD, NEW))
    assert world.core.breaches() == []


def test_a_source_system_that_is_no_longer_configured_still_loses_what_has_passed(new_world: NewWorld) -> None:
    """R-22: a lane is served as long as its index is configured."""
    world = new_world(source_systems=[OLD])
    book(world, "B-1", starts_at="2026-11-23T10:00:00")
    minutes(world, 3)
    world.reconfigure(source_systems=[NEW])
    minutes(world, 3)
    assert bookings(world) == {"B-1"}
    world.advance(2 * 3600)
    minutes(world, 12)  # a lone delete waits ten minutes for company
    assert bookings(world) == set()


def test_a_page_evaluated_by_other_rules_is_not_written(new_world: NewWorld) -> None:
    world = new_world()
    book(world, "B-1")
    minutes(world, 3)
    with pytest.raises(republish.RulesChanged):
        republish.republish(world.relay.store, retired("tidbok"), "")
    assert bookings(world) == {"B-1"}
