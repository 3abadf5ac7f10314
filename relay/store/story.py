"""What the story of a booking is told from: read-only, a few statements, each by an index.

Only `bookings_of_resident` reads a whole table, that of bookings: the question is rare, and an index on identities
would be paid for by every intake.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Row, Select, and_, func, literal, or_, select

from relay.store.schema import PENDING, booking, call, lane, post, receipt, source
from relay.store.transaction import Transaction

_MOST: Final = 500  # receipts of one booking


def sources(tx: Transaction) -> dict[str, Row[Any]]:
    """Every source there ever was, by name."""
    return {row.name: row for row in tx.run(select(source))}


def lanes(tx: Transaction) -> dict[int, Row[Any]]:
    """Every lane, by id."""
    return {row.id: row for row in tx.run(select(lane))}


def sources_of_booking(tx: Transaction, booking_id: str, names: Collection[str]) -> set[str]:
    """Those of the sources that know of a booking with this id: as a booking, or by rows that were not taken."""
    known = select(booking.c.source).where(booking.c.source.in_(names), booking.c.booking_id == booking_id)
    refused = select(receipt.c.source).where(receipt.c.source.in_(names), receipt.c.booking_id == booking_id)
    return set(tx.run(known).scalars()) | set(tx.run(refused.distinct()).scalars())


def row_of_booking(tx: Transaction, source_name: str, booking_id: str) -> Row[Any] | None:
    """What is remembered of the booking."""
    mine = and_(booking.c.source == source_name, booking.c.booking_id == booking_id)
    return tx.run(select(booking).where(mine)).one_or_none()


def bookings_of_resident(tx: Transaction, resident_id: str, limit: int) -> list[tuple[str, str]]:
    """(source, booking id) of the bookings of a person, the latest changed first."""
    asked = select(booking.c.source, booking.c.booking_id).where(booking.c.resident_id == resident_id)
    rows = tx.run(asked.order_by(booking.c.changed_at.desc()).limit(limit))
    return [(row.source, row.booking_id) for row in rows]


def receipts_of_booking(tx: Transaction, source_name: str, booking_id: str) -> list[Row[Any]]:
    """The receipts of the booking's rows that were not taken, latest first."""
    mine = and_(receipt.c.source == source_name, receipt.c.booking_id == booking_id)
    return list(tx.run(select(receipt).where(mine).order_by(receipt.c.row_id.desc()).limit(_MOST)))


def receipts_of_rows(tx: Transaction, source_name: str, row_ids: Iterable[int]) -> list[Row[Any]]:
    """The receipts of these rows of a source."""
    mine = and_(receipt.c.source == source_name, receipt.c.row_id.in_(sorted(row_ids)))
    return list(tx.run(select(receipt).where(mine)))


def receipts_of_row(tx: Transaction, row_id: int, names: Collection[str]) -> list[Row[Any]]:
    """The receipts that the sources have of a row with this number."""
    return list(tx.run(select(receipt).where(receipt.c.source.in_(names), receipt.c.row_id == row_id)))


def rows_of_event(tx: Transaction, event_id: str, names: Collection[str]) -> list[Row[Any]]:
    """(source, row_id, event_id) of the rows that took this event id."""
    took = and_(receipt.c.source.in_(names), receipt.c.event_id == event_id, receipt.c.event_id.is_not(None))
    return list(tx.run(select(receipt.c.source, receipt.c.row_id, receipt.c.event_id).where(took)))


def posts(tx: Transaction, source_name: str, booking_id: str) -> list[Row[Any]]:
    """The posts that the booking has or has had."""
    asked = select(post).join(lane, lane.c.id == post.c.lane_id)
    return list(tx.run(asked.where(post.c.booking_id == booking_id, lane.c.source == source_name).order_by(post.c.id)))


def calls(tx: Transaction, ids: Iterable[int]) -> dict[int, Row[Any]]:
    """The calls that are still kept, by id."""
    return {row.id: row for row in tx.run(select(call).where(call.c.id.in_(sorted(ids))))}


def carries(open_call: Row[Any] | None, post_id: int) -> bool:
    """Whether a call that is out carries this post."""
    if open_call is None or open_call.post_ids is None:
        return False
    return any(each["id"] == post_id for each in json.loads(open_call.post_ids))


def ahead_of(tx: Transaction, row: Row[Any]) -> int:
    """How many posts of its lane and pace wait before this one; counts at most what waits."""
    kinds = select(post.c.id).where(PENDING, post.c.lane_id == row.lane_id, post.c.suspect.is_(None))
    turn = or_(
        post.c.wanted_since < literal(row.wanted_since, post.c.wanted_since.type),
        and_(post.c.wanted_since == literal(row.wanted_since, post.c.wanted_since.type), post.c.id < row.id),
    )
    before: Select[Any] = kinds.where(turn, post.c.bulk.is_(bool(row.bulk)))
    number: int = tx.run(select(func.count()).select_from(before.subquery())).scalar_one()
    return number
