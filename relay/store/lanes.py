"""Lanes: one for each (index, source system), the unit of sequence (R-31), pause (R-35) and blame.

A lane is free, leased or paused; it may call at `next_call_at`; while `blocked_code` is set only a probe goes
out. `open_call` is written with the lease and cleared with the answer: a lane that is found free with an open
call is one whose worker died, and its call is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, or_, select, update

from relay.store import posts
from relay.store.lease import Lease, LeaseLost
from relay.store.rows import as_json, given_select
from relay.store.schema import lane
from relay.store.transaction import Transaction
from relay.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class LaneName:
    """A lane as configuration and messages name it; as text `index:source_system`."""

    engagement_index: str
    source_system: str

    def __str__(self) -> str:
        return f"{self.engagement_index}:{self.source_system}"

    @classmethod
    def parse(cls, text: str) -> LaneName:
        """The inverse of str(). Index names have no colon."""
        index, _, system = text.partition(":")
        return cls(index, system)


@dataclass(frozen=True, slots=True)
class TakenLane:
    """A lane as its new holder found it."""

    id: int
    name: LaneName
    lease: Lease
    open_call: int | None
    failures: int
    blocked: bool
    may_split: bool  # the pause between narrowing calls is over
    may_bulk: bool  # the pause between bulk calls is over


def ensure(tx: Transaction, lanes: Iterable[tuple[LaneName, str]]) -> None:
    """Make the lanes of the configuration, given as (name, source), where they are not there yet."""
    rows = [
        {"engagement_index": name.engagement_index, "source_system": name.source_system, "source": source}
        for name, source in lanes
    ]
    columns = (lane.c.engagement_index, lane.c.source_system, lane.c.source)
    statement = upsert(tx.dialect, lane, given_select(tx.dialect, *columns), key=columns[:2], update=columns[2:])
    tx.run(statement, {"rows": as_json(rows)})


def of_source(tx: Transaction, source: str) -> dict[LaneName, int]:
    """The ids of a source's lanes, each locked until commit.

    Whoever changes posts holds the lane first, so that intake and the recording of a call never wait for each
    other in a circle.
    """
    rows = tx.run(
        select(lane.c.engagement_index, lane.c.source_system, lane.c.id)
        .where(lane.c.source == source)
        .order_by(lane.c.id)
        .with_for_update()
    )
    return {LaneName(row.engagement_index, row.source_system): row.id for row in rows}


def due(tx: Transaction, engagement_index: str, key_spacing: timedelta) -> list[LaneName]:
    """The lanes of an index that somebody should take now."""
    allowed = posts.Allowed(tx.now - key_spacing, lane.c.next_split_at <= tx.now, lane.c.next_bulk_at <= tx.now)
    waiting = exists().where(posts.due(lane.c.id, allowed))
    rows = tx.run(
        select(lane.c.source_system)
        .where(lane.c.engagement_index == engagement_index, _free(tx.now), or_(lane.c.open_call.is_not(None), waiting))
        .order_by(lane.c.next_call_at)
    )
    return [LaneName(engagement_index, system) for (system,) in rows]


def take(tx: Transaction, name: LaneName, length: timedelta, ends: float) -> TakenLane | None:
    """Lease the lane, if it is free and may call. `ends` is `lease_end(length)`, asked before `tx` began."""
    row = tx.run(
        update(lane)
        .where(lane.c.engagement_index == name.engagement_index, lane.c.source_system == name.source_system)
        .where(_free(tx.now))
        .values(lease_token=lane.c.lease_token + 1, lease_until=tx.now + length)
        .returning(lane)
    ).one_or_none()
    return _taken(row, name, ends, tx.now) if row is not None else None


def open_call(tx: Transaction, taken: TakenLane, call_id: int) -> None:
    """Write down that a call is out."""
    _write(tx, taken, open_call=call_id)


def close_call(tx: Transaction, taken: TakenLane, **changes: object) -> None:
    """End the work of a lease: the call is no longer out, the lane is free, and `changes` hold.

    Raises LeaseLost; it is the first statement of its transaction, so that then nothing stands.
    """
    _write(tx, taken, open_call=None, lease_until=tx.now, **changes)


def _write(tx: Transaction, taken: TakenLane, **values: object) -> None:
    mine = and_(lane.c.id == bindparam("lane"), lane.c.lease_token == bindparam("token"))
    parameters = {"lane": taken.id, "token": taken.lease.token}
    if tx.run(update(lane).where(mine).values(**values), parameters).rowcount == 0:
        raise LeaseLost(f"the lease on lane {taken.name} was taken by another worker")


def _free(now: datetime) -> ColumnElement[bool]:
    may_call = or_(lane.c.open_call.is_not(None), lane.c.next_call_at <= now)
    return and_(lane.c.lease_until <= now, lane.c.paused.is_(False), may_call)


def _taken(row: Row[Any], name: LaneName, ends: float, now: datetime) -> TakenLane:
    return TakenLane(
        id=row.id,
        name=name,
        lease=Lease(row.lease_token, ends),
        open_call=row.open_call,
        failures=row.failures,
        blocked=row.blocked_code is not None,
        may_split=row.next_split_at <= now,
        may_bulk=row.next_bulk_at <= now,
    )
