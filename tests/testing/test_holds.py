"""The one assertion: exactly these posts, told apart by as much as was said of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.testing import Post, PracticeIndex, PracticeRelay
from tests.made import CONTROLLER, RESIDENT, SYSTEM, UNIT

OTHER = "SE2321000016-1HZ9"


@pytest.fixture
def index() -> Iterator[PracticeIndex]:
    with PracticeIndex() as index:
        yield index


@pytest.fixture
def relay(index: PracticeIndex, tmp_path: Path) -> Iterator[PracticeRelay]:
    with PracticeRelay(index, tmp_path) as relay:
        yield relay


def write(relay: PracticeRelay, operation: str, booking_id: str, **columns: Any) -> None:
    """Commit a row and settle."""
    row = {"operation": operation, "booking_id": booking_id} | columns
    if operation == "upsert":
        row = {"resident_id": RESIDENT, "care_unit": UNIT, "starts_at": "2098-12-24 10:30"} | row
    with sqlite3.connect(relay.outbox_path) as outbox:
        outbox.execute(
            f"INSERT INTO ei_outbox ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
        )
    outbox.close()
    relay.settle()


def test_a_booking_its_moves_and_its_cancellation(relay: PracticeRelay, index: PracticeIndex) -> None:
    index.holds()
    write(relay, "upsert", "B-1")
    index.holds(Post("B-1", "20981224103000", UNIT, RESIDENT, SYSTEM, CONTROLLER))
    write(relay, "upsert", "B-1", care_unit=OTHER, starts_at="2098-12-25 08:00")
    index.holds(Post("B-1", datetime(2098, 12, 25, 8), OTHER))
    write(relay, "upsert", "B-2", kind="open_invitation", invited_on="2098-01-02", starts_at=None)
    index.holds(Post("B-2", date(2098, 1, 2)), Post("B-1"))
    write(relay, "remove", "B-1")
    write(relay, "remove", "B-2")
    index.holds()


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ([], "not expected:  B-1 20981224103000"),
        ([Post("B-1"), Post("B-2")], "missing:       B-2"),
        ([Post("B-1"), Post("B-1")], "missing:       B-1"),
        ([Post("B-1", "2098-12-24 10:31")], "differs: content"),
        ([Post("B-1", resident_id="191212121211", care_unit=OTHER)], "differs: care_unit, resident_id"),
        ([Post("B-1", source_system="SE1")], "differs: source_system"),
        ([Post("B-1", data_controller="SE1")], "differs: data_controller"),
    ],
)
def test_anything_else_fails_and_says_how(
    relay: PracticeRelay, index: PracticeIndex, expected: list[Post], said: str
) -> None:
    write(relay, "upsert", "B-1")

    with pytest.raises(AssertionError) as failed:
        index.holds(*expected)

    assert said in str(failed.value)
    assert "1912121212" not in str(failed.value)


def test_posts_of_one_booking_are_told_apart_by_who_says_most(relay: PracticeRelay, index: PracticeIndex) -> None:
    write(relay, "upsert", "B-1")
    write(relay, "upsert", "B-2")
    index.holds(Post("B-2"), Post("B-1", care_unit=UNIT.lower()))


def test_a_broken_rule_fails_it_too(index: PracticeIndex) -> None:
    index.sandbox.core.receive(b"<no/>", {})

    with pytest.raises(AssertionError, match="rule R-"):
        index.holds()


def test_a_relay_that_the_index_refuses_settles_all_the_same(relay: PracticeRelay, index: PracticeIndex) -> None:
    from relay.sandbox.orders import Order

    index.sandbox.core.order(Order(answer="fault", text="VP009", times=1))
    write(relay, "upsert", "B-1")
    index.holds()


def test_what_is_no_time_is_told() -> None:
    with pytest.raises(ValueError, match="is no time"):
        Post("B-1", "tomorrow")
