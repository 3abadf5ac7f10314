"""The index's own traps: a sender that hears nothing but OK and still leaves the index wrong.

Each scenario is run twice against a sandbox that gathers single-post calls as the real index does: with the
spacing between two sends of a key (R-32), and without. With it the index ends right; without it the very same
changes end wrong, which shows that the first test can fail.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.sandbox.collector import Collect
from tests.simulation.bookings import expected
from tests.simulation.world import SPACING, SYSTEMS, World

GATHERS = Collect(5.0, 10)  # quiet seconds and messages as one shipped configuration of the index has them

Rows = list[dict[str, object]]


def booked(booking: str, starts_at: str = "2026-12-24T10:00:00") -> dict[str, object]:
    return {
        "operation": "upsert",
        "booking_id": booking,
        "resident_id": "191212121212",
        "care_unit": "SE2321000016-1HZ5",
        "starts_at": starts_at,
    }


def cancelled(booking: str) -> dict[str, object]:
    return {"operation": "remove", "booking_id": booking}


def ghost() -> list[tuple[float, Rows]]:
    """Trap 2: a create sent alone, then a delete in a call with another post, are applied the other way round."""
    return [(0, [booked("B1")]), (1, [cancelled("B1"), booked("B2")])]


def booked_again() -> list[tuple[float, Rows]]:
    """Trap 3: in one window a delete wins for good, so "cancel, then book again" loses the booking."""
    return [(0, [booked("B1")]), (SPACING + 10, [cancelled("B1")]), (2, [booked("B1")])]


def earlier_time() -> list[tuple[float, Rows]]:
    """Trap 3: in one window a rebooking to an earlier time is lost."""
    return [(0, [booked("B1", "2026-12-24T10:00:00")]), (2, [booked("B1", "2026-12-22T10:00:00")])]


def any_rhythm() -> list[tuple[float, Rows]]:
    """Changes faster and slower than the window, alone and together."""
    story: list[tuple[float, Rows]] = []
    for n, pause in enumerate((0, 1, 4, 6, 0.2, 11, 2, 301, 3, 3, 280, 19, 5, 1)):
        rows = [cancelled("B1") if n % 3 == 2 else booked("B1", f"2026-12-{24 - n}T10:00:00")]
        story.append((pause, rows + ([booked(f"C{n}")] if n % 2 else [])))
    return story


def play(world: World, story: list[tuple[float, Rows]]) -> Rows:
    """Commit the story's rows in its rhythm, working all the while as at a poll interval of a second."""
    written: Rows = []
    for pause, rows in story:
        end = world.seconds + pause
        while world.seconds < end:
            world.advance(min(1.0, end - world.seconds))
            world.work()
        for row in rows:
            world.write(**row)
            written.append(row)
        world.work()
    world.settle()
    world.advance(60)
    return written


STORIES = [ghost, booked_again, earlier_time, any_rhythm]


@pytest.mark.parametrize("story", STORIES)
def test_with_the_spacing_the_index_ends_right(new_world: Callable[..., World], story: Callable[[], list]) -> None:
    """R-32, traps 1 to 4."""
    # Given an index that gathers single-post calls, and the spacing between two sends of a key
    world = new_world(GATHERS, index={"min_posts_per_call": 1})  # company would keep it from gathering
    # When bookings change faster than the index applies them
    rows = play(world, story())
    # Then what the index holds is what the bookings say, and nobody broke a rule
    assert world.index() == expected(rows, SYSTEMS, world.now()).posts
    assert world.core.breaches() == []


@pytest.mark.parametrize("story", STORIES)
def test_without_the_spacing_the_same_story_ends_wrong(
    new_world: Callable[..., World], story: Callable[[], list]
) -> None:
    """R-32: the same changes, every call answered OK, and a wrong index at the end."""
    # Given the same index, and no spacing
    world = new_world(GATHERS, key_spacing=0, index={"min_posts_per_call": 1})
    # When the same bookings change in the same rhythm
    rows = play(world, story())
    # Then the index holds something else than the bookings say
    assert world.index() != expected(rows, SYSTEMS, world.now()).posts
