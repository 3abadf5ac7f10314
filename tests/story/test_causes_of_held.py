"""Each cause with the surge guard that can keep a booking from 1177, or on it: made on a real relay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from relay.flow.intake import hold
from tests.simulation.world import World
from tests.story.asking import MANY, UNIT, book, held_removals, last_line, makes, why

NewWorld = Callable[..., World]


def test_a_removal_that_the_surge_guard_holds(world: World) -> None:
    held_removals(world)
    assert last_line(world) == (
        f"It is still in the index, though it was cancelled by row {MANY + 2}, because it is held by the surge guard, "
        "change 1: 60 posts of 60 would be removed or moved at once, after 0 within the hour; 49 may without asking; "
        "look at it with `ei-relay changes show 1` and approve or reject it."
    )
    assert (why(world).answer.in_index, why(world).answer.reason, why(world).answer.by) == (True, "held", None)
    assert any(e.kind == "cause" and e.facts["reason"] == "held" for e in why(world).events)


@makes("held")
def test_a_held_removal_that_was_rejected(world: World) -> None:
    held_removals(world)
    hold.reject(world.relay.store, 1, "anna", "half a file")
    line = last_line(world)
    assert "because it is held by the surge guard, change 1, which was rejected at 08:0" in line
    assert line.endswith("; `ei-relay changes approve 1` has it followed after all.")


def test_a_held_removal_that_was_approved(world: World) -> None:
    held_removals(world)
    hold.approve(world.relay.store, 1, world.relay.source("tidbok").policies.rules(), "anna", "the clinic closed")
    assert why(world).answer.reason == "cancelled"
    assert last_line(world).startswith("It is in the index and will be gone by 08:")


def test_a_held_removal_of_a_booking_that_is_written_again(world: World) -> None:
    """A newer word lets the booking go."""
    held_removals(world)
    book(world)
    assert why(world).answer.reason != "held"
    world.settle()
    assert last_line(world) == "It is in the index."
    assert why(world, "B2").answer.reason == "held"


def test_a_move_that_the_surge_guard_holds(world: World) -> None:
    """R-10."""
    held_removals(world, care_unit="SE2321000016-2222")
    line = last_line(world)
    assert line.startswith(
        "It is in the index, but not as it should be, because it is held by the surge guard, change 1: 60 posts"
    )
    assert why(world).answer.reason == "held"


def test_a_booking_whose_arrival_the_surge_guard_holds(new_world: NewWorld) -> None:
    world = new_world(environment="production", test_residents=None)
    world.work()
    for n in range(120):
        book(world, f"B{n}", days=30 + n)
    world.settle()
    line = last_line(world, "B119")
    assert line.startswith(
        "It is not in the index, because it is held by the surge guard, change 1: more than 100 new posts within an "
        "hour are for one resident"
    )
    assert line.endswith("; look at it with `ei-relay changes show 1` and approve or reject it.")
    assert (why(world, "B119").answer.in_index, why(world, "B119").answer.reason) == (False, "held")


def test_lists_that_the_surge_guard_holds(new_world: NewWorld, tmp_path: Path) -> None:
    """The booking is judged by the lists from before."""
    units = tmp_path / "units.csv"
    units.write_text(f"hsa_id\n{UNIT}\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    for n in range(MANY):
        book(world, f"B{n}")
    world.settle()
    units.write_text("hsa_id\nSE2321000016-AAAA\n", encoding="utf-8")
    for _ in range(6):
        world.advance(120)
        world.work()
    line = last_line(world)
    assert line.startswith(f"It is still in the index, though the care unit {UNIT} is not connected")
    assert "because the change of the lists is held by the surge guard, change 1: 60 posts would be removed" in line
    assert why(world).answer.reason == "held"
