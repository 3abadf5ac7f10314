from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.change import Rejected, read
from relay.outbox.inspect import ColumnFacts, OutboxFacts, RowFacts
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
    assert texts(replace(RIGHT, rows=zoned), Level.LOOK) == []
