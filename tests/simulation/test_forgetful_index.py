"""An index whose back end dies and forgets what it gathered in memory, though it had answered OK.

What the sandbox here does is what was measured of the real one: a call of one post waits in memory for others and is
lost with it, a call of two or more is not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from relay.sandbox.collector import Collect
from tests.simulation.bookings import expected
from tests.simulation.world import SPACING, SYSTEMS, World

NewWorld = Callable[..., World]
GATHERS = Collect(5.0, 10)
MINUTE = 60.0
DAY = 24 * 3600.0
UNIT = "SE2321000016-1HZ5"
OFF = {"min_posts_per_call": 1, "refresh_every": 0}


def booked(booking: str, starts_at: str = "2026-12-24T10:00:00") -> dict[str, object]:
    return {
        "operation": "upsert", "booking_id": booking, "resident_id": "191212121212", "care_unit": UNIT,
        "starts_at": starts_at,
    }  # fmt: skip


def cancelled(booking: str) -> dict[str, object]:
    return {"operation": "remove", "booking_id": booking}


def passes(world: World, seconds: float, step: float = 1.0) -> None:
    """Time passes, with a tick every step."""
    end = world.seconds + seconds
    while world.seconds < end:
        world.work()
        world.advance(min(step, max(end - world.seconds, 0.001)))


def sizes(world: World) -> list[int]:
    """How many posts each call carried."""
    return [call["posts"] for call in world.core.calls()]


def said(world: World) -> list[tuple[int, int]]:
    """(posts, deletes) of each call."""
    return [(call["posts"], call["deletes"]) for call in world.core.calls()]


def held_by_index(world: World) -> set[str]:
    """The bookings that the index holds posts of."""
    return {key[2] for key in world.index()}


def unconfirmed(world: World) -> set[str]:
    asked = "SELECT booking_id FROM ei_post WHERE unconfirmed > 0 AND wanted = known"
    return {booking for (booking,) in world.outbox.execute(asked)}


def settled(world: World, *bookings: str) -> None:
    """These bookings are in the index, and their spacing is over."""
    for booking in bookings:
        world.write(**booked(booking))
    world.work()
    passes(world, SPACING + 10, step=10.0)


def random_life(world: World, seed: int) -> list[dict[str, object]]:
    """Four hundred rows: bookings made, moved in time and cancelled, one every few seconds to minutes; the index's back
    end dies after each twelfth."""
    dice = random.Random(seed)
    written: list[dict[str, object]] = []
    alive: list[str] = []
    for number in range(400):
        kind = dice.random()
        if kind < 0.55 or not alive:
            alive.append(f"B{number}")
            row = booked(alive[-1], f"2026-12-{dice.randint(1, 28):02}T{dice.randint(8, 16):02}:00:00")
        elif kind < 0.75:
            row = booked(dice.choice(alive), f"2026-12-{dice.randint(1, 28):02}T{dice.randint(8, 16):02}:30:00")
        else:
            row = cancelled(alive.pop(dice.randrange(len(alive))))
        world.write(**row)
        written.append(row)
        passes(world, dice.choice((1, 4, 20, 45)), step=2.0)
        if number % 12 == 11:
            world.core.back_end_dies()
    world.core.back_end_dies()
    world.confirm()
    return written


@pytest.mark.parametrize("seed", [1, 2])
def test_random_life_while_the_back_end_dies_again_and_again_ends_equal(new_world: NewWorld, seed: int) -> None:
    """0 lost, 0 ghosts, 0 wrong, and no rule broken (R-30 to R-35)."""
    world = new_world(GATHERS)
    rows = random_life(world, seed)
    assert world.index() == expected(rows, SYSTEMS, world.now()).posts
    assert world.core.breaches() == []


def test_without_company_the_same_life_ends_wrong(new_world: NewWorld) -> None:
    world = new_world(GATHERS, index=OFF)
    rows = random_life(world, 1)
    assert world.index() != expected(rows, SYSTEMS, world.now()).posts


def test_company_costs_no_call_and_at_most_twice_the_posts(new_world: NewWorld) -> None:
    """A booking a second for twenty minutes."""
    seen = []
    for index in (OFF, {}):
        world = new_world(GATHERS, index=index)
        for number in range(1200):
            world.write(**booked(f"B{number}"))
            world.work()
            world.advance(1)
        passes(world, 2 * SPACING + 60, step=5.0)
        seen.append((len(sizes(world)), sum(sizes(world))))
        assert world.core.breaches() == []
        assert unconfirmed(world) == set() or index is OFF
    (calls, posts), (calls_in_company, posts_in_company) = seen
    assert calls_in_company <= calls
    assert posts_in_company <= 2.1 * posts


def test_the_first_post_goes_alone_once_more_and_then_waits_for_company(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    world.write(**booked("B1"))
    passes(world, SPACING - 1)
    assert sizes(world) == [1]
    assert unconfirmed(world) == {"B1"}
    # When its spacing is over it is said once more, and not again
    passes(world, 3 * 3600, step=30.0)
    assert sizes(world) == [1, 1]
    # And it goes along with the next one, at once
    world.write(**booked("B2"))
    world.work()
    assert sizes(world) == [1, 1, 2]
    assert unconfirmed(world) == set()
    passes(world, 3 * 3600, step=30.0)
    assert sizes(world) == [1, 1, 2]
    assert world.core.summary()["notifications"] == 2
    assert world.core.breaches() == []


def test_what_was_lost_is_back_when_there_is_company(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    for booking in ("B1", "B2"):
        world.write(**booked(booking))
        world.work()
        world.core.back_end_dies()
        world.advance(20)
    assert held_by_index(world) == set()
    # Both were alone, and are company for each other when their spacing is over: by themselves
    passes(world, SPACING + 25)
    assert held_by_index(world) == {"B1", "B2"}
    assert sizes(world) == [1, 1, 2]


def test_a_lone_cancellation_takes_a_present_post_along_at_once(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    settled(world, "B1", "B2", "B3")
    world.write(**cancelled("B1"))
    world.work()
    assert said(world) == [(3, 0), (2, 1)]
    assert held_by_index(world) == {"B2", "B3"}
    # Nobody is notified of the one that went along
    assert world.core.summary()["notifications_by_kind"] == {"new": 3, "changed": 0, "deleted": 1}


def test_a_delete_that_nobody_joins_goes_alone_after_ten_minutes(new_world: NewWorld) -> None:
    """And is said once more in company, and never again (R-33)."""
    world = new_world(GATHERS)
    settled(world, "B1")
    settled(world, "B1")
    before = said(world)
    # Given the only booking there is, cancelled
    world.write(**cancelled("B1"))
    passes(world, 10 * MINUTE - 1)
    assert said(world) == before
    # When nobody came, it goes alone, and may be lost
    passes(world, 2)
    assert said(world) == [*before, (1, 1)]
    world.core.back_end_dies()
    assert held_by_index(world) == {"B1"}
    passes(world, 3 * 3600, step=30.0)
    assert said(world) == [*before, (1, 1)]
    # Then it goes along with the first who comes, at once, and that was it
    world.write(**booked("B2"))
    world.work()
    assert said(world) == [*before, (1, 1), (2, 1)]
    assert held_by_index(world) == {"B2"}
    passes(world, 3 * 3600, step=30.0)
    assert said(world) == [*before, (1, 1), (2, 1)]
    assert world.core.breaches() == []


def test_a_delete_that_nobody_ever_joins_is_said_alone_once_more(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    settled(world, "B1")
    settled(world, "B1")
    before = said(world)
    world.write(**cancelled("B1"))
    passes(world, 20 * MINUTE)
    world.core.back_end_dies()
    passes(world, 9 * DAY, step=600.0)
    assert said(world) == [*before, (1, 1)] or said(world) == [*before, (1, 1), (1, 1)]
    passes(world, 30 * DAY, step=3600.0)
    assert said(world) == [*before, (1, 1), (1, 1)]
    assert unconfirmed(world) == set()


def test_a_held_delete_goes_with_the_first_who_comes(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    settled(world, "B1")
    settled(world, "B1")
    before = said(world)
    world.write(**cancelled("B1"))
    passes(world, 120)
    assert said(world) == before
    world.write(**booked("B2"))
    world.work()
    assert said(world)[len(before) :] == [(2, 1)]
    assert held_by_index(world) == {"B2"}


def test_a_held_delete_goes_when_the_spacing_of_its_company_is_over(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    settled(world, "B1", "B2")
    sent = world.seconds
    world.write(**booked("B2", "2026-12-23T10:00:00"))
    world.work()  # B1 goes along
    passes(world, SPACING + 1, step=10.0)
    world.write(**booked("B2", "2026-12-22T10:00:00"))
    world.write(**booked("B3"))
    world.work()
    sent = world.seconds
    # Given a cancellation whose only company has been sent just now
    passes(world, 100)
    world.write(**cancelled("B1"))
    before = said(world)
    while said(world) == before:
        world.work()
        world.advance(1)
    assert said(world)[len(before) :] == [(2, 1)]
    assert SPACING - 1 <= world.seconds - sent <= SPACING + 3
    assert world.core.breaches() == []


def test_a_held_delete_does_not_have_its_lane_taken_at_every_look(new_world: NewWorld) -> None:
    world = new_world(GATHERS)
    settled(world, "B1")
    settled(world, "B1")
    world.write(**cancelled("B1"))
    world.work()
    token = "SELECT lease_token FROM ei_lane ORDER BY id"
    before = world.outbox.execute(token).fetchall()
    passes(world, 8 * MINUTE)
    assert world.outbox.execute(token).fetchall() == before


def test_a_refresh_brings_back_what_a_restored_index_lacks_and_notifies_nobody_else(new_world: NewWorld) -> None:
    """Evenly, at the pace of bulk (R-34), and with the mostRecentContent that the index has."""
    world = new_world(GATHERS)
    for number in range(120):
        world.write(**booked(f"B{number}"))
    passes(world, MINUTE)
    table = world.core.table_copy()
    for number in range(120, 240):
        world.write(**booked(f"B{number}"))
    passes(world, MINUTE)
    told = world.core.summary()["notifications"]
    # Given an index that was restored from before the last ones
    world.core.restore_table(table)
    assert len(world.index()) == 120
    before = len(sizes(world))
    # When a week passes in which nothing happens
    passes(world, 7 * DAY, step=300.0)
    # Then all are there, and only those were notified of
    assert len(world.index()) == 240
    assert world.core.summary()["notifications"] == told + 120
    # And the calls were few, and far from each other
    refreshes = world.core.calls()[before:]
    assert sum(call["posts"] for call in refreshes) <= 1.3 * 240
    assert all(2 <= call["posts"] <= 50 for call in refreshes)
    assert all(later["started"] - earlier["started"] > DAY for earlier, later in pairwise(refreshes))
    assert world.core.breaches() == []


def test_each_present_post_is_said_again_within_refresh_every(new_world: NewWorld) -> None:
    world = new_world(GATHERS, index={"refresh_every": "2d"})
    for number in range(60):
        world.write(**booked(f"B{number}"))
        passes(world, 2)
    for _ in range(6 * 24):
        passes(world, 3600, step=300.0)
        (oldest,) = world.outbox.execute("SELECT min(sent_at) FROM ei_post").fetchone()
        assert world.now() - world.instant(oldest) <= timedelta(days=2)
    assert world.core.breaches() == []


def test_no_refresh_where_it_is_off(new_world: NewWorld) -> None:
    world = new_world(GATHERS, index={"refresh_every": 0})
    settled(world, "B1", "B2", "B3")
    passes(world, 30 * DAY, step=3600.0)
    assert sizes(world) == [3]
