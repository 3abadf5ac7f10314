"""Booking systems that write all the while, in plain SQL, and do not give up on a database that is away.

What they write is planned by a seed; how far they get depends on the day. Each row bears its id, so that after a
commit whose answer was lost a booking system can see whether it was done, as a careful one does.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.chaos.stage import CANARY
from tests.integration import residents
from tests.integration.changes import Batch, Columns, Plan, Row, World, now_in_sweden, plan
from tests.integration.expected import Commit
from tests.integration.site import Site, Source, insert_sql

WRITERS: Final = 2  # of each booking system, each with bookings of its own
BOOKINGS: Final = 120  # of each booking system
ROWS_A_SECOND: Final = 6.0  # of each writer, about
UNITS: Final = tuple(f"SE2321000016-1HZ{n}" for n in range(8))


@dataclass(frozen=True)
class Written:
    """What one booking system has written, and when."""

    source: Source
    plan: Plan
    commits: dict[int, Commit]


class BookingSystems:
    """Begin to write with `start`; `stop` ends it and says what was written. `seconds`: of writing, at most."""

    def __init__(self, site: Site, seconds: float, seed: str) -> None:
        self._stop = threading.Event()
        self._site = site
        self._start = now_in_sweden()
        self.over_at = time.monotonic() + seconds + 1  # when the last time has passed (`time.monotonic`)
        self._written = {
            source.name: Written(source, self._plan(source, seconds, seed), {})
            for source in site.sources.values()
            if source.name != CANARY
        }
        self._threads = []
        for written in self._written.values():
            for writer in range(WRITERS):
                batches = [batch for batch in written.plan.batches if batch.writer == writer]
                work = (written, batches, Random(f"{seed} {written.source.name} {writer}"))
                self._threads.append(threading.Thread(target=self._write, args=work, daemon=True))

    def start(self) -> BookingSystems:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> list[Written]:
        """End; what is being written is finished."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for written in self._written.values():
            done = [batch for batch in written.plan.batches if batch.rows[0].id in written.commits]
            written.plan.batches[:] = done
        return list(self._written.values())

    def change_again(self, written: Written, booking_ids: set[str]) -> int:
        """Write the standing state of bookings once more, as new changes: what gives parked posts a new chance."""
        number = max((row.id for row in written.plan.rows), default=0)
        rows = []
        for booking_id in sorted(booking_ids):
            standing = _standing(written.plan, booking_id)
            if standing is not None:
                number += 1
                columns = {name: value for name, value in standing.items() if name != "event_id"}
                rows.append(
                    Row(number, columns | ({"version": columns["version"] + 1} if "version" in columns else {}))
                )
        if rows:
            batch = Batch(0, rows, late=False)
            written.plan.batches.append(batch)
            written.commits.update(self._commit(self._site.outbox(written.source.name), written.source, batch))
        return len(rows)

    def _plan(self, source: Source, seconds: float, seed: str) -> Plan:
        world = World(source.name, source.source_systems, UNITS, self._start, seconds, WRITERS, any_value=True)
        size = int(seconds * ROWS_A_SECOND * WRITERS * 1.2)
        return plan(world, size, BOOKINGS, f"{seed} {source.name}", late=0)

    def _write(self, written: Written, batches: list[Batch], random: Random) -> None:
        engine = create_engine(self._url(written.source), connect_args={"connect_timeout": 5})
        for batch in batches:
            if self._stop.wait(len(batch.rows) / ROWS_A_SECOND * random.uniform(0.5, 1.3)):
                break
            written.commits.update(self._commit(engine, written.source, batch))
        engine.dispose()

    def _url(self, source: Source) -> str:
        return source.outbox_url or self._site.database_url

    def _commit(self, engine: Engine, source: Source, batch: Batch) -> dict[int, Commit]:
        """Write a transaction, however long the database is away."""
        after = time.monotonic()
        while not _tried(engine, source.outbox_table, batch):
            time.sleep(0.2)
        done = Commit(after, time.monotonic())
        return {row.id: done for row in batch.rows}


class Canaries:
    """Bookings that only ask whether work goes on: a fresh one each time, far in the future.

    Two are written each second, whatever happens, so that their lane is in the midst of every trouble.
    """

    def __init__(self, site: Site) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_steadily, daemon=True)
        self._site = site
        self._engine = create_engine(site.database_url, connect_args={"connect_timeout": 5})
        self._table = site.sources[CANARY].outbox_table
        self._lock = threading.Lock()
        self.written = 0
        self.written_at: dict[str, float] = {}  # of each, when its commit was done (`time.monotonic`)

    def write(self) -> str:
        """Write one, however long the database is away; its booking id."""
        with self._lock:
            self.written += 1
            number = self.written
        booking_id = f"canary-{number}"
        columns: Columns = {
            "operation": "upsert", "booking_id": booking_id, "resident_id": residents.TOLVAN, "care_unit": UNITS[0],
            "starts_at": datetime(2030, 5, 4, 8, 15),
        }  # fmt: skip
        while not _tried(self._engine, self._table, Batch(0, [Row(number, columns)], late=False)):
            time.sleep(0.05)
        self.written_at[booking_id] = time.monotonic()
        return booking_id

    def start(self) -> Canaries:
        """Begin to write steadily; returns at once."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Write no more, and let go of the database."""
        self._stop.set()
        self._thread.join()
        self._engine.dispose()

    def _write_steadily(self) -> None:
        random = Random(0)
        while not self._stop.wait(random.uniform(0.3, 0.7)):  # not in step with the relay's looks
            self.write()

    def are_in_the_index(self) -> int:
        """How many of them the index holds."""
        return sum(post.booking_id.startswith("canary-") for post in self._site.index.posts())


def _tried(engine: Engine, table: str, batch: Batch) -> bool:
    """Whether the batch's rows are there now; a try that failed may have been done."""
    try:
        with engine.begin() as connection:
            if connection.execute(text(f"SELECT 1 FROM {table} WHERE id = :id"), {"id": batch.rows[0].id}).first():
                return True
            for row in batch.rows:
                columns = row.columns | {"id": row.id}
                connection.execute(text(insert_sql(table, columns)), columns)
    except DBAPIError:
        return False
    return True


def _standing(plan: Plan, booking_id: str) -> Columns | None:
    """The state of a booking that stands: of its good rows the one of the highest version, then id."""
    rows = [row for row in plan.rows if row.columns["booking_id"] == booking_id and not row.wrong and not row.repeats]
    return max(rows, key=lambda row: (row.columns.get("version", 0), row.id)).columns if rows else None
