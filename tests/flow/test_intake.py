"""What intake believes of an outbox: event ids that are used again, ids that begin again, and what is sent of it."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox.table import outbox_table
from relay.store import bookings, overview
from relay.store.schema import post
from tests.clock import SetClock
from tests.made import RESIDENT, UNIT
from tests.store.conftest import SOURCE


def write(relay: Relay, clock: SetClock, id: int, operation: str = "upsert", **said: Any) -> None:
    """A row of booking b-1 with this id, written now."""
    dialect = relay.store.engine.dialect.name
    values = {"id": id, "operation": operation, "booking_id": "b-1", "resident_id": RESIDENT, "care_unit": UNIT}
    values |= {"starts_at": "2026-12-24 10:30", "created_at": clock.at} | said
    if dialect == "sqlite":
        values["created_at"] = str(values["created_at"])
    with relay.store.engine.begin() as connection:
        connection.execute(insert(outbox_table(dialect=dialect)), values)


def outcomes(relay: Relay) -> list[tuple[str, str | None]]:
    table = outbox_table(dialect=relay.store.engine.dialect.name)
    with relay.store.engine.connect() as connection:
        asked = select(table.c.outcome, table.c.outcome_reason).order_by(table.c.id)
        return [(row.outcome, row.outcome_reason) for row in connection.execute(asked)]


def wanted(relay: Relay) -> dict[str, str]:
    rows = relay.store.transact(lambda tx: tx.run(select(post.c.booking_id, post.c.wanted)).all())
    return {row.booking_id: row.wanted for row in rows}


def test_an_event_id_on_another_booking_is_rejected_with_the_first_named(relay: Relay, clock: SetClock) -> None:
    """Its writer is told; before, the booking was nowhere and nobody knew."""
    write(relay, clock, 1, event_id="E1")
    intake(relay, SOURCE)
    write(relay, clock, 2, event_id="E1", booking_id="b-2")
    write(relay, clock, 3, event_id="E1")
    intake(relay, SOURCE)

    (_, _), (rejected, why), (duplicate, same) = outcomes(relay)
    assert (rejected, duplicate) == ("rejected", "duplicate")
    assert (why or "").startswith('event_id: row 1 took it for booking "b-1" and says something else')
    assert same == "event_id: row 1 took it, and says the same"
    assert set(wanted(relay)) == {"b-1"}


def test_many_rows_at_once_are_what_one_by_one_they_would_be(relay: Relay, clock: SetClock) -> None:
    """New bookings by the dozen go into PostgreSQL by COPY, changed ones not."""
    for number in range(30):
        write(relay, clock, 1 + number, booking_id=f"b-{number}", version=number)
    write(relay, clock, 31, booking_id="b-2", version=1)
    intake(relay, SOURCE)
    for number in range(25, 60):
        write(relay, clock, 100 + number, booking_id=f"b-{number}", starts_at="2026-12-24 11:45", version=99)
    write(relay, clock, 200, "remove", booking_id="b-0")
    intake(relay, SOURCE)

    assert Counter(outcome for outcome, _ in outcomes(relay)) == {"taken": 66, "superseded": 1}
    assert Counter(wanted(relay).values()) == {"": 1, "20261224103000": 24, "20261224114500": 35}
    assert wanted(relay)["b-0"] == ""


def test_what_is_taken_for_new_and_is_not_is_taken_all_the_same(
    relay: Relay, clock: SetClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody wrote bookings without holding their source, just after intake looked for them."""
    for number in range(30):
        write(relay, clock, 1 + number, booking_id=f"b-{number}")
    intake(relay, SOURCE)
    for number in range(30):
        write(relay, clock, 100 + number, booking_id=f"b-{number}", starts_at="2026-12-24 11:45")
    monkeypatch.setattr(bookings, "load", lambda *_: {})

    intake(relay, SOURCE)

    assert Counter(outcome for outcome, _ in outcomes(relay)) == {"taken": 60}
    assert Counter(wanted(relay).values()) == {"20261224114500": 30}
    is_postgresql = relay.store.engine.dialect.name == "postgresql"
    assert ("the rows of an outbox are written down one by one" in caplog.messages) == is_postgresql


def test_ids_that_begin_again_lose_no_cancellation(
    relay: Relay, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    """TRUNCATE … RESTART IDENTITY, or a table that was rebuilt."""
    write(relay, clock, 1)
    write(relay, clock, 500)
    intake(relay, SOURCE)
    assert wanted(relay) == {"b-1": "20261224103000"}
    with relay.store.engine.begin() as connection:
        connection.execute(delete(outbox_table(dialect=relay.store.engine.dialect.name)))
    clock.advance(seconds=5)
    write(relay, clock, 1, "remove")

    with caplog.at_level(logging.WARNING):
        intake(relay, SOURCE)

    assert outcomes(relay) == [("taken", None)]
    assert wanted(relay) == {"b-1": ""}
    assert "the ids of the outbox have begun again" in caplog.text
    (row,) = [row for row in relay.store.transact(overview.sources) if row.name == SOURCE]
    assert row.ids_restarted_at == clock.at


def test_a_row_that_commits_late_stays_superseded_and_names_who_won(relay: Relay, clock: SetClock) -> None:
    written = clock.at - timedelta(seconds=30)
    write(relay, clock, 8)
    intake(relay, SOURCE)
    clock.advance(minutes=10)
    write(
        relay, clock, 7, "remove", created_at=written if relay.store.engine.dialect.name != "sqlite" else str(written)
    )
    intake(relay, SOURCE)
    assert outcomes(relay)[0] == ("superseded", "superseded by row 8, without a version")
    assert wanted(relay) == {"b-1": "20261224103000"}
