"""Workers: every process that does the relay's work reports itself a few times a minute.

A row says where it runs, since when, how far its clock is from the database's, and what publishing rules its files make
of each source (`relay.flow.publishing.rules`). It is a report and no lease: nothing waits for a worker that has gone
silent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, select

from relay.store.ledgers import worker
from relay.store.rows import as_json, given_select
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

ALIVE: Final = timedelta(minutes=1)  # who has not reported for this long is taken for gone
KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What a process says of itself. `clock_offset_ms`: its own clock less the database's."""

    instance: str
    host: str
    version: str
    started_at: datetime
    clock_offset_ms: int | None
    lists: Mapping[str, str]


def report(tx: Transaction, said: Report) -> None:
    """Write a report; the first one keeps its `started_at`."""
    columns = tuple(worker.columns)
    rows = given_select(tx.dialect, *columns)
    changing = [column for column in columns if column.name not in ("instance", "started_at")]
    row = {
        "instance": said.instance[:200],
        "host": said.host[:128],
        "version": said.version[:64],
        "started_at": said.started_at,
        "seen_at": tx.now,
        "clock_offset_ms": said.clock_offset_ms,
        "lists": json.dumps(said.lists, sort_keys=True),
    }
    tx.run(upsert(tx.dialect, worker, rows, key=(worker.c.instance,), update=changing), {"rows": as_json([row])})


def gone(tx: Transaction, instance: str) -> None:
    """Take out a process that has ended in order."""
    tx.run(delete(worker).where(worker.c.instance == instance[:200]))


def every(tx: Transaction) -> list[Row[Any]]:
    """Every process that has reported within a day, the latest first."""
    return list(tx.run(select(worker).order_by(worker.c.seen_at.desc(), worker.c.instance)))


def alive(tx: Transaction) -> list[Row[Any]]:
    """The processes that are at work: those that have reported within `ALIVE`."""
    return [row for row in every(tx) if row.seen_at > tx.now - ALIVE]


def lists_of(row: Row[Any]) -> dict[str, str]:
    """{source: fingerprint} of a worker's row."""
    said: dict[str, str] = json.loads(row.lists) if row.lists else {}
    return said


def disagreeing(rows: Iterable[Row[Any]]) -> frozenset[str]:
    """The sources of which these workers' files say different things."""
    said: dict[str, set[str]] = {}
    for row in rows:
        for source, fingerprint in lists_of(row).items():
            said.setdefault(source, set()).add(fingerprint)
    return frozenset(source for source, fingerprints in said.items() if len(fingerprints) > 1)


def clocks(rows: Iterable[Row[Any]]) -> dict[str, float]:
    """{host: seconds that its clock is ahead of the database's}, of the latest report of each."""
    found: dict[str, float] = {}
    for row in rows:
        if row.clock_offset_ms is not None:
            found.setdefault(row.host, row.clock_offset_ms / 1000)
    return found


def drop_silent(tx: Transaction, before: datetime) -> int:
    """Forget processes that were last heard before a time."""
    return len(tx.run(delete(worker).where(worker.c.seen_at <= before).returning(worker.c.instance)).all())
