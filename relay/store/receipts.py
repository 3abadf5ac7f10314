"""Receipts: what became of each outbox row.

The relay's commit and the outbox's mark are two commits in two databases. The receipt is written with the
first; a row that comes again because the second never happened is answered from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Executable, Select, bindparam, func, select

from relay.batch import Receipt, TakenEvent
from relay.store.columns import iso
from relay.store.rows import among, as_json, as_list, given_select, insert, is_one_of, is_worth_copying
from relay.store.schema import receipt
from relay.store.transaction import Transaction
from relay.store.upsert import upsert


def of_rows(tx: Transaction, source: str, row_ids: Iterable[int]) -> Mapping[int, Receipt]:
    """The receipts there are for these rows of a source."""
    rows = tx.run(_of_rows(tx.dialect), {"source_name": source, "rows": as_list(row_ids)})
    return {row.row_id: Receipt._make(row) for row in rows}


@cache
def _of_rows(dialect: str) -> Select[Any]:
    mine = (receipt.c.source == bindparam("source_name")) & is_one_of(dialect, receipt.c.row_id)
    return select(*(receipt.c[name] for name in Receipt._fields)).where(mine)


def events_taken(tx: Transaction, source: str, event_ids: Iterable[str]) -> dict[str, TakenEvent]:
    """Those of the event ids that a row of the source has taken, and who did."""
    rows = tx.run(_events_taken(tx.dialect), {"source_name": source, "rows": as_list(event_ids)})
    return {row.event_id: TakenEvent(row.row_id, row.content, row.event_booking) for row in rows}


@cache
def _events_taken(dialect: str) -> Select[Any]:
    mine = (receipt.c.source == bindparam("source_name")) & among(dialect, receipt.c.event_id)
    return select(receipt.c.event_id, receipt.c.row_id, receipt.c.content, receipt.c.event_booking).where(mine)


def newest(tx: Transaction, source: str) -> int | None:
    """The highest id of a row of the source that there is a receipt of."""
    number: int | None = tx.run(select(func.max(receipt.c.row_id)).where(receipt.c.source == source)).scalar()
    return number


_COPIED: Final = (
    "source", "row_id", "fingerprint", "event_id", "outcome", "reason", "booking_id", "by_row", "by_version", "content",
    "event_booking", "settled_at",
)  # fmt: skip


def add_new(tx: Transaction, source: str, receipts: Sequence[Receipt]) -> None:
    """Write receipts of rows that have none."""
    if is_worth_copying(tx, receipts):
        at = iso(tx.now)
        insert(tx, receipt, _COPIED, [(source, *r[:-1], at) for r in receipts])
    else:
        add(tx, source, receipts)


def add(tx: Transaction, source: str, receipts: Iterable[Receipt]) -> None:
    """Write receipts; one for a row id that has one replaces it."""
    rows = [r._asdict() | {"source": source, "settled_at": tx.now} for r in receipts]
    if rows:
        tx.run(_add(tx.dialect), {"rows": as_json(rows)})


@cache
def _add(dialect: str) -> Executable:
    columns = tuple(receipt.columns)
    return upsert(dialect, receipt, given_select(dialect, *columns), key=columns[:2], update=columns[2:])
