from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.booking import REMOVED, Booking, Policy, Withheld, content_of, expiry, succeed, wanted_post
from relay.catalogue import CareUnit
from relay.change import Change, Kind
from relay.post import WantedPost
from tests.made import CONTROLLER, OTHER_UNIT, RESIDENT, SYSTEM, UNIT, booking, change, details, key
from tests.strategies import whole_seconds

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
EVERYBODY = Policy(CONTROLLER)


def withheld(said: object, policy: Policy = EVERYBODY, now: datetime = NOW) -> str:
    wanted = wanted_post(booking(said), policy, now)  # type: ignore[arg-type]
    assert isinstance(wanted, Withheld)
    return wanted.reason


# --- which post


def test_a_booking_ahead_has_exactly_one_post() -> None:
    """R-04, R-05, R-20"""
    assert wanted_post(booking(details()), EVERYBODY, NOW) == WantedPost(
        key(resident_id=RESIDENT, care_unit=UNIT, booking_id="b-1", data_controller=CONTROLLER),
        "20261224103000",
        datetime(2026, 12, 24, 9, 30, tzinfo=UTC),
    )


def test_an_open_invitation_is_posted_under_its_date_until_its_validity_ends() -> None:
    """R-05, R-22: also where it was sent out long ago."""
    said = details(kind=Kind.OPEN_INVITATION, starts_at=None, invited_on=date(2026, 1, 7))
    until = replace(said, valid_until=datetime(2026, 12, 1))

    assert wanted_post(booking(said), EVERYBODY, NOW) == WantedPost(key(), "20260107000000", None)
    assert wanted_post(booking(until), EVERYBODY, NOW) == WantedPost(
        key(), "20260107000000", datetime(2026, 11, 30, 23, tzinfo=UTC)
    )


def test_a_timed_invitation_is_posted_under_its_start_until_its_validity_ends() -> None:
    said = details(kind=Kind.INVITATION, valid_until=datetime(2026, 12, 1))
    assert content_of(said) == "20261224103000"
    assert expiry(said) == datetime(2026, 11, 30, 23, tzinfo=UTC)


@given(whole_seconds(), st.none() | whole_seconds(), st.integers(-2, 2))
def test_a_booking_is_outdated_from_the_earlier_of_its_ends_on(
    starts: datetime, until: datetime | None, seconds: int
) -> None:
    """R-22: at its expiry, inclusive."""
    said = details(starts_at=starts, valid_until=until)
    expires = expiry(said)
    assert expires is not None
    assert expires == min(
        e for e in (expiry(details(starts_at=t)) for t in (starts, until) if t is not None) if e is not None
    )

    wanted = wanted_post(booking(said), EVERYBODY, expires + timedelta(seconds=seconds))

    if seconds < 0:
        assert isinstance(wanted, WantedPost)
        assert wanted.expires_at == expires
    else:
        assert wanted == Withheld("not published: its time has passed")


def test_a_booking_in_the_autumn_hour_stays_until_that_hour_has_come_twice() -> None:
    """02:30 is at 00:30 and again at 01:30 UTC."""
    said = details(starts_at=datetime(2026, 10, 25, 2, 30))
    between = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert isinstance(wanted_post(booking(said), EVERYBODY, between), WantedPost)
    assert withheld(said, now=between + timedelta(minutes=30)) == "not published: its time has passed"


def test_what_is_removed_or_not_presentable_has_no_post() -> None:
    """R-20 (b), R-22"""
    assert wanted_post(booking(None), EVERYBODY, NOW) is REMOVED
    assert withheld(details(presentable=False)) == "not published: presentable is false"


def test_only_bookings_at_connected_units_have_posts() -> None:
    """R-20 (c)"""
    units = Policy(CONTROLLER, units={UNIT: CareUnit(UNIT), OTHER_UNIT: CareUnit(OTHER_UNIT, active=False)})

    assert isinstance(wanted_post(booking(details()), units, NOW), WantedPost)
    assert withheld(details(care_unit=OTHER_UNIT), units) == "not published: care_unit is not an active unit"
    assert withheld(details(care_unit="UNLISTED"), units) == "not published: care_unit is not an active unit"


def test_only_test_residents_have_posts_where_such_are_listed() -> None:
    """R-55: the reason says so and says nothing of the resident."""
    policy = Policy(CONTROLLER, residents=frozenset({RESIDENT}))

    assert isinstance(wanted_post(booking(details()), policy, NOW), WantedPost)
    other = "200001010009"
    assert withheld(details(resident_id=other), policy) == (
        "not published: resident_id is not one of the test identities allowed here"
    )
    assert withheld(details(resident_id=other), Policy(CONTROLLER, residents=frozenset()))


