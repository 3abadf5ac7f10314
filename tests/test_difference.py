"""What re-evaluating bookings asks for, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from relay.booking import Booking, Policy, wanted_post
from relay.catalogue import CareUnit
from relay.difference import Difference, Tally, difference
from relay.post import ABSENT, StoredPost, WantedChange
from relay.wallclock import instant_of
from tests.made import CONTROLLER, OTHER_SYSTEM, OTHER_UNIT, STARTS, SYSTEM, UNIT, booking, details, key

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CONTENT = "20261224103000"
EXPIRES = instant_of(STARTS)
LANES = {SYSTEM: 1, OTHER_SYSTEM: 2}
BOOKED = booking(details())
STORED = StoredPost(1, key(), CONTENT, EXPIRES, parked=False)
EVERYWHERE = Policy(CONTROLLER)
NOWHERE = Policy(CONTROLLER, units={})


def evaluated(said: Booking, policy: Policy, *stored: StoredPost) -> Difference:
    return difference([said], {said.booking_id: stored}, lambda b: wanted_post(b, policy, NOW), LANES, NOW)


def test_a_post_that_is_as_it_should_be_is_left_alone() -> None:
    """Nobody gets a message twice."""
    found = evaluated(BOOKED, EVERYWHERE, STORED)
    assert (found.changes, found.units) == ([], {})


def test_a_parked_post_is_left_parked() -> None:
    parked = replace(STORED, parked=True)
    assert not evaluated(BOOKED, EVERYWHERE, parked).changes
    assert not evaluated(BOOKED, NOWHERE, replace(parked, wanted=ABSENT, expires_at=None)).changes


def test_a_unit_that_becomes_active_creates() -> None:
    found = evaluated(BOOKED, EVERYWHERE)
    assert found.changes == [WantedChange(1, key(), CONTENT, NOW, EXPIRES)]
    assert found.units == {UNIT: Tally(created=1)}


def test_a_unit_that_is_switched_off_removes() -> None:
    found = evaluated(BOOKED, NOWHERE, STORED)
    assert found.changes == [WantedChange(1, key(), ABSENT, NOW, None)]
    assert found.units == {UNIT: Tally(removed=1)}


def test_another_data_controller_is_a_delete_and_a_create() -> None:
    """R-10"""
    policy = Policy(CONTROLLER, units={UNIT: CareUnit(UNIT, data_controller="SE999")})
    found = evaluated(BOOKED, policy, STORED)
    assert found.changes == [
        WantedChange(1, key(), ABSENT, NOW, None),
        WantedChange(1, key(data_controller="SE999"), CONTENT, NOW, EXPIRES),
    ]
    assert found.units == {UNIT: Tally(moved=1)}


def test_another_content_is_a_change() -> None:
    found = evaluated(BOOKED, EVERYWHERE, replace(STORED, wanted="20261231120000"))
    assert found.units == {UNIT: Tally(changed=1)}


def test_a_booking_whose_system_has_no_lane_here_loses_its_posts() -> None:
    gone = replace(BOOKED, source_system="SE-GONE")
    found = evaluated(gone, EVERYWHERE, replace(STORED, key=key(source_system="SE-GONE")))
    assert found.units == {UNIT: Tally(removed=1)}


def test_a_removed_booking_is_counted_at_the_unit_of_its_post() -> None:
    found = evaluated(booking(None), EVERYWHERE, replace(STORED, key=key(care_unit=OTHER_UNIT)))
    assert found.units == {OTHER_UNIT: Tally(removed=1)}


def test_the_total_is_of_all_units() -> None:
    found = Difference(units={UNIT: Tally(created=2, moved=1), OTHER_UNIT: Tally(removed=3, changed=4)})
    assert found.total == Tally(created=2, removed=3, changed=4, moved=1)
    assert found.total
    assert not Difference().total
