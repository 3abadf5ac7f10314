"""Rows of outboxes that are set aside: taken, but their outcome cannot be written, each for a reason of its own.

Rows that another transaction has held for a while are among them; those are tried again all the time. They are noted
for whoever looks (`status`, `outbox check`, the gauge), and for a worker that begins, so that it passes them over too.
Whoever finds that one can be marked takes its note away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select

from relay.backoff import pause
from relay.store.rows import as_json, given_select
from relay.store.schema import row_aside
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

HELD: Final = "another transaction holds it"
_FIRST_REST: Final = timedelta(minutes=1)
_LONGEST_REST: Final = timedelta(hours=1)


def set_aside(tx: Transaction, source: str, reasons: Mapping[int, str]) -> dict[int, timedelta]:
    """Note rows that cannot be marked, by id with the reason; how long each is to be left alone."""
    known = {row.row_id: row for row in _of(tx, source, reasons)}
    rests: dict[int, timedelta] = {}
    rows = []
    for row_id, reason in reasons.items():
        before = known.get(row_id)
        tries = before.tries + 1 if before is not None else 1
        rests[row_id] = pause(tries, _FIRST_REST, _LONGEST_REST, 0.0)
        since: datetime = before.since if before is not None else tx.now
        rows.append({"source": source, "row_id": row_id, "reason": reason[:500], "since": since, "tries": tries,
                     "next_at": tx.now + rests[row_id]})  # fmt: skip
    _write(tx, rows)
    return rests


def hold(tx: Transaction, source: str, for_: Mapping[int, timedelta]) -> None:
    """Note rows that another transaction holds, each with how long it has by now."""
    rows = [{"source": source, "row_id": row_id, "reason": HELD, "since": tx.now - since, "tries": 1, "next_at": tx.now}
            for row_id, since in for_.items()]  # fmt: skip
    known = {row.row_id for row in _of(tx, source, for_)}  # by another process, which saw it earlier
    _write(tx, [row for row in rows if row["row_id"] not in known])


def _write(tx: Transaction, rows: Sequence[Mapping[str, object]]) -> None:
    columns = tuple(row_aside.columns)
    statement = upsert(tx.dialect, row_aside, given_select(tx.dialect, *columns), key=columns[:2], update=columns[2:])
    tx.run(statement, {"rows": as_json(rows)})


def waiting(tx: Transaction, source: str) -> dict[int, timedelta]:
    """How long each of a source's rows is still to be left alone."""
    asked = select(row_aside.c.row_id, row_aside.c.next_at).where(row_aside.c.source == source)
    return {row.row_id: max(row.next_at - tx.now, timedelta(0)) for row in tx.run(asked)}


def forget(tx: Transaction, source: str, row_ids: Iterable[int]) -> None:
    """These rows have their outcome, or are gone."""
    mine = (row_aside.c.source == source) & row_aside.c.row_id.in_(list(row_ids))
    tx.run(delete(row_aside).where(mine))


def listed(tx: Transaction, source: str | None = None) -> list[Row[Any]]:
    """The rows that are set aside, of a source or of all, with the reason, since when and when they are next tried."""
    asked = select(row_aside).order_by(row_aside.c.source, row_aside.c.row_id)
    return list(tx.run(asked if source is None else asked.where(row_aside.c.source == source)))


def counted(tx: Transaction) -> dict[str, int]:
    """{source: how many of its rows are set aside}; a source that has none is left out."""
    asked = select(row_aside.c.source, func.count().label("number")).group_by(row_aside.c.source)
    return {row.source: row.number for row in tx.run(asked)}


def _of(tx: Transaction, source: str, row_ids: Iterable[int]) -> list[Row[Any]]:
    mine = (row_aside.c.source == source) & row_aside.c.row_id.in_(list(row_ids))
    return list(tx.run(select(row_aside).where(mine)))