@pytest.mark.parametrize(
    ("rows", "units", "expected"),
    [("row's", "unit's", "row's"), (None, "unit's", "unit's"), (None, None, CONTROLLER), ("row's", None, "row's")],
)
def test_the_data_controller_is_the_rows_else_the_units_else_the_sources(
    rows: str | None, units: str | None, expected: str
) -> None:
    """R-04: one source system may serve several."""
    policy = Policy(CONTROLLER, units={UNIT: CareUnit(UNIT, data_controller=units)})
    wanted = wanted_post(booking(details(data_controller=rows)), policy, NOW)
    assert isinstance(wanted, WantedPost)
    assert wanted.key.data_controller == expected


def test_the_data_controller_of_a_row_is_trimmed() -> None:
    said = change(data_controller="  232100-0016 ")
    assert said.details is not None
    wanted = wanted_post(booking(said.details), EVERYBODY, NOW)
    assert isinstance(wanted, WantedPost)
    assert wanted.key.data_controller == "232100-0016"


# --- which state stands


def after(*changes: Change) -> Booking:
    """The booking after the changes came in that order."""
    stands: Booking | None = None
    for each in changes:
        stands = succeed(stands, each) or stands
    assert stands is not None
    return stands


def test_the_first_change_of_a_booking_stands() -> None:
    said = change(5, version="2")
    assert succeed(None, said) == Booking("b-1", 5, 2, 2, said.source_system, said.details)


@pytest.mark.parametrize(
    ("earlier", "later", "stands"),
    [
        ((1, None), (2, None), True),  # no versions: the higher id
        ((2, None), (1, None), False),
        ((1, "1"), (2, "2"), True),
        ((2, "1"), (1, "2"), True),  # a higher version wins over a higher id
        ((1, "2"), (2, "1"), False),  # a lower version loses
        ((1, "2"), (2, "2"), True),  # equal versions: the higher id
        ((2, "2"), (1, "2"), False),
        ((1, "2"), (2, None), True),  # one of them without: the higher id
        ((2, "2"), (1, None), False),
        ((1, None), (2, "2"), True),
        ((2, None), (1, "2"), False),
        ((1, "-3"), (2, "-4"), False),
    ],
)
def test_of_two_changes_one_stands(
    earlier: tuple[int, str | None], later: tuple[int, str | None], stands: bool
) -> None:
    first, second = (change(id, version=version) for id, version in (earlier, later))
    taken = succeed(succeed(None, first), second)
    assert (taken is not None) is stands


def test_a_version_lower_than_any_taken_is_superseded_also_behind_a_row_without_one() -> None:
    stands = after(change(1, version="5"), change(2, version=None))
    assert (stands.row_version, stands.version) == (None, 5)
    assert succeed(stands, change(3, version="4")) is None
    assert succeed(stands, change(3, version="5")) is not None


def test_the_removal_of_an_unknown_booking_is_kept() -> None:
    """So that an older upsert that comes later does not raise it from the dead."""
    removal = succeed(None, change(9, operation="remove", version="4"))
    assert removal == Booking("b-1", row_id=9, row_version=4, version=4, source_system=SYSTEM, details=None)
    assert succeed(removal, change(10, version="3")) is None
    assert succeed(removal, change(8)) is None
    revived = succeed(removal, change(10, version="5"))
    assert revived is not None
    assert revived.details is not None


_VERSIONS = st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=4)


@given(_VERSIONS)
def test_where_all_rows_have_versions_the_order_of_arrival_does_not_matter(versions: list[str]) -> None:
    changes = [change(n, version=v) for n, v in enumerate(versions, start=1)]
    assert {after(*order) for order in permutations(changes)} == {after(*changes)}
    assert after(*changes).row_id == max((int(v), n) for n, v in enumerate(versions, start=1))[1]


@given(st.permutations([change(n) for n in range(1, 6)]))
def test_where_no_row_has_a_version_the_order_of_arrival_does_not_matter(changes: list[Change]) -> None:
    assert after(*changes).row_id == 5


@given(st.permutations([change(n, version=v) for n, v in enumerate(["3", None, "1", "3", None], start=1)]))
def test_no_order_of_arrival_lowers_the_version(changes: list[Change]) -> None:
    highest = -1
    stands: Booking | None = None
    for each in changes:
        stands = succeed(stands, each) or stands
        assert stands is not None
        assert (stands.version or 0) >= highest
        highest = stands.version or 0
