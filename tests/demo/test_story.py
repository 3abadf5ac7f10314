"""The demo's script: made-up people, in order, with every hard case in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

import pytest

from relay.demo.author import MOST_AT_ONCE, RESIDENTS, Step
from relay.demo.booking_system import Booking, Writing
from relay.demo.cast import SYSTEMS, System
from relay.demo.story import go_on, tell
from relay.identity import parse_resident_id

START = datetime(2026, 11, 23, 9, 0, 0, 500_000, tzinfo=UTC)


def test_every_resident_has_a_right_check_digit():
    assert [parse_resident_id(resident) for resident in RESIDENTS] == list(RESIDENTS)


@pytest.mark.parametrize("seconds", [2.0, 26.0])
def test_the_steps_come_in_the_order_of_time_and_end_with_the_show(seconds):
    times = [step.at for step in tell(START, seconds)]

    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < seconds


def test_every_hard_case_is_played():
    said = {step.what for step in tell(START, 26)}

    assert said >= {
        "rebooked later", "rebooked earlier", "moved to another unit", "moved to a unit that is not connected",
        "resident got a personnummer", "hidden from the resident", "shown again", "cancelled",
        "… and booked again, same id", "the same row once more", "an older version, late", "bad row: a local identity",
        "open invitation", "invitation, ends very soon", "booked, starts very soon",
    }  # fmt: skip


def test_no_two_booking_systems_are_taken_for_one_another():
    units = [unit.hsa_id for system in SYSTEMS for unit in system.units]

    assert len(units) == len(set(units))
    for names in zip(*((system.name, system.title, system.short, system.hsa_id) for system in SYSTEMS), strict=True):
        assert len(set(names)) == len(SYSTEMS) == 50


def test_each_of_fifty_booking_systems_has_bookings():
    assert {step.system for step in tell(START, 26, SYSTEMS)} == set(SYSTEMS)


def test_a_row_that_says_nothing_new_repeats_an_event_or_bears_an_older_version():
    steps = tell(START, 26)
    changes = [step for step in steps if step.writing is Writing.CHANGE]
    twice, late = [step for step in steps if step.writing is Writing.ROW_ONLY]

    assert twice.event_id in {step.event_id for step in changes}
    assert late.booking.version < max(s.booking.version for s in changes if _same(s, late))
    assert late.event_id not in {step.event_id for step in changes}


def test_what_starts_very_soon_starts_within_the_show():
    [soon] = [step.booking for step in tell(START, 26) if step.what == "booked, starts very soon"]

    assert soon.starts_at == datetime(2026, 11, 23, 10, 0, 19)  # 19.5 s after the start, whole seconds


def test_traffic_afterwards_goes_on_from_the_bookings_that_are_there():
    story = tell(START, 26)
    there = last_states(story)

    steps = list(islice(go_on(START, there), 2000))

    held = {(step.system, step.booking.booking_id): step.booking.version for step in story}
    for step in steps:
        key = step.system, step.booking.booking_id
        assert step.booking.version == held.get(key, 0) + 1
        held[key] = step.booking.version
    assert not {step.event_id for step in steps} & {step.event_id for step in story}
    assert len({step.event_id for step in steps}) == len(steps)


def test_traffic_afterwards_keeps_the_number_of_bookings_bounded():
    there = last_states(tell(START, 26))

    after = last_states(islice(go_on(START, there), 10_000))

    for system, bookings in after.items():
        standing = [booking for booking in bookings if not booking.cancelled]
        assert MOST_AT_ONCE - 10 < len(standing) <= MOST_AT_ONCE + 20, system.name


def last_states(steps: Iterable[Step]) -> dict[System, list[Booking]]:
    """What has become of every booking, by system."""
    states: dict[System, dict[str, Booking]] = {}
    for step in steps:
        states.setdefault(step.system, {})[step.booking.booking_id] = step.booking
    return {system: list(bookings.values()) for system, bookings in states.items()}


def _same(one, other) -> bool:
    return (one.system, one.booking.booking_id) == (other.system, other.booking.booking_id)
