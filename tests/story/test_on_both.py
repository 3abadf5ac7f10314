"""The story's questions on both kinds of database: what PostgreSQL is asked is understood by it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from relay.flow.actions.operations import Request, reprocess
from relay.flow.inquiry.found import Found, Inquiry
from relay.flow.inquiry.gather import gather
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox.table import outbox_table
from relay.store import condition, rejected, runs, sources
from relay.store.selection import Selection, listed
from relay.story.story import as_text, tell
from tests.clock import SetClock
from tests.made import RESIDENT, UNIT
from tests.store.conftest import SOURCE, relay

__all__ = ["relay"]


@pytest.fixture
def booked(relay: Relay, clock: SetClock) -> Relay:
    """Two bookings that wait to be sent, one of them superseded and rejected since."""
    right: dict[str, object] = {
        "operation": "upsert",
        "resident_id": RESIDENT,
        "care_unit": UNIT,
        "starts_at": "2099-12-24 10:30:00",
    }
    rows = [
        {"booking_id": "b-0", "event_id": "e-0", "version": 1},
        {"booking_id": "b-1", "event_id": "e-1", "version": 9},
        {"booking_id": "b-1", "event_id": "e-2", "version": 5},
        {"booking_id": "b-1", "event_id": "e-1", "version": 9},
        {"booking_id": "b-1", "event_id": "e-3", "version": 10, "care_unit": "a b"},
    ]
    table = outbox_table(dialect=relay.store.engine.dialect.name)
    if relay.store.engine.dialect.name == "postgresql":
        right["starts_at"] = datetime(2099, 12, 24, 10, 30)
    with relay.store.engine.begin() as connection:
        for row in rows:
            connection.execute(insert(table).values(**(right | row)))
    intake(relay, SOURCE)
    relay.store.transact(lambda tx: sources.checked(tx, SOURCE, None, None, tx.now + timedelta(minutes=1)))
    return relay


def test_a_story_is_told(booked: Relay) -> None:
    # given
    inquiry = Inquiry(booked)
    asked = [inquiry.of_booking("b-1"), inquiry.of_row(3), inquiry.of_event("e-2")]
    assert asked == [[Found(SOURCE, "b-1")]] * 3
    assert {found.booking_id for found in inquiry.of_resident(RESIDENT, 9)} == {"b-0", "b-1"}
    # when
    story = tell(gather(booked, asked[0][0]))
    # then
    text = as_text([story])
    assert RESIDENT not in text
    assert "row 3 ended superseded: row 2 with version 9 had been taken" in text
    assert "row 4 ended duplicate: it repeats the event_id of row 2" in text
    assert story.answer.sentence.startswith("It is not in the index, because row 5 was rejected: care_unit: was ")
    other = tell(gather(booked, Found(SOURCE, "b-0")))
    assert (other.answer.reason, other.answer.in_index) == ("in_turn", False)


def test_what_is_listed(booked: Relay) -> None:
    store = booked.store
    assert [row.row_id for row in store.transact(lambda tx: rejected.listed(tx, [SOURCE], None, None, None, 9))] == [5]
    assert [row.booking_id for row in listed(store, Selection(state=("pending",)), 0, 9)] == ["b-0", "b-1"]
    assert [row.booking_id for row in listed(store, Selection(source=SOURCE), 0, 1)] == ["b-0"]
    assert condition.look(store.engine).ok


def test_a_run_is_begun_listed_and_cancelled(booked: Relay) -> None:
    store = booked.store
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ei_post SET known = wanted")
    done = reprocess(store, Selection(source=SOURCE), Request("anna", "reprocess", "restored"))
    assert [(row.id, waiting) for row, waiting in store.transact(lambda tx: runs.listed(tx, 9))] == [(done["run"], 2)]
    assert runs.cancel(store, done["run"]) == 2
    assert listed(store, Selection(state=("pending",)), 0, 9) == []
