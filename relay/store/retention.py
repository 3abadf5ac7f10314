"""What is over, taken out a batch at a time: each a short transaction, none of which waits for a row in use.

Nothing that the relay needs for its work goes: a post only when the index is known to hold nothing under its key and
has not heard of it for longer than the spacing (R-32); a booking first loses what is personal and keeps its versions,
so that an older one that comes late stays superseded; a call that is out stays, and so does a list that somebody is
at.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, delete, exists, null, or_, select, true, tuple_, update

from relay.post import ABSENT, DISCARDED
from relay.store import snapshots
from relay.store.ledgers import audit, chore, run
from relay.store.rows import as_json, given_select
from relay.store.schema import booking, call, lane, post, receipt
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

BATCH: Final = 5_000  # rows; a fraction of a second's work


def take_turn(tx: Transaction, name: str, interval: timedelta, held: datetime | None = None) -> datetime | None:
    """Take the chore's turn, or keep it: when it is next due, which also names the holder; None: it is not ours.

    `held` is what was given last time, by one who goes on. Whoever stops midway leaves the chore to the next one
    after `interval`.
    """
    upserted = upsert(tx.dialect, chore, given_select(tx.dialect, chore.c.name), key=(chore.c.name,), update=())
    if held is None:
        tx.run(upserted, {"rows": as_json([{"name": name}])})
    due = chore.c.next_at <= tx.now if held is None else chore.c.next_at == held
    next_at = tx.now + interval
    taken = tx.run(update(chore).where(chore.c.name == name, due).values(next_at=next_at).returning(chore.c.name))
    return next_at if taken.first() is not None else None


def forget_persons(tx: Transaction, before: datetime) -> int:
    """Take what is personal from bookings that were over before a time: tombstones remain."""
    over = and_(booking.c.removed.is_(False), booking.c.over_at.is_not(None), booking.c.over_at <= before)
    emptied = {
        column: null()
        for column in (
            booking.c.resident_id, booking.c.care_unit, booking.c.kind, booking.c.starts_at, booking.c.invited_on,
            booking.c.valid_until, booking.c.presentable, booking.c.data_controller,
        )
    }  # fmt: skip
    key = (booking.c.source, booking.c.booking_id)
    found = _first(select(*key).where(over).order_by(booking.c.over_at))
    changed = update(booking).where(tuple_(*key).in_(found)).values({booking.c.removed: true(), **emptied})
    return len(tx.run(changed.returning(booking.c.booking_id)).all())


def drop_tombstones(tx: Transaction, before: datetime) -> int:
    """Forget bookings that were over before a time altogether."""
    over = and_(booking.c.removed.is_(True), booking.c.over_at.is_not(None), booking.c.over_at <= before)
    key = (booking.c.source, booking.c.booking_id)
    found = _first(select(*key).where(over).order_by(booking.c.over_at))
    return len(tx.run(delete(booking).where(tuple_(*key).in_(found)).returning(booking.c.booking_id)).all())


def drop_absent_posts(tx: Transaction, before: datetime) -> int:
    """Forget posts of which the index holds nothing and has heard nothing since a time.

    A delete that is still to be sent again stays, twice as long at most.

    A lane with a call out is left alone: what that call does is still to be found out, and since when a post is not
    wanted says nothing of when it was sent, for it is the writer's word.
    """
    is_out = exists().where(lane.c.id == post.c.lane_id, lane.c.open_call.is_not(None))
    gone = and_(
        post.c.wanted == ABSENT,
        post.c.known == ABSENT,
        post.c.wanted_since <= before,
        or_(post.c.sent_at.is_(None), post.c.sent_at <= before),
        or_(post.c.unconfirmed == 0, post.c.sent_at <= before - (tx.now - before)),
        ~is_out,
    )
    found = _first(select(post.c.id).where(gone).order_by(post.c.wanted_since))
    return len(tx.run(delete(post).where(post.c.id.in_(found)).returning(post.c.id)).all())


def drop_discarded_posts(tx: Transaction, before: datetime) -> int:
    """Forget posts that nobody wants any more and whose delete an operator discarded before a time."""
    given_up = and_(post.c.parked_code == DISCARDED, post.c.wanted == ABSENT, post.c.parked_at <= before)
    found = _first(select(post.c.id).where(given_up).order_by(post.c.parked_at))
    return len(tx.run(delete(post).where(post.c.id.in_(found)).returning(post.c.id)).all())


def drop_receipts(tx: Transaction, source: str, before: datetime) -> int:
    """Forget receipts of a source's rows that were settled before a time, as far as they come first by id.

    Ids grow with time, nearly: so the key leads to the old ones, and no index of its own must be kept.
    """
    first = (
        select(receipt.c.row_id, receipt.c.settled_at)
        .where(receipt.c.source == source)
        .order_by(receipt.c.row_id)
        .limit(BATCH)
        .subquery()
    )
    old = select(first.c.row_id).where(first.c.settled_at <= before)
    gone = delete(receipt).where(receipt.c.source == source, receipt.c.row_id.in_(old)).returning(receipt.c.row_id)
    return len(tx.run(gone).all())


def drop_snapshots(tx: Transaction, before: datetime) -> int:
    """Forget what was noted of lists of which nothing was heard since a time: whoever was at them is dead."""
    return snapshots.drop_abandoned(tx, before, BATCH)


def drop_calls(tx: Transaction, before: datetime) -> int:
    """Forget calls that ended and were started before a time."""
    old = and_(call.c.started_at <= before, call.c.ended_at.is_not(None))
    found = select(call.c.id).where(old).order_by(call.c.started_at).limit(BATCH)
    return len(tx.run(delete(call).where(call.c.id.in_(found)).returning(call.c.id)).all())


def drop_audit(tx: Transaction, before: datetime) -> int:
    """Forget entries of the audit log that were written before a time."""
    first = select(audit.c.id, audit.c.at).order_by(audit.c.id).limit(BATCH).subquery()
    old = select(first.c.id).where(first.c.at <= before)
    return len(tx.run(delete(audit).where(audit.c.id.in_(old)).returning(audit.c.id)).all())


def drop_runs(tx: Transaction, before: datetime) -> int:
    """Forget mass resends that were last heard of before a time."""
    found = select(run.c.id).where(run.c.heard_at <= before).order_by(run.c.id).limit(BATCH)
    return len(tx.run(delete(run).where(run.c.id.in_(found)).returning(run.c.id)).all())


def _first(found: Select[Any]) -> Select[Any]:
    """The first batch of the rows found that nobody else is changing, looked up once."""
    rows = found.limit(BATCH).with_for_update(skip_locked=True).cte("old")
    rows = rows.prefix_with("MATERIALIZED", dialect="postgresql")  # or the limit would not hold, whatever the plan
    return select(*rows.c)
