"""One bad thing at a time, of the kinds that once stopped more than themselves.

Not here: a single row that somebody's transaction holds, for SQLite locks the whole database (so that is what happens
here); PostgreSQL, MariaDB, SQL Server and Oracle pass such rows by, see `tests/outbox/contract/test_marking.py`. And
messages that are none of ours: this world has no broker, its workers are called by name, see
`tests/integration/test_broker_messages.py`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.simulation.machine import BOOKINGS, RESIDENTS, UNITS, Machine

SPOILT = ("resident_id", "care_unit", "starts_at", "version", "event_id")


class Isolation(Machine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.unmarkable: set[int] = set()

    @rule(booking=st.sampled_from(BOOKINGS), column=st.sampled_from(SPOILT))
    def write_poison_row(self, booking, column) -> None:
        """A value that the outbox's database cannot give out as text."""
        row_id = self.write(
            operation="upsert", booking_id=booking, resident_id=RESIDENTS[0], care_unit=UNITS[0],
            starts_at="2026-12-24T10:00:00", bad=True, spoilt=True,
        )  # fmt: skip
        self.world.outbox.execute(f"UPDATE ei_outbox SET {column} = CAST(X'62FF' AS TEXT) WHERE id = ?", [row_id])

    @precondition(lambda self: len(self.unmarkable) < 3)
    @rule(booking=st.sampled_from(BOOKINGS))
    def write_row_whose_outcome_cannot_be_written(self, booking) -> None:
        """A trigger of theirs refuses it: it is taken, and set aside until the trigger is gone."""
        row_id = self.write(operation="remove", booking_id=booking)
        self.world.outbox.execute(
            f"CREATE TRIGGER refuses_{row_id} BEFORE UPDATE OF outcome ON ei_outbox WHEN NEW.id = {row_id}"
            " BEGIN SELECT RAISE(ABORT, 'no outcome here'); END"
        )
        self.unmarkable.add(row_id)

    @precondition(lambda self: self.unmarkable)
    @rule()
    def outcomes_can_be_written_again(self) -> None:
        for row_id in self.unmarkable:
            self.world.outbox.execute(f"DROP TRIGGER refuses_{row_id}")
        self.unmarkable.clear()

    @precondition(lambda self: self.apart)
    @rule(times=st.integers(1, 3), seconds=st.sampled_from((1, 20)))
    def somebody_holds_the_outbox(self, times, seconds) -> None:
        """A transaction of theirs stays open: rows can be read, and not marked."""
        with closing(sqlite3.connect(self.world._outbox_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(times):
                self.work_once()
                self.world.advance(seconds)
            other.execute("ROLLBACK")

    @rule(times=st.integers(1, 2))
    def database_refuses_to_record(self, times) -> None:
        """Disk full, read-only, a trigger: for longer than any lease lasts, so that only the spool knows of an OK."""
        with closing(sqlite3.connect(self.world._path, isolation_level=None)) as database:
            database.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON ei_call BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )
            for _ in range(times):
                self.work_once()
            database.execute("DROP TRIGGER full")

    def over(self) -> None:
        self.outcomes_can_be_written_again()
        super().over()
