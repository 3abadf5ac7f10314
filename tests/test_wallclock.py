from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.wallclock import (
    WallClockError,
    content_of_date,
    content_of_time,
    instant_of,
    parse_date,
    parse_instant,
    parse_wall_time,
)
from tests.strategies import whole_seconds

_YEARS = st.integers(1996, 2037)  # since when the change nights are the last Sundays of March and October
_SHORT_PAST_TWO = st.builds(lambda m, s: f"02:{m:02d}:{s:02d}", st.integers(0, 59), st.integers(0, 59))


def last_sunday(year: int, month: int) -> date:
    day = date(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def offset_text(minutes: int, form: str) -> str:
    sign, (hours, rest) = "+-"[minutes < 0], divmod(abs(minutes), 60)
    return form.format(sign=sign, hours=hours, minutes=rest)


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),
    st.integers(-12 * 60, 14 * 60),
    st.sampled_from(
        ["{sign}{hours:02d}:{minutes:02d}", "{sign}{hours:02d}{minutes:02d}", " {sign}{hours:02d}:{minutes:02d}"]
    ),
    st.sampled_from(["T", "t", " "]),
)
def test_a_start_time_from_any_zone_is_swedish_wall_clock_time(
    utc: datetime, minutes: int, form: str, separator: str
) -> None:
    """R-05"""
    instant = utc.replace(tzinfo=UTC)
    stated = instant.astimezone(timezone(timedelta(minutes=minutes)))
    text = f"{stated:%Y-%m-%d}{separator}{stated:%H:%M:%S.%f}{offset_text(minutes, form)}"

    wall = parse_wall_time(text)

    expected = instant.astimezone(ZoneInfo("Europe/Stockholm"))
    exact = expected.replace(tzinfo=None)
    assert wall.microsecond == 0
    assert wall.tzinfo is None
    assert abs(wall - exact) <= timedelta(milliseconds=500) or wall - exact > timedelta(
        minutes=59
    )  # at a change of clocks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-24 10:30", datetime(2026, 12, 24, 10, 30)),
        ("2026-12-24T10:30:00.000", datetime(2026, 12, 24, 10, 30)),
        ("2026-12-24 10:29:59,9", datetime(2026, 12, 24, 10, 30)),
        ("2026-11-30 10:19:59.999", datetime(2026, 11, 30, 10, 20)),
        ("2026-11-30 10:19:59.5", datetime(2026, 11, 30, 10, 20)),
        ("2026-11-30 10:20:00.499999", datetime(2026, 11, 30, 10, 20)),
        ("2026-11-30T09:19:59.9999999Z", datetime(2026, 11, 30, 10, 20)),
        ("2026-12-31 23:59:59.999", datetime(2027, 1, 1)),
        ("2026-03-29 01:59:59.999", datetime(2026, 3, 29, 3)),
        ("2026-03-29 00:59:59.999Z", datetime(2026, 3, 29, 3)),
        ("2026-10-25 02:59:59.999", datetime(2026, 10, 25, 3)),
        ("2026-10-25 00:59:59.999Z", datetime(2026, 10, 25, 2)),
        ("2026-12-24T09:30Z", datetime(2026, 12, 24, 10, 30)),
        ("2026-12-24 09:30:00z", datetime(2026, 12, 24, 10, 30)),
        ("2026-12-24 04:30:00-05", datetime(2026, 12, 24, 10, 30)),
        ("2026-06-24 08:30:00+00", datetime(2026, 6, 24, 10, 30)),
        ("2026-12-31 23:30:00Z", datetime(2027, 1, 1, 0, 30)),
    ],
)
def test_the_forms_that_booking_systems_write(text: str, expected: datetime) -> None:
    assert parse_wall_time(text) == expected


@given(_YEARS, _SHORT_PAST_TWO)
def test_the_hour_that_spring_skips_is_refused(year: int, clock: str) -> None:
    with pytest.raises(WallClockError, match="time that exists"):
        parse_wall_time(f"{last_sunday(year, 3)} {clock}")


