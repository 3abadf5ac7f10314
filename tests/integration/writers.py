"""Booking systems at work: every writer of a plan on connections of its own, all at the same time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Connection, Engine, text

from tests.integration.changes import Batch, Columns, Plan
from tests.integration.expected import Commit
from tests.integration.site import Site, insert_sql

LATE_BY = 4  # transactions of the same writer that begin and commit before a late one does


class Writers:
    """Writes plans, spread over `seconds`; `commits` says of each (source, row id) when it was committed.

    The last batches of each writer, `held_back` of them as a share, wait until the test has seen what is to happen
    before they are written, and calls `release`.
    """

    def __init__(self, site: Site, plans: Iterable[Plan], seconds: float, held_back: float = 0.0) -> None:
        self.commits: dict[str, dict[int, Commit]] = {}
        self.failures: list[BaseException] = []
        self.slowest = 0.0  # the longest that any insert or commit took
        self._seconds = seconds
        self._held_back = held_back
        self._released = threading.Event()
        self._threads = []
        for plan in plans:
            of_source = self.commits[plan.source] = {}
            for writer in sorted({batch.writer for batch in plan.batches}):
                batches = [batch for batch in plan.batches if batch.writer == writer]
                work = (site.outbox(plan.source), site.sources[plan.source].outbox_table, batches, of_source)
                self._threads.append(threading.Thread(target=self._guarded, args=work, daemon=True))

    def start(self) -> Writers:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()
        return self

    def release(self) -> None:
        """Let them write what is held back, too."""
        self._released.set()

    @property
    def are_writing(self) -> bool:
        """Whether any has more to write."""
        return any(thread.is_alive() for thread in self._threads)

    def _guarded(self, engine: Engine, table: str, batches: list[Batch], commits: dict[int, Commit]) -> None:
        try:
            self._write(engine, table, batches, commits)
        except BaseException as error:  # told to the test, which looks at the end
            self.failures.append(error)

    def _write(self, engine: Engine, table: str, batches: list[Batch], commits: dict[int, Commit]) -> None:
        began = time.monotonic()
        waiting: deque[tuple[int, Connection, Batch]] = deque()
        for number, batch in enumerate(batches):
            if number == len(batches) - int(len(batches) * self._held_back):
                stopped = time.monotonic()
                self._released.wait()
                began += time.monotonic() - stopped
            connection = engine.connect()
            started = time.monotonic()
            for row in batch.rows:
                columns = _plain(row.columns, engine.dialect.name) | {"id": row.id}
                connection.execute(text(insert_sql(table, columns)), columns)
            self.slowest = max(self.slowest, time.monotonic() - started)
            if batch.late:
                waiting.append((number, connection, batch))
            else:
                self._commit(connection, batch, commits)
            while waiting and waiting[0][0] + LATE_BY <= number:
                self._commit(*waiting.popleft()[1:], commits)
            time.sleep(max(0, began + self._seconds * (number + 1) / len(batches) - time.monotonic()))
        for _, connection, batch in waiting:
            self._commit(connection, batch, commits)

    def _commit(self, connection: Connection, batch: Batch, commits: dict[int, Commit]) -> None:
        after = time.monotonic()
        connection.commit()
        done = Commit(after, time.monotonic())
        connection.close()
        self.slowest = max(self.slowest, done.before - done.after)
        commits.update((row.id, done) for row in batch.rows)


def _plain(columns: Columns, dialect: str) -> Columns:
    """Values as a booking system of that database writes them: SQLite's times are ISO text."""
    if dialect != "sqlite":
        return columns
    return {name: value.isoformat() if isinstance(value, datetime | date) else value for name, value in columns.items()}
