"""The lists an operator keeps, followed by running workers: care units (R-20), test residents (R-55), and local reserve
identities (R-07)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.simulation.world import SPACING, World

TOLVAN, OTHER, LOCAL = "191212121212", "195712130011", "991234567890"
NORTH, SOUTH = "UNIT-NORTH", "UNIT-SOUTH"
NewWorld = Callable[..., World]


def book(world: World, booking_id: str, resident_id: str = TOLVAN, care_unit: str = NORTH) -> None:
    world.write(
        operation="upsert",
        booking_id=booking_id,
        resident_id=resident_id,
        care_unit=care_unit,
        starts_at="2026-12-24T10:00:00",
    )


def minutes(world: World, number: float) -> None:
    """Let minutes pass in which the relay works every few seconds."""
    end = world.seconds + number * 60
    while world.seconds < end:
        world.work()
        world.advance(min(5.0, end - world.seconds))
    world.work()


def bookings(world: World) -> set[str]:
    """The bookings that have a post in the index."""
    return {key[2] for key in world.index()}


def controllers(world: World) -> dict[str, str]:
    return {key[2]: key[4] for key in world.index()}


def reasons(world: World) -> list[tuple[str | None, str | None]]:
    return [(outcome, reason) for _, outcome, reason in world.outcomes()]


@pytest.fixture
def new_world(new_world: NewWorld) -> NewWorld:
    """Worlds in which a post may go alone and is said once: what is told here is what the lists change."""
    return partial(new_world, index={"min_posts_per_call": 1})


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A list of two units, of which the south is not connected."""
    file = tmp_path / "units.csv"
    file.write_text(f"hsa_id,active,data_controller\n{NORTH},true,\n{SOUTH},false,\n")
    return file


@pytest.fixture
def world(new_world: NewWorld, units: Path) -> World:
    """A world with that list, one booking at each unit, at rest."""
    world = new_world(care_units=str(units))
    book(world, "B-north")
    book(world, "B-south", care_unit=SOUTH)
    minutes(world, 3)
    return world


def test_a_row_of_an_inactive_unit_is_taken_and_not_published(world: World) -> None:
    assert reasons(world) == [("taken", None), ("taken", "not published: care_unit is not an active unit")]
    assert bookings(world) == {"B-north"}


