"""What the relay does not do at once, though its inputs say so: half a list, hosts that differ, mass cancellations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.flow.intake.hold import approve, reject
from relay.flow.maintenance.clockwatch import ClockWatch
from relay.flow.process.heartbeat import Heartbeat
from relay.flow.relay import Relay
from relay.store import changes
from tests.simulation.world import SPACING, World

NewWorld = Callable[..., World]
RESIDENT = "191212121212"


def write_units(file: Path, names: Iterable[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in ("hsa_id", *names)))


def book(world: World, booking_id: str, unit: str = "U-0", starts_at: str = "2026-12-24T10:00:00", **row: str) -> None:
    said = {"resident_id": RESIDENT, "care_unit": unit, "starts_at": starts_at} | row
    world.write(operation="upsert", booking_id=booking_id, **said)


def cancel(world: World, booking_id: str) -> None:
    world.write(operation="remove", booking_id=booking_id)


def minutes(world: World, number: float, step: float = 20.0) -> None:
    end = world.seconds + number * 60
    while world.seconds < end:
        world.work()
        world.advance(min(step, end - world.seconds))
    world.work()


def shown(world: World) -> set[str]:
    return {key[2] for key in world.index()}


def held(world: World) -> list[Any]:
    return world.relay.store.transact(lambda tx: changes.every(tx))


@pytest.fixture
def units(tmp_path: Path) -> Path:
    file = tmp_path / "units.csv"
    write_units(file, [f"U-{number}" for number in range(40)])
    return file


@pytest.fixture
def world(new_world: NewWorld, units: Path) -> World:
    """A world of 400 bookings at 40 units, at rest."""
    world = new_world(care_units=str(units))
    for number in range(400):
        book(world, f"B-{number}", f"U-{number % 40}")
    minutes(world, 2)
    assert len(shown(world)) == 400
    return world


@pytest.mark.parametrize("left", [0, 1], ids=["the header", "the first unit"])
def test_half_a_list_is_held_and_nothing_is_removed(
    world: World, units: Path, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole = units.read_text()
    # When the list is cut short
    write_units(units, [f"U-{number}" for number in range(left)])
    minutes(world, 15)
    # Then nothing is removed, and the change is held and told of
    assert len(shown(world)) == 400
    (change,) = held(world)
    assert (change.source, change.kind, change.status) == ("tidbok", "lists", "held")
    assert (change.removed, change.present) == (400 - 10 * left, 400)
    assert any("a change of the lists is held" in record.getMessage() for record in caplog.records)
    # And the rest goes on: new bookings by the list that stands, single cancellations
    book(world, "B-new", "U-39")
    cancel(world, "B-7")
    minutes(world, SPACING / 60 + 1)
    assert shown(world) == {f"B-{number}" for number in range(400) if number != 7} | {"B-new"}
    # And a restarted worker judges by it too
    world.replace_worker()
    book(world, "B-newer", "U-38")
    minutes(world, 3)
    assert "B-newer" in shown(world)
    # When the list is whole again, the change is withdrawn
    units.write_text(whole)
    minutes(world, 3)
    assert held(world) == []
    assert len(shown(world)) == 401


@pytest.mark.parametrize("number", [9, 10, 30])
def test_a_small_source_s_list_that_names_nobody_any_more_is_held_and_a_shorter_one_is_followed(
    new_world: NewWorld, tmp_path: Path, number: int
) -> None:
    """The guard asks nobody about fewer than fifty posts; a file that was cut to its header is nobody's decision. Of a
    handful of posts it is followed all the same."""
    units = tmp_path / "few.csv"
    write_units(units, ["U-0", "U-1"])
    world = new_world(care_units=str(units))
    for each in range(number):
        book(world, f"B-{each}")
    minutes(world, 2)
    assert len(shown(world)) == number
    write_units(units, [])
    minutes(world, SPACING / 60 + 5)
    if number < 10:
        assert (shown(world), held(world)) == (set(), [])
        return
    assert len(shown(world)) == number
    (change,) = held(world)
    assert (change.kind, change.status, change.removed) == ("lists", "held", number)
    # another one that lacks the unit is a decision
    write_units(units, ["U-1"])
    minutes(world, SPACING / 60 + 5)
    assert (shown(world), held(world)) == (set(), [])


def test_a_list_of_zero_bytes_changes_nothing(world: World, units: Path) -> None:
    units.write_bytes(b"")
    minutes(world, 10)
    assert len(shown(world)) == 400


def test_a_held_change_of_the_lists_is_done_when_it_is_approved(world: World, units: Path) -> None:
    write_units(units, [f"U-{number}" for number in range(20)])
    minutes(world, 3)
    (change,) = held(world)
    approve(world.relay.store, change.id, world.relay.source("tidbok").policies.rules(), "me", "units were closed")
    minutes(world, SPACING / 60 + 2)
    assert len(shown(world)) == 200
    assert held(world) == []
    assert world.core.breaches() == []


def test_a_change_that_was_rejected_is_not_asked_about_again(world: World, units: Path) -> None:
    write_units(units, ["U-0"])
    minutes(world, 3)
    (change,) = held(world)
    reject(world.relay.store, change.id, "me", "half a file")
    minutes(world, 10)
    assert len(shown(world)) == 400
    assert [change.status for change in held(world)] == ["rejected"]


def test_a_few_units_are_switched_off_without_a_question(world: World, units: Path) -> None:
    write_units(units, [f"U-{number}" for number in range(37)])
    minutes(world, SPACING / 60 + 3)
    assert len(shown(world)) == 370
    assert held(world) == []


def test_hosts_whose_lists_differ_do_not_move_bookings_back_and_forth(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a second host, whose file lacks a unit
    other_list = tmp_path / "yesterday.csv"
    write_units(other_list, [f"U-{number}" for number in range(39)])
    first, settings = world.relay, world.settings
    world.settings = world._settings(world._key_spacing, {"care_units": str(other_list)})
    second: Relay = world._new_relay()
    world.settings = settings
    beats = [Heartbeat(relay, wall=world.now) for relay in (first, second)]
    calls = world.calls
    # When both work for two hours, each looking at the lists now and then
    for turn in range(240):
        for beat in beats:
            beat.beat()
        world.relay = (first, second)[turn // 3 % 2]
        world.work()
        world.advance(30)
    # Then nothing was moved, and the log names the difference
    assert world.calls == calls
    assert len(shown(world)) == 400
    assert any("the lists of the hosts differ" in record.getMessage() for record in caplog.records)
    # When the second host has the same list as the first one, nothing is left of it
    world.relay = first
    second.close()


def test_lists_that_go_back_and_forth_are_held_at_the_second_return(new_world: NewWorld, tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    write_units(file, ["U-0", "U-1"])
    world = new_world(care_units=str(file))
    book(world, "B-0", "U-0")
    book(world, "B-1", "U-1")
    minutes(world, 3)
    # When an export forgets a unit every other time
    for turn in range(8):
        write_units(file, ["U-0"] if turn % 2 == 0 else ["U-0", "U-1"])
        minutes(world, SPACING / 60 + 4)
    # Then it is followed once, and back, and not again
    assert shown(world) == {"B-0", "B-1"}
    removed = world.outbox.execute("SELECT count(*) FROM ei_call").fetchone()[0]
    assert removed == 3  # made, removed, made again


def test_mass_cancellations_are_held_and_what_is_single_goes_on(world: World) -> None:
    # When a bug in the booking system cancels 300 bookings at once
    for number in range(300):
        cancel(world, f"B-{number}")
    minutes(world, SPACING / 60 + 1)
    # Then the rows are taken, and the posts stay
    assert {outcome for _, outcome, _ in world.outcomes()} == {"taken"}
    assert len(shown(world)) == 400
    (change,) = held(world)
    assert (change.kind, change.removed, change.moved) == ("removals", 300, 0)
    # And each of the rows says so to the booking system
    said = [reason for _, _, reason in world.outcomes() if reason is not None]
    assert len(said) == 300
    look = f"see `ei-relay changes show {change.id}`"
    assert set(said) == {f"held by the surge guard, change {change.id}: its post stays as it was; {look}"}
    # And live traffic goes on: a new booking, a single cancellation, one of the 300 booked again at another time
    book(world, "B-new")
    cancel(world, "B-350")
    book(world, "B-5", "U-5", "2026-12-25T10:00:00")
    minutes(world, SPACING / 60 + 1)
    assert shown(world) == {f"B-{number}" for number in range(400) if number != 350} | {"B-new"}
    assert {content for key, content in world.index().items() if key[2] == "B-5"} == {"20261225100000"}
    # When it is approved, the other 299 are removed, as bulk
    assert approve(world.relay.store, change.id, world.relay.source("tidbok").policies.rules(), "me", "true") == 299
    minutes(world, SPACING / 60 + 2)
    assert shown(world) == {f"B-{number}" for number in range(300, 400) if number != 350} | {"B-new", "B-5"}
    assert held(world) == []
    assert world.core.breaches() == []


def test_mass_cancellations_one_by_one_are_held_from_the_threshold_on(world: World) -> None:
    for number in range(120):
        cancel(world, f"B-{number}")
        world.work()
        world.advance(5)
    minutes(world, SPACING / 60 + 1)
    assert len(shown(world)) == 400 - 49
    (change,) = held(world)
    assert change.removed == 120 - 49


def test_mass_moves_and_hidings_are_held_too(world: World) -> None:
    for number in range(100):
        book(world, f"B-{number}", f"U-{(number + 1) % 40}")
    for number in range(100, 200):
        book(world, f"B-{number}", f"U-{number % 40}", presentable="0")
    before = world.index()
    minutes(world, SPACING / 60 + 1)
    assert world.index() == before
    (change,) = held(world)
    assert (change.removed, change.moved) == (100, 100)


def test_a_rejected_removal_stays_until_its_time_passes_or_the_booking_changes(world: World) -> None:
    for number in range(300):
        cancel(world, f"B-{number}")
    minutes(world, 2)
    (change,) = held(world)
    reject(world.relay.store, change.id, "me", "a bug of theirs")
    # When the booking system sends one of them again as removed
    cancel(world, "B-3")
    minutes(world, SPACING / 60 + 1)
    assert shown(world) == {f"B-{number}" for number in range(400) if number != 3}
    # And when their time passes all go
    world.advance(40 * 86_400)
    world.settle()
    assert shown(world) == set()


def test_a_small_source_is_never_asked(new_world: NewWorld) -> None:
    world = new_world()
    for number in range(49):
        book(world, f"B-{number}")
    minutes(world, 2)
    for number in range(49):
        cancel(world, f"B-{number}")
    minutes(world, SPACING / 60 + 1)
    assert shown(world) == set()


def test_time_that_passes_is_never_held(world: World) -> None:
    world.advance(40 * 86_400)
    world.settle()
    assert shown(world) == set()
    assert held(world) == []


def test_a_test_run_in_production_is_held(new_world: NewWorld) -> None:
    """Hundreds of new posts for one resident."""
    world = new_world(environment="production")
    for number in range(300):
        book(world, f"B-{number}", starts_at=f"2026-12-24T{8 + number % 8:02}:{number % 60:02}:00")
    book(world, "B-other", resident_id="195712130011")
    minutes(world, 2)
    assert shown(world) == {"B-other"}
    (change,) = held(world)
    assert (change.kind, change.created) == ("arrivals", 300)


def test_a_test_run_in_one_second_is_held_and_comes_when_it_is_approved(new_world: NewWorld) -> None:
    """Hundreds of residents, all at one time: a load test's fixture."""
    world = new_world(environment="production")
    for number in range(150):
        book(world, f"B-{number}", resident_id=RESIDENT if number % 2 else "195712130011")
    minutes(world, 2)
    assert shown(world) == set()
    (change,) = held(world)
    assert (change.kind, change.created) == ("arrivals", 150)
    approve(world.relay.store, change.id, world.relay.source("tidbok").policies.rules(), "anna", "a vaccination")
    minutes(world, 5)
    assert len(shown(world)) == 150


