"""Held changes: what would have changed many posts at once, and waits for an operator's decision.

A change of the lists is held as a whole: the rules in force stay so. A change by the outbox is held by
booking: what the booking system said is written down, and the posts of these bookings stay as they are.

    held ──approve──▶ approved    done as bulk
      │ └──reject───▶ rejected    stays as it is: until the lists are others, or the booking is changed again or is over
      └──────────────▶ withdrawn  by itself: the lists are right again, or every booking was changed again
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Delete, Row, Select, bindparam, delete, exists, func, insert, select, tuple_, update

from relay.post import ABSENT
from relay.store.ledgers import held_booking, held_change
from relay.store.rows import as_json, given, given_select
from relay.store.schema import booking, lane, post
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

LISTS: Final = "lists"
REMOVALS: Final = "removals"
ARRIVALS: Final = "arrivals"
COMPARED: Final = "full list"  # found in the booking system's own tables (relay.flow.maintenance.full_list)
HELD, APPROVED, REJECTED, WITHDRAWN = "held", "approved", "rejected", "withdrawn"
COUNTS: Final = ("removed", "moved", "created", "changed")


def hold(
    tx: Transaction,
    source: str,
    kind: str,
    present: int,
    why: str,
    *,
    counts: Mapping[str, int],
    rules: str | None = None,
    details: str | None = None,
) -> int:
    """Note a change that is held from now on; its id."""
    values = {
        "source": source, "kind": kind, "status": HELD, "ground": rules, "held_at": tx.now, "grown_at": tx.now,
        "present": present, "why": why[:500], "details": details, **counts,
    }  # fmt: skip
    change_id: int = tx.run(insert(held_change).values(**values).returning(held_change.c.id)).scalar_one()
    return change_id


def hold_bookings(
    tx: Transaction,
    source: str,
    kind: str,
    booking_ids: Iterable[str],
    present: int,
    why: str,
    counts: Mapping[str, int],
) -> int:
    """Keep the posts of these bookings as they are: with the source's held change of that kind, or as a new one."""
    waits = (held_change.c.source == source) & (held_change.c.kind == kind) & (held_change.c.status == HELD)
    grown = {held_change.c[name]: held_change.c[name] + number for name, number in counts.items()}
    more = (
        update(held_change)
        .where(waits, held_change.c.ended_at.is_(None))
        .values({**grown, held_change.c.grown_at: tx.now})
    )
    found = tx.run(more.returning(held_change.c.id)).scalars().first()
    change_id: int = found if found is not None else hold(tx, source, kind, present, why, counts=counts)
    columns = (held_booking.c.source, held_booking.c.booking_id, held_booking.c.change_id)
    rows = as_json({"source": source, "booking_id": b, "change_id": change_id} for b in booking_ids)
    statement = upsert(
        tx.dialect, held_booking, given_select(tx.dialect, *columns), key=columns[:2], update=columns[2:]
    )
    tx.run(statement, {"rows": rows})
    return change_id


def release(tx: Transaction, source: str, booking_ids: Iterable[str]) -> None:
    """These bookings are kept back no more; a change of which none is left has ended."""
    rows = as_json({"booking_id": b} for b in booking_ids)
    tx.run(_release(tx.dialect), {"source_name": source, "rows": rows})
    end_empty(tx)


@cache
def _release(dialect: str) -> Delete:
    asked = given(dialect, held_booking.c.booking_id).c
    mine = held_booking.c.source == bindparam("source_name")
    return delete(held_booking).where(mine, held_booking.c.booking_id.in_(select(asked.booking_id)))


def end_empty(tx: Transaction) -> None:
    """End the changes that keep no booking back any more; one that nobody has decided on is withdrawn by that."""
    left = exists().where(held_booking.c.change_id == held_change.c.id)
    over = held_change.c.ended_at.is_(None) & (held_change.c.kind != LISTS) & ~left
    withdrawn = (held_change.c.status == HELD) & over
    tx.run(update(held_change).where(withdrawn).values(status=WITHDRAWN, ended_at=tx.now))
    tx.run(update(held_change).where(over).values(ended_at=tx.now))


def held_among(tx: Transaction, source: str, booking_ids: Iterable[str]) -> set[str]:
    """Those of the bookings that are kept as they are."""
    rows = as_json({"booking_id": b} for b in booking_ids)
    return set(tx.run(_held_among(tx.dialect), {"source_name": source, "rows": rows}).scalars())


@cache
def _held_among(dialect: str) -> Select[Any]:
    asked = given(dialect, held_booking.c.booking_id).c
    mine = held_booking.c.source == bindparam("source_name")
    return select(held_booking.c.booking_id).where(mine, held_booking.c.booking_id.in_(select(asked.booking_id)))