@given(_YEARS)
def test_the_seconds_around_the_spring_gap_exist(year: int) -> None:
    night = last_sunday(year, 3)
    before, after = parse_wall_time(f"{night} 01:59:59"), parse_wall_time(f"{night} 03:00:00")
    assert instant_of(after) - instant_of(before) == timedelta(seconds=1)


@given(_YEARS, _SHORT_PAST_TWO)
def test_of_the_hour_that_autumn_repeats_the_later_instant_counts(year: int, clock: str) -> None:
    """A booking must not disappear an hour before it starts (R-22); the second 02:30 is 01:30 UTC."""
    wall = parse_wall_time(f"{last_sunday(year, 10)} {clock}")
    assert instant_of(wall) == wall.replace(tzinfo=UTC) - timedelta(hours=1)


@given(_YEARS, st.integers(0, 59))
def test_both_autumn_hours_read_the_same_on_the_wall(year: int, minute: int) -> None:
    night = last_sunday(year, 10)
    first, second = (parse_wall_time(f"{night} 0{hour}:{minute:02d}Z") for hour in (0, 1))
    assert first == second == datetime(year, 10, night.day, 2, minute)


@given(whole_seconds())
def test_a_wall_time_is_what_a_swedish_clock_shows_at_its_instant(wall: datetime) -> None:
    try:
        parsed = parse_wall_time(str(wall))
    except WallClockError:
        return  # the spring gap, which has a test of its own
    assert parsed == wall
    assert instant_of(wall).astimezone(ZoneInfo("Europe/Stockholm")).replace(tzinfo=None) == wall


@pytest.mark.parametrize(
    "text",
    [
        "",
        "infinity",
        "-infinity",
        "20026-01-01 10:00:00",
        "0026-01-01 10:00:00",
        "0999-12-31 23:59:59",
        "2026-02-30 10:00",
        "2026-12-24",
        "2026-12-24 24:00",
        "2026-12-24 10:60",
        "2026-12-24 10:30:60",
        "2026-12-24 10",
        "24/12/2026 10:30",
        "2026-12-24 10:30 +25:00",
        "2026-12-24 10:30 CET",
        " 2026-12-24 10:30",
        "2026-12-24 10:30\n",
        "9999-12-31 23:59Z",
        "9999-12-31 23:59:59.9",
        "2026-03-29 02:59:59.9",
        "0001-01-01 00:00+14",
        "2026-12-24 10:30:00 BC",
        "\udcff",
        "２０２６-12-24 10:30",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WallClockError, match=r"^expected a "):
        parse_wall_time(text)


@given(st.text(alphabet="0123456789-:T +Z.infty", max_size=30))
def test_no_text_breaks_the_readers(text: str) -> None:
    for parse in (parse_wall_time, parse_instant, parse_date):
        with suppress(WallClockError):
            parse(text)


def test_mostrecentcontent_is_fourteen_digits() -> None:
    """R-05"""
    assert content_of_time(datetime(2026, 3, 4, 5, 6, 7)) == "20260304050607"
    assert content_of_date(date(2026, 3, 4)) == "20260304000000"
    assert content_of_time(parse_wall_time("1000-01-01 00:00")) == "10000101000000"


@given(st.dates(date(1000, 1, 1)))
def test_a_date_is_read_as_written(day: date) -> None:
    assert parse_date(str(day)) == day


@pytest.mark.parametrize(
    "text", ["", "20261224", "2026-02-30", "2026-W52-4", "infinity", "0999-12-31", "2026-12-24 00:00:00"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(WallClockError, match="real date"):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-02T09:00:00.123Z", datetime(2026, 11, 2, 9, 0, 0, 123000, tzinfo=UTC)),
        ("2026-11-02 10:00:00.5+01", datetime(2026, 11, 2, 9, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-02T09:00:00.1234567Z", datetime(2026, 11, 2, 9, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-02 09:00:00", datetime(2026, 11, 2, 9, tzinfo=UTC)),
        ("2026-11-02 04:30:00 -04:30", datetime(2026, 11, 2, 9, tzinfo=UTC)),
    ],
)
def test_created_at_is_an_instant(text: str, expected: datetime) -> None:
    assert parse_instant(text) == expected
