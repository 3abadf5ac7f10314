from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.change import Rejected, read
from relay.outbox.inspect import ColumnFacts, OutboxFacts, RowFacts, index_of
from relay.outbox.judge import Level, judge
from relay.outbox.table import outbox_table
from tests.made import row

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_NEVER_NULL = ("id", "operation", "booking_id")
COLUMNS = tuple(
    ColumnFacts(column.name, None, column.name not in _NEVER_NULL, is_text=False) for column in outbox_table().columns
)
INDEXES = (("event_id",), ("outcome", "id"))


def rows(
    number: int = 30, *, outcome: str | None = "taken", reason: str | None = None, **said: str
) -> tuple[RowFacts, ...]:
    right = {"version": "1", "event_id": "e"} | said
    return tuple(RowFacts(row(n, **right), "2026-11-02 08:59:31+00", outcome, reason) for n in range(number, 0, -1))


RIGHT = OutboxFacts("ei_outbox", "postgresql", NOW, COLUMNS, INDEXES, rows())


def texts(facts: OutboxFacts, level: Level) -> list[str]:
    return [finding.text for finding in judge(facts) if finding.level is level]


def altered(name: str, **said: object) -> OutboxFacts:
    return replace(RIGHT, columns=tuple(replace(c, **said) if c.name == name else c for c in COLUMNS))  # type: ignore[arg-type]


def test_of_an_outbox_that_is_right_there_is_nothing_to_say() -> None:
    assert judge(RIGHT) == []


def test_a_table_that_cannot_be_looked_at_is_all_there_is_to_say() -> None:
    facts = OutboxFacts("ei_outbox", "postgresql", NOW, troubles=("the table ei_outbox is not there",))
    assert texts(facts, Level.WRONG) == ["The outbox cannot be looked at: the table ei_outbox is not there."]
    assert texts(facts, Level.LOOK) == []


@pytest.mark.parametrize(
    ("described", "missing"),
    [
        ({"column_names": ["event_id"]}, False),
        ({"column_names": ["id"], "include_columns": ["event_id"]}, False),  # SQL Server
        ({"column_names": [None], "expressions": ['SUBSTR("EVENT_ID",1,64)']}, False),  # Oracle
        ({"column_names": ["booking_id", "event_id"]}, True),
        ({"column_names": ["id"], "include_columns": ["booking_id"]}, True),
        ({"column_names": [None], "expressions": ['SUBSTR("BOOKING_ID",1,64)']}, True),
    ],
)
def test_an_index_on_event_id_is_known_as_each_database_describes_it(described: dict[str, Any], missing: bool) -> None:
    facts = replace(RIGHT, indexes=(index_of(described), ("outcome", "id")))
    assert ("There is no index on event_id." in texts(facts, Level.LOOK)) is missing


def test_missing_columns_are_named() -> None:
    facts = replace(RIGHT, columns=tuple(c for c in COLUMNS if c.name not in ("valid_until", "outcome_reason")))
    assert texts(facts, Level.WRONG) == ["The column valid_until is missing.", "The column outcome_reason is missing."]


@pytest.mark.parametrize(("length", "narrow"), [(127, True), (128, False), (None, False)])
def test_a_column_is_too_narrow_for_a_right_value(length: int | None, narrow: bool) -> None:
    found = texts(altered("booking_id", length=length, is_text=True), Level.WRONG)
    assert [text.startswith(f"The column booking_id holds {length} characters") for text in found] == [True] * narrow


def test_a_column_that_must_not_be_null_makes_bookings_fail() -> None:
    assert texts(altered("care_unit", nullable=False), Level.WRONG) == [
        "The column care_unit may not be null: a booking without it would fail."
    ]


def test_what_the_relay_may_not_do_is_said() -> None:
    facts = replace(RIGHT, mark_trouble="permission denied on ei_outbox")
    assert texts(facts, Level.WRONG) == ["Outcomes cannot be written: permission denied on ei_outbox."]


def test_rejected_rows_are_counted_by_field_without_their_values() -> None:
    refused = rows(3, outcome="rejected", reason='starts_at: was "yesterday", expected a time; care_unit: is missing')
    found = texts(replace(RIGHT, rows=(*refused, *rows(7))), Level.WRONG)
    assert len(found) == 2
    assert found[0].startswith("Of the last 10 rows, 3 were rejected for starts_at; the newest is id 3,") or found[
        1
    ].startswith("Of the last 10 rows, 3 were rejected for starts_at; the newest is id 3,")
    assert not any("yesterday" in text for text in found)


def test_a_reason_with_punctuation_of_its_own_is_counted_by_its_field_alone() -> None:
    rejected = read(row(1, resident_id="x; y", starts_at="a; b: c"), {"SE1-A": "SE1-A"})
    assert isinstance(rejected, Rejected)
    refused = rows(1, outcome="rejected", reason=rejected.reason)
    found = texts(replace(RIGHT, rows=refused), Level.WRONG)
    assert {text.partition(" rejected for ")[2].partition(";")[0] for text in found} == {"resident_id", "starts_at"}


@pytest.mark.parametrize(
    ("created_at", "wrong"),
    [
        ("2026-11-02 08:59:30+00", False),
        ("2026-11-02 09:00:30+00", False),  # within the clocks' tolerance
        ("2026-11-02 10:59:30+00", True),
        ("2026-11-02 10:59:30", True),  # Swedish time in a column without a zone
        ("infinity", False),
    ],
)
def test_a_created_at_in_the_future_is_a_clock_that_is_off(created_at: str, wrong: bool) -> None:
    """R-33."""
    found = texts(replace(RIGHT, rows=rows(created_at=created_at)), Level.WRONG)
    assert [text.split(" minutes")[0] for text in found] == ["created_at lies up to 120"] * wrong


