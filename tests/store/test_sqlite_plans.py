"""That SQLite finds what a batch asks for by its key, and what the exporter asks for by the index made for it.

It has no statistics: joined with the rows that are given, it goes through all of a source's bookings for each of
them, which only shows when there are many.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.store import bookings, figures, receipts, snapshots
from relay.store.snapshots import Run
from relay.store.transaction import Store, Transaction
from tests.statements import recorded
from tests.store.conftest import SOURCE

QUESTIONS: dict[str, Callable[[Transaction], object]] = {
    "source=? AND booking_id=?": lambda tx: bookings.load(tx, SOURCE, ["b-1"]),
    "source=? AND row_id=?": lambda tx: receipts.of_rows(tx, SOURCE, [1]),
    "source=? AND event_id=?": lambda tx: receipts.events_taken(tx, SOURCE, ["e-1"]),
    "ei_receipt_rejected (source=? AND settled_at>?)": figures.rejected,
    "source=? AND run=? AND booking_id=?": lambda tx: snapshots.lines_of(tx, Run(SOURCE, 1), ["b-1"]),
}


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("key", QUESTIONS)
def test_it_is_asked_for_by_its_key(store: Store, key: str) -> None:
    with recorded(store.engine) as statements:
        store.transact(QUESTIONS[key])
    (asked,) = statements
    with store.engine.connect() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + asked, ("[]",) * asked.count("?"))
        assert any(key in row[3] for row in plan), asked
