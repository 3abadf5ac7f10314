"""Settled rows of an outbox, read again: what became of them is known there, and perhaps no longer to the relay.

Both questions are bounded, however large the table is: the newest settled rows by id, and all rows in windows of ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select

from relay.change import OutboxRow
from relay.database import reading
from relay.outbox.outcomes import IDS_PER_STATEMENT, chunks
from relay.outbox.reader import OutboxReader, as_row
from relay.outbox.table import PREFIX, beginning_of, instant_said

WINDOW: Final = 5_000  # ids looked at by a statement
PAGE: Final = 1_000  # rows of a page: one transaction handles them
TAKEN: Final = ("taken", "superseded")  # the outcomes of rows that had a say in what their booking is


class SettledRow(NamedTuple):
    """A row that was taken, and what was written beside it."""

    row: OutboxRow
    outcome: str
    reason: str | None


def newest(reader: OutboxReader, limit: int, after: datetime | None) -> list[int]:
    """The ids of the source's own among the newest `limit` taken rows of the table, as far as they were taken after a
    time."""
    table = reader.table
    last = select(table.c.id).where(table.c.outcome.in_(TAKEN)).order_by(table.c.id.desc()).limit(limit)
    first = reader.past_locks(last).subquery("newest")
    asked = select(table.c.id).where(table.c.id.in_(select(first.c.id)), *_since(reader, after), *reader.share)
    with reading(reader.engine) as connection:
        return [int(row_id) for row_id in connection.execute(reader.past_locks(asked)).scalars()]


def of_events(reader: OutboxReader, event_ids: Iterable[str]) -> list[SettledRow]:
    """The source's taken rows that have one of these event ids, by id."""
    found: list[SettledRow] = []
    with reading(reader.engine) as connection:
        for some in chunks(sorted(set(event_ids)), IDS_PER_STATEMENT):
            question = reader.settled(connection).where(reader.table.c.outcome.in_(TAKEN), _of_events(reader, some))
            found += [SettledRow(as_row(row[:-2]), str(row[-2]), row[-1]) for row in connection.execute(question)]
    return sorted(found, key=lambda each: each.row.id)


def _of_events(reader: OutboxReader, event_ids: Sequence[str]) -> ColumnElement[bool]:
    column = reader.table.c.event_id
    if reader.engine.dialect.name != "oracle":
        return column.in_(event_ids)
    return and_(beginning_of(column).in_([event_id[:PREFIX] for event_id in event_ids]), column.in_(event_ids))


def pages(reader: OutboxReader, since: datetime) -> Iterator[list[SettledRow]]:
    """The source's rows that were taken since a time, by id, a page at a time; a page may be empty."""
    after: int | None = -1
    while after is not None:
        found, after = _window(reader, since, after)
        for start in range(0, max(len(found), 1), PAGE):
            yield found[start : start + PAGE]


def _window(reader: OutboxReader, since: datetime, after: int) -> tuple[list[SettledRow], int | None]:
    """The rows of the next window of ids, and its end; None where the table ends."""
    table = reader.table
    ids = select(table.c.id).where(table.c.id > bindparam("after")).order_by(table.c.id).limit(WINDOW)
    first = reader.past_locks(ids).subquery("ids")
    with reading(reader.engine) as connection:
        end = connection.execute(select(func.max(first.c.id)), {"after": after}).scalar_one()
        if end is None:
            return [], None
        between = table.c.id.between(bindparam(None, after + 1), bindparam(None, int(end)))
        question: Select[Any] = reader.settled(connection).where(
            between, table.c.outcome.in_(TAKEN), *_since(reader, since)
        )
        rows = connection.execute(question).all()
    return [SettledRow(as_row(row[:-2]), str(row[-2]), row[-1]) for row in rows], int(end)


def _since(reader: OutboxReader, since: datetime | None) -> list[ColumnElement[bool]]:
    if since is None:
        return []
    return [reader.table.c.relayed_at >= instant_said(since, reader.engine.dialect.name)]