def test_indexes_that_are_not_there_are_worth_a_look() -> None:
    found = texts(replace(RIGHT, indexes=()), Level.LOOK)
    assert [text.split(":")[0].rstrip(".") for text in found] == [
        "There is no index for the rows without an outcome", "There is no index on event_id",
    ]  # fmt: skip
    assert texts(replace(RIGHT, indexes=(("id",), ("event_id",))), Level.LOOK) == []


@pytest.mark.parametrize(("number", "said"), [(19, 0), (20, 2)])
def test_rows_without_version_and_event_id_are_worth_a_look(number: int, said: int) -> None:
    assert len(texts(replace(RIGHT, rows=rows(number, version="", event_id="")), Level.LOOK)) == said


@pytest.mark.parametrize(
    ("early", "late", "suspected"),
    [("05:30:00", "14:00:00", True), ("05:30:00", "16:30:00", False), ("08:00:00", "14:00:00", False)],
)
def test_times_that_seem_to_be_utc_are_worth_a_look(early: str, late: str, suspected: bool) -> None:
    some = rows(5, starts_at=f"2026-12-24 {early}") + rows(25, starts_at=f"2026-12-24 {late}")
    found = texts(replace(RIGHT, rows=some), Level.LOOK)
    assert [text[:32] for text in found] == ["5 of 30 bookings start between 0"] * suspected
    zoned = rows(5, starts_at=f"2026-12-24 {early}Z") + rows(25, starts_at=f"2026-12-24 {late}Z")
    assert [text[:51] for text in texts(replace(RIGHT, rows=zoned), Level.LOOK)] == [
        "30 of 30 bookings have a starts_at with an offset: "
    ]


def booked(*many: dict[str, str]) -> OutboxFacts:
    """Thirty right rows, and these."""
    right = tuple(RowFacts(row(n, version="1", event_id="e"), None, "taken", None) for n in range(100, 70, -1))
    odd = tuple(RowFacts(row(n, version="1", event_id="e", **said), None, None, None) for n, said in enumerate(many, 1))
    return replace(RIGHT, rows=right + odd)


@pytest.mark.parametrize(
    ("many", "expected"),
    [
        (
            [{"data_controller": "Region Nord"}],
            'data_controller is neither an organisation number nor an HSA-id in "Region Nord".',
        ),
        (
            [{"data_controller": "2321000016"}, {"data_controller": "SE232100-0016"}],
            'One organisation is written in several ways as data_controller, "2321000016", "SE232100-0016": ',
        ),
        (
            [{"care_unit": "1HZ5"}, {"care_unit": "SE2321000016_1HZ5"}],
            'care_unit has not the form of nearly all others (SE, ten digits, a hyphen, an id) in "1HZ5", "SE2321000',
        ),
        (
            [{"care_unit": "SE2321000061-1HZ5"}],
            'care_unit differs in a digit or two from the many that begin with SE2321000016 in "SE2321000061-1HZ5".',
        ),
        ([{"resident_id": "19810829-M071"}], "Of the last 31 bookings, 1 has a local reserve number"),
        ([{"starts_at": "2026-12-24T09:30:00Z"}], "1 of 31 bookings have a starts_at with an offset"),
    ],
)
def test_values_unlike_the_rest_are_to_be_looked_at(many: list[dict[str, str]], expected: str) -> None:
    found = texts(booked(*many), Level.LOOK)
    assert [text.startswith(expected) for text in found] == [True], found


def test_values_like_the_rest_are_not() -> None:
    likely = [{"care_unit": "SE2321000016-1HZ6"}, {"resident_id": "22810829SU31"}, {"data_controller": "SE232100-0016"}]
    assert judge(booked(*likely, {"operation": "remove", "care_unit": "x"})) == []
    odd_but_all_alike = tuple(RowFacts(row(n, version="1", care_unit="TEST-1"), None, "taken", None) for n in (2, 1))
    assert judge(replace(RIGHT, rows=odd_but_all_alike)) == []


def test_office_hours_that_were_written_in_utc_are_found() -> None:
    """08:00 to 16:59 in winter, by a session whose time zone is UTC."""
    hours = [{"starts_at": f"2026-12-{day:02d} {hour:02d}:30:00"} for day in range(1, 11) for hour in range(7, 16)]
    rows_ = tuple(RowFacts(row(n, version="1", event_id="e", **s), None, "taken", None) for n, s in enumerate(hours, 1))
    (found,) = texts(replace(RIGHT, rows=rows_), Level.LOOK)
    assert found.startswith("10 of 90 bookings start between 05:00 and 08:00 and none after 16:00: starts_at may be")


def test_ids_that_can_begin_again_or_have_are_told() -> None:
    (found,) = texts(replace(RIGHT, ids_may_restart=True), Level.LOOK)
    assert found.startswith("The table has no AUTOINCREMENT")
    (found,) = texts(replace(RIGHT, newest_taken=500), Level.LOOK)
    assert found.startswith("The newest id is 30, and the relay has taken id 500: the ids have begun again.")
    assert judge(replace(RIGHT, newest_taken=30)) == []
