"""What a batch costs: as many statements for a thousand rows as for one. Counted, because time tells it too late."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from relay.flow.delivery.step import begin
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from tests.clock import SetClock
from tests.made import RESIDENT, UNIT
from tests.outbox.written import outcomes, put
from tests.statements import recorded
from tests.store.conftest import LANE


def write(relay: Relay, number: int, name: str, starts_at: str = "2026-12-24 10:30", operation: str = "upsert") -> None:
    with relay.store.engine.begin() as connection:
        for n in range(number):
            event_id = f"{name}-{starts_at}-{operation}-{n}"
            put(
                connection, operation=operation, booking_id=f"{name}-{n}", event_id=event_id,
                resident_id=RESIDENT, care_unit=UNIT, starts_at=starts_at,
            )  # fmt: skip


def test_an_intake_batch_takes_as_many_statements_for_many_rows_as_for_one(relay: Relay) -> None:
    counts = []
    for number, name in ((1, "warm-up"), (1, "one"), (400, "many")):
        write(relay, number, name)
        with recorded(relay.store.engine) as statements:
            assert intake(relay, "tidbok-nord").rows == number
        counts.append(len(statements))
    assert counts[2] == counts[1] <= 15
    assert {outcome for outcome, _ in outcomes(relay.store.engine).values()} == {"taken"}


def test_changes_of_known_bookings_take_no_more_statements_than_new_ones(relay: Relay) -> None:
    write(relay, 300, "b")
    intake(relay, "tidbok-nord")
    write(relay, 300, "b", starts_at="2027-01-07 08:00")
    with recorded(relay.store.engine) as changed:
        intake(relay, "tidbok-nord")
    write(relay, 300, "b", operation="remove")
    with recorded(relay.store.engine) as removed:
        intake(relay, "tidbok-nord")
    assert len(removed) == len(changed) <= 15


def test_a_call_is_begun_with_as_many_statements_for_many_posts_as_for_two(relay: Relay, clock: SetClock) -> None:
    counts = []
    for number, name in ((2, "two"), (400, "many")):
        write(relay, number, name)
        intake(relay, "tidbok-nord")
        with recorded(relay.store.engine) as statements:
            outgoing = begin(relay, LANE, relay.index_of(LANE))
        assert outgoing is not None
        assert len(outgoing.due) >= number
        counts.append(len(statements))
        clock.advance(minutes=20)  # the call is lost; its lane is free
        assert begin(relay, LANE, relay.index_of(LANE)) is None
        clock.advance(minutes=20)  # its pause is over; the outbox was compared less than an hour ago
    assert counts[0] == counts[1] <= 6


def test_a_look_at_what_is_due_takes_a_fixed_number_of_statements(relay: Relay) -> None:
    """One where nothing is; else the summary, the clock, and a question for what it names."""
    due_work(relay)  # the first also asks on which server the database is
    with recorded(relay.store.engine) as idle:
        assert due_work(relay).lanes == []
    write(relay, 200, "b")
    intake(relay, "tidbok-nord")
    with recorded(relay.store.engine) as busy:
        assert due_work(relay).lanes == [LANE]
    assert len(idle) == 1
    assert len(busy) <= 3


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_an_event_id_no_database_can_hold_spoils_only_its_row(relay: Relay) -> None:
    """Bytes that are no UTF-8, and the character zero, reach a SQLite outbox but must not reach the relay's tables."""
    write(relay, 1, "right")
    with relay.store.engine.begin() as connection:
        for event_id in ("CAST(X'62FF' AS TEXT)", "CAST(X'620062' AS TEXT)"):
            connection.execute(
                text(f"INSERT INTO ei_outbox (operation, booking_id, event_id) VALUES ('remove', 'b-1', {event_id})")
            )
    write(relay, 1, "also right")

    assert intake(relay, "tidbok-nord").rows == 4

    assert [outcome for outcome, _ in outcomes(relay.store.engine).values()] == [
        "taken",
        "rejected",
        "rejected",
        "taken",
    ]