def of_booking(tx: Transaction, source: str, booking_id: str) -> Row[Any] | None:
    """The change that keeps a booking's posts as they are."""
    mine = (held_booking.c.source == source) & (held_booking.c.booking_id == booking_id)
    asked = select(held_change).join(held_booking, held_booking.c.change_id == held_change.c.id)
    return tx.run(asked.where(mine)).one_or_none()


def bookings_of(tx: Transaction, change_id: int, limit: int) -> list[str]:
    """The first of the bookings that a change keeps back."""
    asked = select(held_booking.c.booking_id).where(held_booking.c.change_id == change_id)
    return list(tx.run(asked.order_by(held_booking.c.booking_id).limit(limit)).scalars())


def still_held(tx: Transaction, change_id: int) -> int:
    """How many bookings a change keeps back."""
    asked = select(func.count()).select_from(held_booking).where(held_booking.c.change_id == change_id)
    number: int = tx.run(asked).scalar_one()
    return number


def by_id(tx: Transaction, change_id: int) -> Row[Any] | None:
    """One change, locked until commit."""
    return tx.run(select(held_change).where(held_change.c.id == change_id).with_for_update()).one_or_none()


def every(tx: Transaction, *, ended: bool = False) -> list[Row[Any]]:
    """The changes that keep something back; with `ended` also those that are over, the latest last."""
    asked = select(held_change).order_by(held_change.c.id)
    return list(tx.run(asked if ended else asked.where(held_change.c.ended_at.is_(None))))


def page(tx: Transaction, limit: int, before: int | None, source: str | None, status: str | None) -> list[Row[Any]]:
    """The latest changes, those that are over too, or those before one; of a source, in a state."""
    c = held_change.c
    asked = select(held_change).order_by(c.id.desc()).limit(limit)
    if before is not None:
        asked = asked.where(c.id < before)
    if source is not None:
        asked = asked.where(c.source == source)
    return list(tx.run(asked.where(c.status == status) if status is not None else asked))


def waiting(tx: Transaction) -> dict[str, int]:
    """{source: how many changes wait for an operator's decision}; a source without is left out."""
    c = held_change.c
    asked = select(c.source, func.count().label("number")).where(c.status == HELD, c.ended_at.is_(None))
    return {row.source: row.number for row in tx.run(asked.group_by(c.source))}


def of_rules(tx: Transaction, source: str, rules: str) -> Row[Any] | None:
    """The change of the lists to those rules which is held, or was rejected and not followed since."""
    c = held_change.c
    asked = select(held_change).where(c.source == source, c.kind == LISTS, c.ground == rules, c.ended_at.is_(None))
    return tx.run(asked.order_by(c.id).limit(1)).one_or_none()


def withdraw_lists(tx: Transaction, source: str, but: str | None = None) -> int:
    """End the held and rejected changes of the lists, but one to the rules `but`: the lists are others now."""
    c = held_change.c
    mine = (c.source == source) & (c.kind == LISTS) & c.ended_at.is_(None)
    if but is not None:
        mine &= c.ground != but
    tx.run(update(held_change).where(mine, c.status == HELD).values(status=WITHDRAWN))
    return len(tx.run(update(held_change).where(mine).values(ended_at=tx.now).returning(c.id)).all())


def decide(tx: Transaction, change_id: int, status: str, who: str, reason: str) -> None:
    """Note an operator's decision."""
    values = {"status": status, "decided_at": tx.now, "decided_by": who[:128], "reason": reason[:500]}
    tx.run(update(held_change).where(held_change.c.id == change_id).values(**values))


def end(tx: Transaction, change_id: int) -> None:
    """Note that a change keeps nothing back any more."""
    tx.run(update(held_change).where(held_change.c.id == change_id).values(ended_at=tx.now))


def drop_over(tx: Transaction, before: datetime) -> int:
    """Let go of bookings that were over before a time and have no post, and end changes of which none is left."""
    over = exists().where(
        booking.c.source == held_booking.c.source,
        booking.c.booking_id == held_booking.c.booking_id,
        (booking.c.over_at.is_(None)) | (booking.c.over_at > before),
    )
    shown = exists().where(
        post.c.booking_id == held_booking.c.booking_id,
        post.c.wanted != ABSENT,
        lane.c.id == post.c.lane_id,
        lane.c.source == held_booking.c.source,
    )
    key = (held_booking.c.source, held_booking.c.booking_id)
    found = select(*key).where(~over, ~shown).limit(5_000)
    rows = tx.run(delete(held_booking).where(tuple_(*key).in_(found)).returning(held_booking.c.booking_id)).all()
    end_empty(tx)
    return len(rows)


def drop_ended(tx: Transaction, before: datetime) -> int:
    """Forget changes that ended before a time."""
    return len(tx.run(delete(held_change).where(held_change.c.ended_at <= before).returning(held_change.c.id)).all())
