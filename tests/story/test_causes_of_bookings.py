"""Each cause in the booking that can keep it from 1177: made on a real relay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from relay.flow.maintenance.retention import prune
from relay.store import sources
from tests.simulation.world import SPACING, World
from tests.story.asking import UNIT, ask, book, last_line, makes, why

NewWorld = Callable[..., World]


@makes("in_index")
def test_a_booking_in_the_index(world: World) -> None:
    book(world)
    world.settle()
    assert last_line(world) == "It is in the index."
    assert (why(world).answer.in_index, why(world).answer.reason) == (True, "in_index")


@makes("cancelled")
def test_a_cancelled_booking(world: World) -> None:
    book(world)
    world.settle()
    world.advance(SPACING)
    world.write(operation="remove", booking_id="B1")
    world.settle()
    assert last_line(world) == "It is not in the index, because it was cancelled by row 2; nothing to do."


def test_a_cancelled_booking_that_is_there_still(world: World) -> None:
    book(world)
    world.work()
    world.write(operation="remove", booking_id="B1")
    world.work()
    assert last_line(world) == "It is in the index and will be gone by 08:06, because it was cancelled by row 2."


def test_a_cancelled_booking_whose_row_waits(world: World) -> None:
    book(world)
    world.settle()
    world.advance(SPACING)
    world.work()
    world.write(operation="remove", booking_id="B1")
    assert last_line(world).startswith(
        "It is in the index and will be gone by 08:06, because it was cancelled by row 2"
    )


@makes("not_presentable")
def test_a_hidden_booking(world: World) -> None:
    book(world, presentable=0)
    world.settle()
    assert last_line(world) == (
        "It is not in the index, because it is not presentable: presentable is false (R-20 b); have the booking system "
        "write it with presentable true when it may be shown."
    )


@makes("past")
def test_a_booking_in_the_past(world: World) -> None:
    book(world, days=-1)
    world.settle()
    line = last_line(world)
    assert line.startswith(
        "It is not in the index, because it is past: its start time passed at 2026-11-22 07:00 (R-20 a"
    )
    assert line.endswith("; nothing to do.")


def test_a_booking_whose_time_passed_while_it_was_there(world: World) -> None:
    book(world, days=0.5)
    world.settle()
    world.advance(86_400)
    world.settle()
    assert "because it is past: its start time passed at" in last_line(world)


@makes("expired")
def test_an_invitation_whose_validity_ended(world: World) -> None:
    book(world, kind="invitation", valid_until="2026-11-22T12:00:00")
    world.settle()
    assert "because it has expired: its valid_until passed at 2026-11-22 12:00 (R-22)" in last_line(world)


@makes("unit_not_connected")
def test_a_unit_that_is_not_on_the_list(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("hsa_id,active\nSE2321000016-AAAA,true\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    book(world)
    world.settle()
    line = last_line(world)
    assert line.startswith(
        f"It is not in the index, because the care unit {UNIT} is not connected: it is not in {units} of 20"
    )
    assert why(world).answer.reason == "unit_not_connected"


@makes("unit_inactive")
def test_a_unit_that_is_switched_off(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text(f"hsa_id,active\n{UNIT},false\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    book(world)
    world.settle()
    assert "says that it is not active (R-20 c); set active to true" in last_line(world)


@makes("lists_unreadable")
def test_a_list_that_cannot_be_read(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("hsa\n", encoding="utf-8")
    world = new_world(care_units=units)
    book(world)
    world.work()
    line = last_line(world)
    assert "row 1 waits unread: care_units" in line
    assert "correct the list" in line


@makes("lists_changed")
def test_a_unit_that_has_just_been_connected(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("hsa_id\nSE2321000016-AAAA\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    book(world)
    world.settle()
    units.write_text(f"hsa_id\nSE2321000016-AAAA\n{UNIT}\n", encoding="utf-8")
    assert last_line(world) == "It will be in the index by 08:03."
    assert why(world).answer.reason == "lists_changed"


@makes("not_test_resident")
def test_a_resident_who_is_no_test_resident(new_world: NewWorld, tmp_path: Path) -> None:
    residents = tmp_path / "residents.txt"
    residents.write_text("201212121212\n", encoding="utf-8")
    world = new_world(test_residents=residents)
    world.work()
    book(world)
    world.settle()
    assert f"not one of the test identities allowed here ({residents} of 20" in last_line(world)


@makes("local_identity")
def test_a_local_reserve_identity(new_world: NewWorld) -> None:
    world = new_world(local_identities="99[0-9]{10}")
    world.work()
    book(world, resident_id="991234567890")
    world.settle()
    assert "because resident_id is a local reserve identity, which is never sent (R-07)" in last_line(world)


@makes("unstorable")
def test_a_data_controller_that_the_index_cannot_store(world: World) -> None:
    """As an earlier release took it."""
    book(world, data_controller="SE1")
    world.settle()
    ask(world, "UPDATE ei_booking SET data_controller = ?", "\U0001f3e5")
    line = last_line(world)
    assert "because its booking_id or data_controller has characters beyond U+FFFF, which the index loses" in line


@makes("source_retired")
def test_a_source_that_is_retired(world: World) -> None:
    world.relay.store.transact(lambda tx: sources.retire(tx, "tidbok", retired=True))
    book(world)
    world.settle()
    assert "because the source tidbok is retired since 08:00; `ei-relay sources restore tidbok`" in last_line(world)


@makes("forgotten")
def test_a_booking_that_is_forgotten(world: World) -> None:
    book(world, days=1)
    world.settle()
    world.advance(200 * 86_400)
    world.work()
    world.settle()
    prune(world.relay, lambda: False)
    line = last_line(world)
    assert line.startswith("It is not in the index, because it was over at 2026-11-24 ")
    assert "its data have been deleted" in line