def test_a_unit_that_becomes_active_has_its_bookings_published_in_bulk(
    world: World, units: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    # When the south is switched on in the file
    units.write_text(units.read_text().replace("false", "true"))
    calls = world.calls
    minutes(world, 3)
    # Then its booking is published, in bulk, and the north's is not sent again
    assert bookings(world) == {"B-north", "B-south"}
    assert world.calls == calls + 1
    assert world.outbox.execute("SELECT bulk FROM ei_post WHERE booking_id = 'B-south'").fetchone() == (1,)
    # And it is told of
    (told,) = [record for record in caplog.records if record.getMessage() == "bookings re-evaluated"]
    assert (told.source, told.posts_created) == ("tidbok", 1)
    # And then nothing more is sent
    minutes(world, 10)
    assert world.calls == calls + 1
    assert world.core.breaches() == []


def test_a_unit_that_is_switched_off_has_its_posts_removed(world: World, units: Path) -> None:
    units.write_text(units.read_text().replace("true", "nej"))
    minutes(world, SPACING / 60 + 3)
    assert bookings(world) == set()


def test_another_data_controller_is_a_delete_and_a_create(world: World, units: Path) -> None:
    """R-10: and the new post is created with the delete of the old one, not after."""
    units.write_text(units.read_text().replace("true,", "true,SE999"))
    minutes(world, SPACING / 60 + 3)
    assert controllers(world) == {"B-north": "SE999"}


def test_another_order_or_address_is_no_change(world: World, units: Path) -> None:
    before = world.outbox.execute("SELECT weighed_by FROM ei_source").fetchone()
    units.write_text(f"hsa_id,address,active\n{SOUTH},Storgatan 1,0\n{NORTH},,1\n")
    calls = world.calls
    minutes(world, 5)
    assert world.calls == calls
    assert world.outbox.execute("SELECT weighed_by FROM ei_source").fetchone() == before


def test_a_change_that_is_taken_back_at_once_sends_nothing(world: World, units: Path) -> None:
    """A list caught half written must not send a region's bookings away and back."""
    whole = units.read_text()
    units.write_text("hsa_id,active\n")
    minutes(world, 1)
    calls = world.calls
    units.write_text(whole)
    minutes(world, 10)
    assert world.calls == calls
    assert bookings(world) == {"B-north"}


def test_a_row_is_judged_by_the_list_that_stands_while_another_is_half_written(world: World, units: Path) -> None:
    # Given a row that comes while the list is half written
    whole = units.read_text()
    units.write_text("hsa_id,active\n")
    book(world, "B-late")
    world.work()
    # Then it is published, and nothing changes when the list is whole again
    assert reasons(world)[-1] == ("taken", None)
    units.write_text(whole)
    minutes(world, 3)
    assert bookings(world) == {"B-north", "B-late"}


def test_a_unit_that_is_added_counts_at_once(world: World, units: Path) -> None:
    """What only adds can take nothing away, so nobody has to wait for a second look."""
    units.write_text(units.read_text() + "UNIT-WEST,true,\n")
    book(world, "B-west", care_unit="UNIT-WEST")
    minutes(world, 0.5)
    assert bookings(world) == {"B-north", "B-west"}


def test_a_list_that_became_wrong_changes_nothing_and_is_told_of(
    world: World, units: Path, caplog: pytest.LogCaptureFixture
) -> None:
    units.write_text("hsa_id,active\nA B,true\n")
    book(world, "B-new")
    minutes(world, 3)
    assert bookings(world) == {"B-north", "B-new"}
    (line,) = [r.getMessage() for r in caplog.records if "a list is wrong" in r.getMessage()]
    assert "the list read before stands: care_units" in line
    assert "line 2: hsa_id: expected" in line
    (error,) = world.outbox.execute("SELECT policy_error FROM ei_source").fetchone()
    assert "line 2: hsa_id: expected" in error
    # And when it is right again, that is noted too
    units.write_text(f"hsa_id\n{SOUTH}\n")
    minutes(world, SPACING / 60 + 4)
    assert world.outbox.execute("SELECT policy_error FROM ei_source").fetchone() == (None,)
    assert bookings(world) == {"B-south"}


def test_a_list_that_was_never_right_leaves_rows_unread(new_world: NewWorld, tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    file.write_text("what\n")
    world = new_world(care_units=str(file))
    book(world, "B-1")
    minutes(world, 1)
    assert reasons(world) == [(None, None)]
    (error,) = world.outbox.execute("SELECT error FROM ei_source").fetchone()
    assert "header: expected a first line that names the columns" in error
    file.write_text(f"hsa_id\n{NORTH}\n")
    minutes(world, 3)
    assert bookings(world) == {"B-1"}


def test_a_worker_that_dies_while_reevaluating_goes_on_where_it_was(
    new_world: NewWorld, units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given many bookings of an inactive unit, and pages of ten
    monkeypatch.setattr("relay.flow.publishing.republish.PAGE", 10)
    world = new_world(care_units=str(units))
    for number in range(35):
        book(world, f"B-{number:02}", care_unit=SOUTH)
    minutes(world, 3)
    # When it is switched on and the worker dies again and again
    units.write_text(units.read_text().replace("false", "true"))
    for _ in range(60):
        world.fate.countdown = 4
        world.work()
        world.fate.countdown = None
        world.advance(5)
    minutes(world, 5)
    world.settle()
    # Then all are published
    assert len(bookings(world)) == 35
    assert world.core.breaches() == []


def test_in_qa_only_listed_identities_are_published(new_world: NewWorld, tmp_path: Path) -> None:
    """R-55"""
    # Given a list of one identity
    residents = tmp_path / "residents.txt"
    residents.write_text(f"{TOLVAN}\n")
    world = new_world(test_residents=str(residents))
    # When bookings of it and of another come
    book(world, "B-listed")
    book(world, "B-other", OTHER)
    minutes(world, 3)
    # Then the other's is taken, with the reason, and never sent
    assert reasons(world) == [
        ("taken", None),
        ("taken", "not published: resident_id is not one of the test identities allowed here"),
    ]
    assert sent_residents(world) == {TOLVAN}
    # When the list changes
    residents.write_text(f"{OTHER}\n")
    minutes(world, SPACING / 60 + 3)
    # Then running workers follow it
    assert bookings(world) == {"B-other"}


def test_in_production_the_list_is_ignored(new_world: NewWorld, tmp_path: Path) -> None:
    residents = tmp_path / "residents.txt"
    residents.write_text(f"{TOLVAN}\n")
    world = new_world(test_residents=str(residents), environment="production")
    book(world, "B-other", OTHER)
    minutes(world, 1)
    assert bookings(world) == {"B-other"}


def test_a_local_identity_is_remembered_and_never_sent(new_world: NewWorld) -> None:
    """R-07: published when the booking comes again with a national identity, and gone if it is local again."""
    # Given a source with local reserve identities
    world = new_world(local_identities="99[0-9]{10}|LOCAL-[A-Z0-9]{1,20}")
    # When bookings come with such ones
    book(world, "B-1", LOCAL)
    book(world, "B-2", "LOCAL-REGION0000000042")
    minutes(world, 3)
    # Then they are taken, with the reason, and not sent
    local = ("taken", "not published: resident_id is a local reserve identity")
    assert reasons(world) == [local, local]
    assert sent_residents(world) == set()
    # When one gets a national identity
    book(world, "B-1")
    minutes(world, 1)
    # Then it is published
    assert bookings(world) == {"B-1"}
    # And when it is local again its post goes
    book(world, "B-1", LOCAL)
    minutes(world, SPACING / 60 + 1)
    assert bookings(world) == set()
    assert sent_residents(world) == {TOLVAN}
    assert not re.search("99123|LOCAL", str(reasons(world)))


def test_a_local_identity_is_rejected_where_the_source_has_no_pattern(new_world: NewWorld) -> None:
    world = new_world()
    book(world, "B-1", LOCAL)
    world.work()
    ((outcome, reason),) = reasons(world)
    assert outcome == "rejected"
    assert "resident_id" in (reason or "")


def test_a_local_identity_stays_unsent_when_the_pattern_is_gone(new_world: NewWorld) -> None:
    """R-07: what was remembered by an earlier configuration."""
    world = new_world(local_identities="99[0-9]{10}")
    book(world, "B-1", LOCAL)
    minutes(world, 3)
    world.reconfigure(local_identities="")
    minutes(world, 3)
    assert sent_residents(world) == set()


def test_another_data_controller_of_the_source_moves_its_posts(new_world: NewWorld) -> None:
    """A changed configuration is followed as a changed list is; here the data controller of the source."""
    world = new_world()
    book(world, "B-1")
    minutes(world, 3)
    world.reconfigure(data_controller="SE-OTHER")
    minutes(world, SPACING / 60 + 3)
    assert controllers(world) == {"B-1": "SE-OTHER"}
    assert world.core.breaches() == []


def sent_residents(world: World) -> set[str]:
    """Whose posts any call ever carried."""
    asked = "SELECT DISTINCT resident_id FROM ei_post WHERE call_id IS NOT NULL"
    return {resident for (resident,) in world.outbox.execute(asked)}
