"""The demo's own reading of the contract: which posts a list of bookings should have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from relay.demo.booking_system import Booking
from relay.demo.cast import NORD, ORGANISATION, SCREEN, TAND, TOLVAN
from relay.demo.expected import differences, does_hold, is_national, should_hold

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # ten o'clock in Sweden
BOOKED = Booking("T-1", 1, TOLVAN, "SE2321000016-1HZ3", starts_at=datetime(2026, 12, 24, 10, 30))
LISTED = {
    "registered_resident_identification": TOLVAN,
    "service_domain": "riv:crm:scheduling",
    "categorization": "NA",
    "logical_address": "SE2321000016-1HZ3",
    "business_object_instance_identifier": "T-1",
    "clinical_process_interest_id": "NA",
    "source_system": "SE2321000016-84GX",
    "data_controller": ORGANISATION,
    "most_recent_content": "20261224103000",
    "notifications": 1,
}


def held(*bookings: Booking, system=NORD) -> list[dict[str, str]]:
    return [dict(post) for post in should_hold([(system, booking) for booking in bookings], NOW)]


def test_a_booking_ahead_has_the_post_that_the_contract_says():
    """R-04, R-05, R-20."""
    assert should_hold([(NORD, BOOKED)], NOW) == does_hold([LISTED])


@pytest.mark.parametrize(
    "change",
    [
        {"cancelled": True},
        {"presentable": False},
        {"care_unit": "SE2321000016-1HZ6"},  # listed, not connected
        {"care_unit": "SE2321000016-XXXX"},
        {"resident_id": "LR-000417"},
        {"starts_at": datetime(2026, 11, 23, 10, 0)},  # this very moment
        {"valid_until": datetime(2026, 11, 23, 9, 59)},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_booking_that_does_not_belong_in_the_index_has_none(change):
    """R-20, R-22."""
    assert held(replace(BOOKED, **change)) == []


def test_an_open_invitation_carries_its_date():
    """R-05."""
    [post] = held(
        Booking("K-1", 1, TOLVAN, "SE2321000016-5MG1", kind="open_invitation", invited_on=date(2026, 1, 2)),
        system=SCREEN,
    )

    assert post["most_recent_content"] == "20260102000000"


def test_ids_in_lower_case_come_out_in_upper_case_with_the_units_data_controller():
    """R-08."""
    [post] = held(replace(BOOKED, care_unit="se2321000016-3tb1"), system=TAND)

    assert (post["logical_address"], post["data_controller"]) == ("SE2321000016-3TB1", "SE556677-8899")


def test_the_bookings_own_data_controller_goes_before_the_units():
    [post] = held(replace(BOOKED, care_unit="se2321000016-3tb1", data_controller="SE1"), system=TAND)

    assert post["data_controller"] == "SE1"


def test_of_the_autumn_hour_that_comes_twice_the_later_one_ends_a_booking():
    between = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # the second 02:00 has come, the second 02:30 has not

    assert should_hold([(NORD, replace(BOOKED, starts_at=datetime(2026, 10, 25, 2, 30)))], between)


@pytest.mark.parametrize("field", [field for field in LISTED if field != "notifications"])
def test_any_field_that_differs_is_a_difference(field):
    should = should_hold([(NORD, BOOKED)], NOW)

    told = differences(should, does_hold([LISTED | {field: "x"}]))

    assert [line.partition(":")[0] for line in told] == ["left over in the index", "missing from the index"]
    assert TOLVAN not in " ".join(told)


def test_equal_sets_have_no_differences():
    assert differences(does_hold([LISTED]), does_hold([LISTED])) == []


@pytest.mark.parametrize(("identity", "national"), [(TOLVAN, True), ("191212121213", False), ("LR-000417", False)])
def test_a_national_identity_is_twelve_digits_with_the_right_last_one(identity, national):
    """R-07."""
    assert is_national(identity) is national
