from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.settings.duration import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("5m", timedelta(minutes=5)),
        ("90s", timedelta(seconds=90)),
        ("1.5s", timedelta(seconds=1.5)),
        ("250ms", timedelta(milliseconds=250)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
        (" 5 m ", timedelta(minutes=5)),
    ],
)
def test_a_duration_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "1.5", "-5m", "5min", "1m30s", "5M", ".5s", "1e3s", "٥m", "5m\n5m"])
def test_anything_but_a_number_and_a_unit_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r'its unit .* such as "5m"'):
        parse_duration(text)


@pytest.mark.parametrize("text", ["366d", "9" * 400 + "h"])
def test_a_duration_beyond_all_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 365d"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_what_is_written_is_read_as_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(0, 8760), st.sampled_from(["ms", "s", "m", "h"]))
def test_whole_units_stay_short(count: int, unit: str) -> None:
    assert len(format_duration(parse_duration(f"{count}{unit}"))) <= len(f"{count}{unit}") + 1
