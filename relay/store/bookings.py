"""Bookings: what each booking system last said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, Executable, Integer, Row, Select, bindparam, func, select

from relay.booking import Booking, expiry
from relay.change import Details, Kind
from relay.snapshot import Known
from relay.store.rows import as_json, given, given_select
from relay.store.schema import booking
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

_COLUMNS: Final[tuple[Column[Any], ...]] = tuple(booking.columns)


def load(tx: Transaction, source: str, booking_ids: Iterable[str]) -> dict[str, Booking]:
    """The bookings of a source that are known, by id."""
    rows = tx.run(_load(tx.dialect), {"source_name": source, "rows": as_json({"booking_id": b} for b in booking_ids)})
    return {row.booking_id: _booking(row) for row in rows}


def load_known(tx: Transaction, source: str, booking_ids: Iterable[str]) -> dict[str, Known]:
    """As `load`, with the time as of which each is known."""
    rows = tx.run(_load(tx.dialect), {"source_name": source, "rows": as_json({"booking_id": b} for b in booking_ids)})
    return {row.booking_id: Known(_booking(row), row.changed_at) for row in rows}


@cache
def _load(dialect: str) -> Select[Any]:
    asked = given(dialect, booking.c.booking_id).c
    # IN, not a join: SQLite would go through all of the source's bookings for each row that is given.
    mine = (booking.c.source == bindparam("source_name")) & booking.c.booking_id.in_(select(asked.booking_id))
    return select(booking).where(mine)


def page(tx: Transaction, source: str, after: str, limit: int) -> list[Booking]:
    """The source's next bookings in the order of the database, the removed left out; `after` is the id of the last
    one of the page before, "" for the first."""
    parameters = {"source_name": source, "after": after, "page_limit": limit}
    return [_booking(row) for row in tx.run(_PAGE, parameters)]


_PAGE: Final = (
    select(booking)
    .where(booking.c.source == bindparam("source_name"), booking.c.booking_id > bindparam("after"))
    .where(booking.c.removed.is_(False))  # their posts are wanted absent already
    .order_by(booking.c.booking_id)
    .limit(bindparam("page_limit", type_=Integer()))
)


def number(tx: Transaction, source: str) -> int:
    """How many bookings of a source are not removed: for a bar that shows how far something has come."""
    there = select(func.count()).where(booking.c.source == source, booking.c.removed.is_(False))
    counted: int = tx.run(there).scalar_one()
    return counted


def of_system(tx: Transaction, source: str, source_system: str, limit: int) -> list[Booking]:
    """Bookings of one of the source's systems, the removed too."""
    asked = select(booking).where(booking.c.source == source, booking.c.source_system == source_system)
    return [_booking(row) for row in tx.run(asked.order_by(booking.c.booking_id).limit(limit))]


def save(tx: Transaction, source: str, bookings: Iterable[Booking], as_of: datetime | None = None) -> None:
    """Insert or replace. `as_of` is the time they are known to be true of (None: now)."""
    save_as_of(tx, source, {as_of or tx.now: bookings})


def save_as_of(tx: Transaction, source: str, bookings: Mapping[datetime, Iterable[Booking]]) -> None:
    """As `save`, by the time they are known to be true of."""
    rows = [_row(source, b, as_of) for as_of, some in bookings.items() for b in some]
    if rows:
        tx.run(_save(tx.dialect), {"rows": as_json(rows)})


@cache
def _save(dialect: str) -> Executable:
    return upsert(dialect, booking, given_select(dialect, *_COLUMNS), key=_COLUMNS[:2], update=_COLUMNS[2:])


def _row(source: str, b: Booking, now: datetime) -> Mapping[str, object]:
    d = b.details
    said = {
        "source": source,
        "booking_id": b.booking_id,
        "row_id": b.row_id,
        "row_version": b.row_version,
        "version": b.version,
        "source_system": b.source_system,
        "removed": d is None,
        "changed_at": now,
        "taken_at": b.taken_at,
    }
    if d is None:
        return said | {"over_at": now}
    ends_at = expiry(d)
    return said | {
        "over_at": max(ends_at, now) if ends_at is not None else None,
        "resident_id": d.resident_id,
        "care_unit": d.care_unit,
        "kind": d.kind.value,
        "starts_at": d.starts_at.isoformat() if d.starts_at else None,
        "invited_on": d.invited_on.isoformat() if d.invited_on else None,
        "valid_until": d.valid_until.isoformat() if d.valid_until else None,
        "presentable": d.presentable,
        "data_controller": d.data_controller,
    }


def _booking(row: Row[Any]) -> Booking:
    details = None
    if not row.removed:
        details = Details(
            resident_id=row.resident_id,
            care_unit=row.care_unit,
            kind=Kind(row.kind),
            starts_at=datetime.fromisoformat(row.starts_at) if row.starts_at else None,
            invited_on=date.fromisoformat(row.invited_on) if row.invited_on else None,
            valid_until=datetime.fromisoformat(row.valid_until) if row.valid_until else None,
            presentable=row.presentable,
            data_controller=row.data_controller,
        )
    return Booking(
        booking_id=row.booking_id,
        row_id=row.row_id,
        row_version=row.row_version,
        version=row.version,
        source_system=row.source_system,
        details=details,
        taken_at=max(row.taken_at or row.changed_at, row.changed_at),  # older versions note the latter only
    )