@pytest.mark.parametrize("hours", [2, 24, 24 * 60])
def test_a_clock_that_steps_ahead_and_back_removes_nothing_and_leaves_lanes_open(
    new_world: NewWorld, hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given upcoming bookings, and a database whose clock steps
    world = new_world()
    ahead = timedelta()
    right = world.now
    monkeypatch.setattr(world, "now", lambda _connection=None: right() + ahead)
    world.relay.watch = ClockWatch(right)
    book(world, "B-1", starts_at="2026-11-23T09:30:00")
    book(world, "B-2")
    minutes(world, 10)
    # When it is ahead for a tick in which a call is made, then right again
    ahead = timedelta(hours=hours)
    book(world, "B-3")
    world.work()
    ahead = timedelta()
    world.advance(5)
    calls = world.calls
    book(world, "B-4")
    cancel(world, "B-2")
    minutes(world, SPACING / 60 + 1)
    # Then nothing upcoming was removed, and the lane goes on at once
    assert shown(world) == {"B-1", "B-3", "B-4"}
    assert world.calls > calls
    # And a change of what was sent meanwhile does not wait for the old future
    cancel(world, "B-3")
    minutes(world, SPACING / 60 + 1)
    assert shown(world) == {"B-1", "B-4"}
    assert world.core.breaches() == []


@pytest.mark.parametrize("ahead", [timedelta(minutes=3), timedelta(minutes=20), timedelta(hours=2)], ids=str)
def test_a_clock_that_is_ahead_for_a_moment_shortens_no_spacing_and_makes_nothing_past(
    new_world: NewWorld, ahead: timedelta
) -> None:
    """R-32 counts by the time that is expected, and so does what is taken in meanwhile."""
    world = new_world(watched=True, index={"min_posts_per_call": 1})
    book(world, "B-1")
    book(world, "B-2", starts_at="2026-11-23T08:30:00")  # half an hour ahead
    minutes(world, SPACING / 60 + 1)
    book(world, "B-1", starts_at="2026-12-24T11:00:00")
    world.work()
    world.advance(SPACING / 2)
    # When the database's clock is ahead just when B-1 is changed again, and B-2 with it
    book(world, "B-1", starts_at="2026-12-24T12:00:00")
    book(world, "B-2", starts_at="2026-11-23T08:31:00")
    world.ahead = ahead
    world.work()
    world.advance(5)
    world.ahead = timedelta()
    world.work()
    # Then the one waits for its time, and the other is never removed
    assert world.core.summary()["notifications_by_kind"]["deleted"] == 0
    minutes(world, SPACING / 60 + 1)
    assert shown(world) == {"B-1", "B-2"}
    assert {key[2]: content for key, content in world.index().items()}["B-1"] == "20261224120000"
    assert world.core.summary()["notifications_by_kind"]["deleted"] == 0
    assert world.core.breaches() == []


def test_a_clock_that_stays_odd_is_believed_after_an_hour(new_world: NewWorld) -> None:
    """It may be our own host's that is wrong: that must not keep bookings in the index for ever."""
    world = new_world()
    world.relay.watch = ClockWatch(lambda: world.now() - timedelta(hours=5))
    book(world, "B-1", starts_at="2026-11-23T08:30:00")
    minutes(world, 20)
    assert shown(world) == {"B-1"}
    minutes(world, 60)
    assert shown(world) == set()


def test_an_index_that_gets_another_name_leaves_no_ghost(new_world: NewWorld) -> None:
    # Given a post that was removed, and one whose removal waits for its spacing
    world = new_world()
    book(world, "B-0")
    minutes(world, 2)
    book(world, "B-1")
    cancel(world, "B-0")
    world.work()
    cancel(world, "B-1")
    world.work()
    # When the index is called by another name
    world.label = "ntjp"
    world.reconfigure()
    book(world, "B-2")
    minutes(world, SPACING / 60 + 4)
    # Then the index is as the bookings are
    assert shown(world) == {"B-2"}
    assert held(world) == []
    assert world.outbox.execute("SELECT DISTINCT engagement_index FROM ei_lane").fetchall() == [("ntjp",)]


def test_in_qa_one_resident_may_have_many(world: World) -> None:
    assert held(world) == []
