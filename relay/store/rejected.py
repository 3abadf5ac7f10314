"""Rejected outbox rows, for people: the latest first, by the index that holds nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, and_, literal, or_, select

from relay.batch import REJECTED
from relay.store.schema import receipt
from relay.store.transaction import Store, Transaction

PAGE: Final = 1000


class Place(NamedTuple):
    """Where a page ended: go on with what is older."""

    settled_at: datetime
    source: str
    row_id: int


def listed(
    tx: Transaction,
    sources: list[str],
    since: datetime | None,
    until: datetime | None,
    before: Place | None,
    limit: int,
) -> list[Row[Any]]:
    """The rejected rows of these sources, the latest first, at most `limit`."""
    found = (list(tx.run(_of(source, since, until, before, limit))) for source in sources)
    return list(merge(*found, key=_place, reverse=True))[:limit]


def every(store: Store, sources: list[str], since: datetime | None, until: datetime | None) -> Iterator[Row[Any]]:
    """All of them, a page at a time."""
    before: Place | None = None
    while True:
        page = store.transact(lambda tx, before=before: listed(tx, sources, since, until, before, PAGE))  # type: ignore[misc]
        yield from page
        if len(page) < PAGE:
            return
        before = _place(page[-1])


def _place(row: Row[Any]) -> Place:
    return Place(row.settled_at, row.source, row.row_id)


def _of(source: str, since: datetime | None, until: datetime | None, before: Place | None, limit: int) -> Select[Any]:
    """A question for each source, so that the index on (source, settled_at) is read from its end."""
    at = receipt.c.settled_at
    asked = select(receipt).where(receipt.c.source == source)
    asked = asked.where(receipt.c.outcome == literal(REJECTED, literal_execute=True))
    if since is not None:
        asked = asked.where(at >= since)
    if until is not None:
        asked = asked.where(at < until)
    if before is not None:
        when = literal(before.settled_at, at.type)
        same = source < before.source
        asked = asked.where(
            or_(
                at < when,
                and_(at == when, receipt.c.row_id < before.row_id)
                if source == before.source
                else and_(at == when, literal(same)),
            )
        )
    return asked.order_by(at.desc(), receipt.c.row_id.desc()).limit(limit)
