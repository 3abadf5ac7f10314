"""Bookings: what each booking system last said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, Executable, Integer, Row, Select, bindparam, func, select

from relay.booking import Booking, expiry
from relay.change import Details, Kind
from relay.snapshot import Known
from relay.store.columns import iso
from relay.store.rows import as_json, as_list, given_select, insert, is_one_of, is_worth_copying
from relay.store.schema import booking
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

_COLUMNS: Final[tuple[Column[Any], ...]] = tuple(booking.columns)
_NAMES: Final = tuple(booking.columns.keys())


def load(tx: Transaction, source: str, booking_ids: Iterable[str]) -> dict[str, Booking]:
    """The bookings of a source that are known, by id."""
    return {row.booking_id: _booking(row) for row in _found(tx, source, booking_ids)}


def load_known(tx: Transaction, source: str, booking_ids: Iterable[str]) -> dict[str, Known]:
    """As `load`, with the time as of which each is known."""
    rows = _found(tx, source, booking_ids)
    return {row.booking_id: Known(_booking(row), row.changed_at) for row in rows}


def _found(tx: Transaction, source: str, booking_ids: Iterable[str]) -> Iterable[Row[Any]]:
    return tx.run(_load(tx.dialect), {"source_name": source, "rows": as_list(booking_ids)})


@cache
def _load(dialect: str) -> Select[Any]:
    return select(booking).where(booking.c.source == bindparam("source_name"), is_one_of(dialect, booking.c.booking_id))


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


def add(tx: Transaction, source: str, bookings: Sequence[Booking]) -> None:
    """Insert bookings that are not known yet. Whoever saves bookings holds their source, so that this can be known."""
    if is_worth_copying(tx, bookings):
        now = iso(tx.now)
        insert(tx, booking, _NAMES, [_copied(source, b, tx.now, now) for b in bookings])
    else:
        save(tx, source, bookings)


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


def _copied(source: str, b: Booking, now: datetime, text_of_now: str) -> tuple[object, ...]:
    """As `_row`, in the order of the columns."""
    d, taken_at = b.details, b.taken_at
    taken = None if taken_at is None else text_of_now if taken_at == now else iso(taken_at)
    if d is None:
        said = (source, b.booking_id, b.row_id, b.row_version, b.version, b.source_system, True)
        return (*said, *_NOTHING, text_of_now, text_of_now, taken)
    ends_at = expiry(d)
    return (
        source,
        b.booking_id,
        b.row_id,
        b.row_version,
        b.version,
        b.source_system,
        False,
        d.resident_id,
        d.care_unit,
        d.kind.value,
        d.starts_at.isoformat() if d.starts_at is not None else None,
        d.invited_on.isoformat() if d.invited_on is not None else None,
        d.valid_until.isoformat() if d.valid_until is not None else None,
        d.presentable,
        d.data_controller,
        text_of_now,
        None if ends_at is None else iso(ends_at) if ends_at > now else text_of_now,
        taken,
    )


_NOTHING: Final = (None,) * 8  # the details of a booking that is removed


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
