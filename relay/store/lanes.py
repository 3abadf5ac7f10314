"""Lanes: one for each (index, source system), the unit of sequence (R-31), pause (R-35) and blame.

A lane is free, leased or paused; it may call at `next_call_at`; while `blocked_code` is set only a probe goes
out. `open_call` is written with the lease and cleared with the answer: a lane that is found free with an open
call is one whose worker died, and its call is in doubt.

Lanes of one index share one fate when the index itself is away. From `WIDE_TROUBLE` lanes on that have failed
since the index last took a call, the index counts as away, and then only one lane at a time asks after it, a
pause apart: so fifty sources ask no more often than one (R-35). One lane's own trouble never gets that far.

Lanes that are blocked have no part in that. What they hear says nothing of the index, so they neither make it count as
away nor keep another lane from asking; they themselves ask only when no lane at all has done so lately. And lanes that
are known to work never stand behind those that are not: `due` tells the three apart, and gives only a few at a time of
the blocked and the failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)

from relay.store import posts
from relay.store.lease import Lease, LeaseLost
from relay.store.rows import as_json, given_select
from relay.store.schema import lane, source
from relay.store.transaction import Moment, Transaction
from relay.store.upsert import upsert

_Name = str | ColumnElement[str]

_ASKING: Final = (
    0x6B6E6F63  # the same number in every version: the first half of an advisory lock's name, the index is the second
)
_NEVER: Final[Mapping[str, timedelta]] = MappingProxyType({})
WIDE_TROUBLE: Final = 3  # lanes that failed since the last success, from which on the index itself counts as away
FAILING_AT_ONCE: Final = 16  # after an outage of the index every lane is one: two hundred are through in a few looks
BLOCKED_AT_ONCE: Final = 4  # they wait for people; one that was resumed is soon heard all the same

# Whoever takes a lane with an open call makes no call, but ends that of a worker that died.
_WORKING: Final = or_(lane.c.open_call.is_not(None), and_(lane.c.blocked_code.is_(None), lane.c.failures == 0))


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


class Due(NamedTuple):
    """Lanes that somebody should take now, those that wait longest first."""

    working: list[LaneName]
    failing: list[LaneName]  # their last call failed; at most FAILING_AT_ONCE
    blocked: list[LaneName]  # at most BLOCKED_AT_ONCE


class Seen(NamedTuple):
    """What a lane remembers of answers that may mean more when they come again (`relay.flow.delivery.repeats`)."""

    like: str | None = None  # the last such answer
    times: int = 0  # how many of its like in a row
    since: datetime | None = None  # the first of them
    call: int | None = None  # the call that got the last of them
    limit: int | None = None  # most posts of a call
    limit_until: datetime | None = None  # None: the next call finds out whether size is the cause
    largest: int | None = None  # posts of the call that failed, for its size perhaps
    last_success_at: datetime | None = None


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
    seen: Seen
    say_again_at: datetime | None = None  # when to look at its unconfirmed posts; None: it has none
    next_refresh_at: datetime | None = None


def ensure(
    tx: Transaction, lanes: Iterable[tuple[LaneName, str]], first_refresh: Mapping[str, timedelta] = _NEVER
) -> None:
    """Make the lanes of the configuration, given as (name, source), where they are not there yet.

    `first_refresh` says of an index how long from now its lanes, none of which has refreshed yet, begin to.
    """
    rows = [
        {
            "engagement_index": name.engagement_index,
            "source_system": name.source_system,
            "source": source,
            "next_refresh_at": tx.now + wait if (wait := first_refresh.get(name.engagement_index)) else None,
        }
        for name, source in lanes
    ]
    columns = (lane.c.engagement_index, lane.c.source_system, lane.c.source, lane.c.next_refresh_at)
    begins = literal_column("excluded.next_refresh_at", lane.c.next_refresh_at.type)
    also = {"next_refresh_at": func.coalesce(lane.c.next_refresh_at, begins)}
    rows_given = given_select(tx.dialect, *columns)
    statement = upsert(tx.dialect, lane, rows_given, key=columns[:2], update=columns[2:3], also=also)
    tx.run(statement, {"rows": as_json(rows)})


def of_source(tx: Transaction, source: str, *, hold: bool = True) -> dict[LaneName, int]:
    """The ids of a source's lanes, each locked until commit unless told not to `hold` them.

    Whoever changes posts holds the lane first, so that intake and the recording of a call never wait for each
    other in a circle.
    """
    asked = (
        select(lane.c.engagement_index, lane.c.source_system, lane.c.id)
        .where(lane.c.source == source)
        .order_by(lane.c.id)
    )
    rows = tx.run(asked.with_for_update() if hold else asked)
    return {LaneName(row.engagement_index, row.source_system): row.id for row in rows}


def due(
    tx: Transaction, engagement_index: str, key_spacing: timedelta, rest: timedelta, *, refresh: bool = False
) -> Due:
    """The lanes of an index that somebody should take now. `rest` is as in `take`. With `refresh` also those that are
    to say again what the index has; one that is blocked waits for better times with that."""
    asked = select(lane.c.source_system, _WORKING.label("working"), lane.c.blocked_code)
    mine = is_due(tx.now, engagement_index, key_spacing, rest, refresh=refresh)
    due = Due([], [], [])
    for row in tx.run(asked.where(mine).order_by(lane.c.next_call_at)):
        chosen = due.working if row.working else due.failing if row.blocked_code is None else due.blocked
        chosen.append(LaneName(engagement_index, row.source_system))
    return Due(due.working, due.failing[:FAILING_AT_ONCE], due.blocked[:BLOCKED_AT_ONCE])


def is_due(
    now: Moment, engagement_index: str, key_spacing: timedelta, rest: timedelta, *, refresh: bool
) -> ColumnElement[bool]:
    """The condition under which a lane of the index is one of `due`."""
    allowed = posts.Allowed(now, now - key_spacing, lane.c.next_split_at <= now, lane.c.next_bulk_at <= now)
    waiting = posts.first_due(lane.c.id, allowed).is_not(None)
    again = lane.c.say_again_at <= now
    if refresh:
        again = or_(again, and_(lane.c.next_refresh_at <= now, lane.c.next_bulk_at <= now))
    return and_(
        lane.c.engagement_index == engagement_index,
        _free(now, engagement_index, now - rest),
        or_(lane.c.open_call.is_not(None), and_(lane.c.blocked_code.is_(None), again), waiting),
    )


def take(
    tx: Transaction,
    name: LaneName,
    length: timedelta,
    ends: float,
    rest: timedelta,
    *,
    troubled: bool = True,
    compared_since: datetime | None = None,
) -> TakenLane | None:
    """Lease the lane, if it is free and may call; with `troubled` false only if it is known to work; with
    `compared_since` not where its outbox was last compared with the receipts before that: the database may be an old
    one, restored.

    `ends` is `lease_end(length)`, asked before `tx` began; `rest` the least time between two calls to an index
    that is away.
    """
    if not _is_first(tx, name.engagement_index):
        return None
    values = {
        "index_name": name.engagement_index, "system": name.source_system, "now": tx.now, "asked_since": tx.now - rest,
        "until": tx.now + length,
    } | ({} if compared_since is None else {"compared_since": compared_since})  # fmt: skip
    row = tx.run(_take(troubled=troubled, compares=compared_since is not None), values).one_or_none()
    return _taken(row, name, ends, tx.now) if row is not None else None


@cache  # to put the statement together takes longer than to execute it
def _take(*, troubled: bool, compares: bool) -> Update:
    now, asked_since, until, since = (
        bindparam(name, type_=lane.c.lease_until.type) for name in ("now", "asked_since", "until", "compared_since")
    )
    return (
        update(lane)
        .where(lane.c.engagement_index == _INDEX, lane.c.source_system == bindparam("system"))
        .where(_free(now, _INDEX, asked_since), *(() if troubled else (_WORKING,)))
        .where(*(() if not compares else (~_compared_before(since),)))
        .values(lease_token=lane.c.lease_token + 1, lease_until=until)
        .returning(lane)
    )


def open_call(tx: Transaction, taken: TakenLane, call_id: int, **changes: object) -> None:
    """Write down that a call is out, and that `changes` hold."""
    _write(tx, taken, open_call=call_id, **changes)


def close_call(tx: Transaction, taken: TakenLane, **changes: object) -> None:
    """End the work of a lease: the call is no longer out, the lane is free, and `changes` hold.

    Raises LeaseLost; it is the first statement of its transaction, so that then nothing stands.
    """
    _write(tx, taken, open_call=None, lease_until=tx.now, **changes)


def close_call_of(tx: Transaction, lane_id: int, token: int, **changes: object) -> bool:
    """The same for a lease of a process that is no more; False where somebody else has taken the lane since."""
    return _written(tx, lane_id, token, open_call=None, lease_until=tx.now, **changes)


def seen(tx: Transaction, lane_id: int) -> Seen:
    """What a lane remembers, for whoever ends a lease of a process that is no more."""
    return _seen(tx.run(select(lane).where(lane.c.id == lane_id)).one())


def _write(tx: Transaction, taken: TakenLane, **values: object) -> None:
    if not _written(tx, taken.id, taken.lease.token, **values):
        raise LeaseLost(f"the lease on lane {taken.name} was taken by another worker")


def _written(tx: Transaction, lane_id: int, token: int, **values: object) -> bool:
    mine = and_(lane.c.id == bindparam("lane"), lane.c.lease_token == bindparam("token"))
    return tx.run(update(lane).where(mine).values(**values), {"lane": lane_id, "token": token}).rowcount > 0


def blocked(tx: Transaction) -> list[tuple[LaneName, datetime]]:
    """The lanes that wait for somebody to act, and when each was last refused."""
    asked = select(lane.c.engagement_index, lane.c.source_system, lane.c.failed_at)
    rows = tx.run(asked.where(lane.c.blocked_code.is_not(None)).order_by(lane.c.id))
    return [(LaneName(row.engagement_index, row.source_system), row.failed_at) for row in rows]


def call_now(tx: Transaction, name: LaneName) -> None:
    """End a blocked lane's wait: somebody acted, so it may ask at once.

    A lane that rests because the peer may still be at its last call goes on resting (R-31, R-35).
    """
    named = and_(lane.c.engagement_index == name.engagement_index, lane.c.source_system == name.source_system)
    tx.run(update(lane).where(named, lane.c.failures == 0).values(next_call_at=tx.now))


def pause(tx: Transaction, names: Iterable[LaneName], *, paused: bool) -> None:
    """Keep lanes from calling until they are resumed, or resume them: then blocked ones may ask at once."""
    for name in names:
        named = and_(lane.c.engagement_index == name.engagement_index, lane.c.source_system == name.source_system)
        tx.run(update(lane).where(named).values(paused=paused))
        if not paused:
            call_now(tx, name)


def end_rest(tx: Transaction, name: LaneName, least: timedelta, *, force: bool) -> None:
    """Let a lane that rests after failures call `least` after the last of them, as soon as R-35 allows; with `force` at
    once. It never comes to call later than it would have."""
    named = and_(lane.c.engagement_index == name.engagement_index, lane.c.source_system == name.source_system)
    rests = and_(named, lane.c.failures > 0, lane.c.next_call_at > tx.now)
    row = tx.run(select(lane.c.failed_at, lane.c.next_call_at).where(rests)).one_or_none()
    if row is not None:
        earliest = tx.now if force or row.failed_at is None else max(row.failed_at + least, tx.now)
        tx.run(update(lane).where(named).values(next_call_at=min(earliest, row.next_call_at)))


def _free(now: Moment, engagement_index: _Name, asked_since: Moment) -> ColumnElement[bool]:
    may_call = or_(
        lane.c.open_call.is_not(None),
        and_(
            lane.c.next_call_at <= now, or_(_is_there(engagement_index), _may_ask(now, engagement_index, asked_since))
        ),
    )
    return and_(lane.c.lease_until <= now, lane.c.paused.is_(False), may_call, ~_held_for_restore(now))


def _held_for_restore(now: Moment) -> ColumnElement[bool]:
    """Whether the relay's database seems to have been restored to a time before what the lane's outbox knows, or it has
    been a moment ago (`relay.store.restores`)."""
    held = or_(source.c.restore_suspected_at.is_not(None), source.c.restore_rests_until > now)
    return exists().where(source.c.name == lane.c.source, held)


def _compared_before(since: Moment) -> ColumnElement[bool]:
    return exists().where(source.c.name == lane.c.source, source.c.outbox_compared_at < since)


def _is_there(engagement_index: _Name) -> ColumnElement[bool]:
    """Whether fewer than `WIDE_TROUBLE` lanes have failed since the index last took a call. Blocked ones do not count:
    they may have failed for what blocks them."""
    peer, other = lane.alias("peer"), lane.alias("other")
    took = select(func.max(other.c.last_success_at)).where(other.c.engagement_index == engagement_index)
    failed_since = (
        select(func.count())
        .where(peer.c.engagement_index == engagement_index, peer.c.failures > 0, peer.c.blocked_code.is_(None))
        .where(or_(took.scalar_subquery().is_(None), peer.c.failed_at > took.scalar_subquery()))
    )
    return failed_since.scalar_subquery() < WIDE_TROUBLE


def _is_first(tx: Transaction, engagement_index: str) -> bool:
    """Whether nobody else is, in this very moment, taking a lane of an index that is away; none is until commit.

    No two who look at the same time could see that the other one is going to ask (`_may_ask`). SQLite has one
    writer at a time.
    """
    if tx.dialect != "postgresql":
        return True
    first: bool = tx.run(_FIRST, {"index_name": engagement_index}).scalar_one()
    return first


_INDEX: Final = bindparam("index_name", type_=lane.c.engagement_index.type)
_FIRST: Final = select(
    case((_is_there(_INDEX), true()), else_=func.pg_try_advisory_xact_lock(_ASKING, func.hashtext(_INDEX)))
)


def _may_ask(now: Moment, engagement_index: _Name, asked_since: Moment) -> ColumnElement[bool]:
    """Whether nobody is asking after the index right now, nor has asked since a time. What blocked lanes do is nothing
    to those that are not."""
    peer = lane.alias("asker")
    lately = or_(peer.c.lease_until > now, peer.c.failed_at > asked_since)
    counts = or_(peer.c.blocked_code.is_(None), lane.c.blocked_code.is_not(None))
    return ~exists().where(peer.c.engagement_index == engagement_index, lately, counts)


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
        seen=_seen(row),
        say_again_at=row.say_again_at,
        next_refresh_at=row.next_refresh_at,
    )


def _seen(row: Row[Any]) -> Seen:
    return Seen(
        like=row.fault_like,
        times=row.fault_count,
        since=row.fault_since,
        call=row.fault_call,
        limit=row.call_limit,
        limit_until=row.limit_until,
        largest=row.failed_posts,
        last_success_at=row.last_success_at,
    )
