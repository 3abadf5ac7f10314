"""The state of everything, for people and for metrics: read-only, each question one statement.

The counts read the partial indexes of what waits and what is parked; only `posts_by_state` looks at all posts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Select, and_, case, func, select

from relay.post import ABSENT, DISCARDED
from relay.store.figures import read_no_table, waits_by_lane
from relay.store.lanes import LaneName
from relay.store.schema import booking, call, lane, post, source
from relay.store.transaction import Transaction

_LONGEST_CALL: Final = timedelta(minutes=10)

STATE = case(
    (post.c.parked_code == DISCARDED, "discarded"),
    (post.c.parked_code.is_not(None), "parked"),
    (post.c.wanted != post.c.known, "pending"),
    (post.c.wanted == ABSENT, "absent"),
    else_="indexed",
)


def posts_by_state(tx: Transaction) -> list[tuple[str, str, int]]:
    """(source, state, number) of all posts; states: indexed, pending, parked, discarded, absent."""
    state = STATE.label("state")
    rows = tx.run(
        select(lane.c.source, state, func.count().label("number"))
        .join(lane, lane.c.id == post.c.lane_id)
        .group_by(lane.c.source, state)
        .order_by(lane.c.source, state)
    )
    return [(row.source, row.state, row.number) for row in rows]


def lanes(tx: Transaction) -> list[Row[Any]]:
    """Every lane with `pending` (a number) and `oldest_pending_since` (or None), the longest that a live change waits;
    what goes in bulk is under no time limit (R-33, R-34)."""
    read_no_table(tx)
    waiting = waits_by_lane().subquery()
    return list(
        tx.run(
            select(
                lane,
                func.coalesce(waiting.c.posts, 0).label("pending"),
                waiting.c.oldest_live.label("oldest_pending_since"),
            )
            .outerjoin(waiting, waiting.c.lane_id == lane.c.id)
            .order_by(lane.c.engagement_index, lane.c.source_system)
        )
    )


class Respelt(NamedTuple):
    """A source system that was spelt otherwise before, and under that spelling has posts still (R-08)."""

    source: str
    was: str
    now: str


def respelt(tx: Transaction, rows: Iterable[Row[Any]], configured: Collection[LaneName]) -> list[Respelt]:
    """Of the lanes, those that are in the configuration in another spelling and have posts; asks only where there are
    such."""
    spelt = {(name.engagement_index, name.source_system.upper()): name.source_system for name in configured}
    found = []
    for row in rows:
        now = spelt.get((row.engagement_index, row.source_system.upper()), row.source_system)
        present = select(post.c.id).where(post.c.lane_id == row.id, post.c.wanted != ABSENT).limit(1)
        if now != row.source_system and tx.run(present).first() is not None:
            found.append(Respelt(row.source, row.source_system, now))
    return found


def last_failures(tx: Transaction, rows: Iterable[Row[Any]]) -> dict[int, Row[Any]]:
    """{lane id: its last call that failed} of those of the lanes that rest after one, where it is still kept.

    Calls are found by when they were started, so only those of the time since the first of these failures are read.
    """
    resting = {row.id: row.failed_at for row in rows if row.failures and row.failed_at is not None}
    if not resting:
        return {}
    since = min(resting.values()) - _LONGEST_CALL
    asked = select(call.c.id, call.c.lane_id, call.c.code, call.c.text, call.c.correlation_id)
    mine = and_(call.c.started_at >= since, call.c.lane_id.in_(sorted(resting)), call.c.ended_at.is_not(None))
    return {row.lane_id: row for row in tx.run(asked.where(mine).order_by(call.c.id))}


def lanes_and_failures(tx: Transaction) -> tuple[list[Row[Any]], dict[int, Row[Any]], datetime]:
    """The lanes, the last failures of those that rest, and when this was."""
    rows = lanes(tx)
    return rows, last_failures(tx, rows), tx.now


def sources(tx: Transaction) -> list[Row[Any]]:
    """Every source and how its outbox answers."""
    return list(tx.run(select(source).order_by(source.c.name)))


def state_of_lane(row: Row[Any], now: datetime) -> str:
    """paused, blocked, resting (after a failure), calling, or open."""
    if row.paused:
        return "paused"
    if row.blocked_code is not None:
        return "blocked"
    if row.open_call is not None:
        return "calling"
    return "resting" if row.next_call_at > now and row.failures else "open"


def posts_of_booking(tx: Transaction, booking_id: str, source_name: str | None) -> list[Row[Any]]:
    """All posts a booking has or has had, with their lane and their last call."""
    asked = post.c.booking_id == booking_id
    return list(tx.run(posts_with_calls().where(and_(asked, lane.c.source == source_name) if source_name else asked)))


def post_by_id(tx: Transaction, post_id: int) -> list[Row[Any]]:
    """The post of that number, if there is one."""
    return list(tx.run(posts_with_calls().where(post.c.id == post_id)))


def bookings(tx: Transaction, booking_id: str, source_name: str | None) -> list[Row[Any]]:
    """What is remembered of the bookings of that id, one a source."""
    asked = booking.c.booking_id == booking_id
    where = and_(asked, booking.c.source == source_name) if source_name else asked
    return list(tx.run(select(booking).where(where).order_by(booking.c.source)))


def posts_with_calls() -> Select[Any]:
    """Posts by id, with their state, their lane and the last call that carried them, where it is still kept."""
    return (
        select(
            post, STATE.label("state"), lane.c.engagement_index, lane.c.source_system, lane.c.source,
            call.c.correlation_id, call.c.ended_at.label("call_ended_at"), call.c.verdict, call.c.code,
        )
        .join(lane, lane.c.id == post.c.lane_id)
        .outerjoin(call, call.c.id == post.c.call_id)
        .order_by(post.c.id)
    )  # fmt: skip
