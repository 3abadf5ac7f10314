"""Posts: what is wanted, what is known, and which of them a call may carry now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Executable,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    update,
)

from relay.post import ABSENT, UNKNOWN, PostKey, StoredPost, WantedChange
from relay.store.columns import iso
from relay.store.rows import (
    as_json,
    as_list,
    given,
    given_select,
    insert,
    is_one_of,
    is_worth_copying,
    of_pair,
    pairs,
)
from relay.store.schema import PENDING, post
from relay.store.transaction import Moment, Transaction
from relay.store.upsert import upsert

_IN_TURN: Final = (post.c.suspect.asc().nulls_last(), post.c.bulk, post.c.wanted_since, post.c.id)
EXPIRED_AT_ONCE: Final = 10_000  # a fraction of a second's work; the next look takes the rest
_AGAIN: Final = Column("again", Boolean)  # of a call's JSON: the post was said again as it is known to be
_KEY: Final = (post.c.booking_id, post.c.lane_id, post.c.resident_id, post.c.care_unit, post.c.data_controller)


class DuePost(NamedTuple):
    """A post that a call may carry now, and what the call shall say of it.

    `again`: the index is known to hold just that, and it is said for company, to confirm it, or to refresh it.
    """

    id: int
    key: PostKey
    wanted: str
    wanted_since: datetime
    known: str
    bulk: bool
    suspect: int | None
    attempts: int
    sent_at: datetime | None = None
    unconfirmed: int = 0  # calls that said what is known of it, all alone, since one that did not
    again: bool = False
    digest: int | None = None  # as PostKey's; None: not known here


class Allowed(NamedTuple):
    """What a lane may send at a time: keys last sent at or before another (R-32), and which paced kinds of post."""

    at: Moment
    sent_before: Moment
    split: ColumnElement[bool]
    bulk: ColumnElement[bool]


class Sent(NamedTuple):
    """What is true of a post after a call that carried it."""

    id: int
    known: str | None  # None: as it is
    sent_at: datetime | None  # None: the call does not count as sent for this post
    suspect: int | None = None
    parked_code: str | None = None
    parked_text: str | None = None
    refused: int = 0  # 1: this call refused it for its content
    unconfirmed: int | None = None  # where it was accepted, as DuePost's; None: as it is
    unsettled: bool = False  # it was as it should be, and from now on waits in bulk


def due(lane_id: ColumnElement[int] | int, allowed: Allowed) -> ColumnElement[bool]:
    """The condition under which a lane's post may go into a call now."""
    return and_(
        _rested(lane_id, allowed),
        or_(post.c.suspect.is_(None), allowed.split),
        or_(post.c.bulk.is_(False), allowed.bulk),
    )


COLUMNS: Final = (
    post.c.id, *_KEY, post.c.wanted, post.c.wanted_since, post.c.known, post.c.bulk, post.c.suspect, post.c.attempts,
    post.c.sent_at, post.c.unconfirmed, post.c.digest,
)  # fmt: skip
"""What `due_post` is made of."""


def due_post(row: Row[Any], source_system: str, *, again: bool = False) -> DuePost:
    """The post of a row that has `COLUMNS`."""
    facts: tuple[Any, ...] = tuple(row)  # by place: by name takes three times as long
    id_, booking_id, _, resident_id, care_unit, data_controller = facts[:6]
    key = PostKey(resident_id, care_unit, booking_id, source_system, data_controller)
    return DuePost._make((id_, key, *facts[6:-1], again, facts[-1]))


def _rested(lane_id: ColumnElement[int] | int, allowed: Allowed) -> ColumnElement[bool]:
    return and_(
        post.c.lane_id == lane_id,
        PENDING,
        or_(post.c.sent_at.is_(None), post.c.sent_at <= allowed.sent_before),
    )


def first_due(lane_id: ColumnElement[int], allowed: Allowed) -> ColumnElement[int]:
    """The id of a post of the lane that may go into a call now (`due`), or null. A delete that is held for company is
    none, though it goes along with others at any time.

    The order is asked for so that PostgreSQL reads it from `ei_post_pending`: it cannot know how few posts are
    pending, and where any will do it looks through all posts instead. Each pace is a question of its own: while one is
    not over, the posts that wait for it, in bulk maybe millions, are not looked at.
    """
    live, bulk = post.c.bulk.is_(False), and_(post.c.bulk.is_(True), allowed.bulk)
    free = or_(post.c.held_until.is_(None), post.c.held_until <= allowed.at, post.c.wanted != ABSENT)
    kinds = (
        (post.c.suspect.is_(None), live, free),
        (post.c.suspect.is_(None), bulk, free),
        (post.c.suspect.is_not(None), allowed.split, or_(live, bulk)),
    )
    asked = (select(post.c.id).where(_rested(lane_id, allowed), *kind).order_by(*_IN_TURN).limit(1) for kind in kinds)
    return func.coalesce(*(each.scalar_subquery() for each in asked))


def claim(
    tx: Transaction, lane_id: int, source_system: str, sent_before: datetime, *, split: bool, bulk: bool, limit: int,
    least: int = 1,
) -> list[DuePost]:  # fmt: skip
    """The posts of the lane's next call, at most `limit`, and so that fewer than `least` are not left for the one
    after it: of 1001 posts 999.

    Posts under suspicion go first, those of one suspicion together and alone; then live ones, the longest
    waiting first; bulk only when nothing else may go. A call never mixes the three, so that none is slowed or
    refused for another's sake.
    """
    allowed = Allowed(tx.now, sent_before, literal(split), literal(bulk))
    asked = select(*COLUMNS).where(due(lane_id, allowed)).order_by(*_IN_TURN)
    ahead = least if least > 1 else 0  # so many more are looked at, to know what would be left
    found = [due_post(row, source_system) for row in tx.run(asked.limit(limit + ahead)).all()]
    alike = [p for p in found if (p.suspect, p.bulk) == (found[0].suspect, found[0].bulk)]
    left = len(alike) - limit
    return alike[: len(alike) - least if 0 < left < least else limit]


def record(tx: Transaction, call_id: int, sent: Iterable[Sent], contents: Mapping[int, str]) -> None:
    """Write down what is true of the posts of a call now that it is over; `contents` is what it said of each.

    A post whose wanted state has changed meanwhile is not parked: what was refused is not what is wanted.
    """
    sent = list(sent)
    if len({each[2:] for each in sent}) == 1 and _is_plainly_accepted(sent[0]):
        said = json.dumps({each.id: each.known for each in sent}, check_circular=False)
        given_values = {"rows": said, "call": call_id, "at": sent[0].sent_at, "times": sent[0].unconfirmed}
        tx.run(_accept(tx.dialect), given_values)
        return
    rows = [
        {
            "id": s.id, "known": s.known, "sent_at": s.sent_at, "suspect": s.suspect, "attempts": s.refused,
            "parked_code": s.parked_code, "parked_text": s.parked_text, "wanted": contents[s.id],
            "unconfirmed": s.unconfirmed, "bulk": s.unsettled,
        }
        for s in sent
    ]  # fmt: skip
    tx.run(_record(tx.dialect), {"rows": as_json(rows), "call": call_id, "at": tx.now})


def _is_plainly_accepted(s: Sent) -> bool:
    """Whether nothing but what is known changes, as it does for nearly all posts there are."""
    return (
        s.known is not None
        and s.sent_at is not None
        and s.unconfirmed is not None
        and (s.suspect, s.parked_code, s.refused, s.unsettled) == (None, None, 0, False)
    )


@cache
def _accept(dialect: str) -> Update:
    r = pairs(dialect)
    return (
        update(post)
        .where(of_pair(dialect, post.c.id, r))
        .values(
            known=r.c.value,
            sent_at=bindparam("at", type_=post.c.sent_at.type),
            suspect=null(),
            attempts=0,
            parked_code=null(),
            parked_text=null(),
            parked_at=null(),
            call_id=bindparam("call"),
            unconfirmed=bindparam("times"),
            held_until=null(),
        )
    )


@cache
def _record(dialect: str) -> Update:
    r = given(
        dialect, post.c.id, post.c.known, post.c.sent_at, post.c.suspect, post.c.attempts, post.c.parked_code,
        post.c.parked_text, post.c.wanted, post.c.unconfirmed, post.c.bulk,
    ).c  # fmt: skip
    parks = and_(r.parked_code.is_not(None), r.wanted == post.c.wanted)
    unsettles = and_(r.bulk.is_(True), r.wanted == post.c.wanted)
    at = bindparam("at", type_=post.c.parked_at.type)
    return (
        update(post)
        .where(post.c.id == r.id)
        .values(
            known=func.coalesce(r.known, post.c.known),
            sent_at=func.coalesce(r.sent_at, post.c.sent_at),
            suspect=case((parks, None), else_=r.suspect),
            attempts=case((r.unconfirmed.is_not(None), 0), else_=post.c.attempts + r.attempts),
            parked_code=case((parks, r.parked_code)),
            parked_text=case((parks, r.parked_text)),
            parked_at=case((parks, at)),
            call_id=bindparam("call"),
            unconfirmed=func.coalesce(r.unconfirmed, post.c.unconfirmed),
            bulk=case((unsettles, true()), else_=post.c.bulk),
            wanted_since=case((unsettles, at), else_=post.c.wanted_since),
            held_until=null(),
        )
    )


def carried(tx: Transaction, call_id: int, post_ids: Iterable[int]) -> bool:
    """Whether that call was the last one of any of these posts."""
    rows = given(tx.dialect, post.c.id).c
    asked = select(post.c.id).where(post.c.id == rows.id, post.c.call_id == call_id).limit(1)
    return tx.run(asked, {"rows": as_json({"id": id} for id in post_ids)}).first() is not None


def doubt(tx: Transaction, call_id: int, post_ids: str, ended_at: datetime) -> None:
    """Hold the posts of a call that nobody ended in doubt: they count as sent when its lease ended.

    `post_ids` is the JSON the call was opened with. What was sent again is not in doubt: the index holds the same,
    whether the call was applied or not.
    """
    rows = given(tx.dialect, post.c.id, _AGAIN).c
    known = case((rows.again.is_(True), post.c.known), else_=UNKNOWN)
    values = {"known": known, "sent_at": ended_at, "suspect": None, "call_id": call_id, "held_until": None}
    statement = update(post).where(post.c.id == rows.id).values(values)
    tx.run(statement, {"rows": post_ids})


def of_bookings(tx: Transaction, lanes: Mapping[int, str], booking_ids: Iterable[str]) -> dict[str, list[StoredPost]]:
    """All posts, of all keys, that the bookings have had in `lanes` ({id: source system})."""
    rows = tx.run(_of_bookings(tx.dialect), {"rows": as_list(booking_ids)})
    found: dict[str, list[StoredPost]] = {}
    for row in rows:
        if row.lane_id in lanes:
            system = lanes[row.lane_id]
            key = PostKey(row.resident_id, row.care_unit, row.booking_id, system, row.data_controller)
            is_shown = row.known != ABSENT
            stored = StoredPost(row.lane_id, key, row.wanted, row.expires_at, row.parked_code is not None, is_shown)
            found.setdefault(row.booking_id, []).append(stored)
    return found


@cache
def _of_bookings(dialect: str) -> Select[Any]:
    columns = (*_KEY, post.c.wanted, post.c.expires_at, post.c.parked_code, post.c.known)
    return select(*columns).where(is_one_of(dialect, post.c.booking_id))


def present(tx: Transaction, lane_ids: Iterable[int]) -> int:
    """How many posts of these lanes are wanted present. Reads them all: for a question a minute, not a second."""
    asked = select(func.count()).select_from(post).where(post.c.lane_id.in_(list(lane_ids)), post.c.wanted != ABSENT)
    number: int = tx.run(asked).scalar_one()
    return number


def want(tx: Transaction, changes: Iterable[WantedChange], *, bulk: bool = False) -> None:
    """Write down what is wanted from now on; a parked post gets a new chance by it.

    A live change makes its post live, whatever it waited as. With `bulk` the changes go at R-34's pace behind live
    ones, except where a live change of the post waits already: it stays live, and waits since then.
    """
    rows = [
        {
            "lane_id": c.lane_id, "booking_id": c.key.booking_id, "resident_id": c.key.resident_id,
            "care_unit": c.key.care_unit, "data_controller": c.key.data_controller, "wanted": c.wanted,
            "wanted_since": c.since, "expires_at": c.expires_at, "digest": c.key.digest(),
        }
        for c in changes
    ]  # fmt: skip
    if rows:
        tx.run(_want_in_bulk(tx.dialect) if bulk else _want(tx.dialect), {"rows": as_json(rows)})


def want_new(tx: Transaction, changes: Sequence[WantedChange]) -> None:
    """As `want`, of keys that have no post yet. Whoever brings posts holds their lanes, so that this can be known."""
    if is_worth_copying(tx, changes):
        insert(tx, post, _COPIED, [_copied(*each) for each in changes])
    else:
        want(tx, changes)


def _copied(lane_id: int, key: PostKey, wanted: str, since: datetime, until: datetime | None) -> tuple[object, ...]:
    """A change in the order of `_COPIED`."""
    said = (key.booking_id, lane_id, key.resident_id, key.care_unit, key.data_controller)
    return (*said, wanted, iso(since), iso(until) if until is not None else None, key.digest())


_WANTED: Final = (post.c.wanted, post.c.wanted_since, post.c.expires_at, post.c.digest)
_COPIED: Final = tuple(c.name for c in (*_KEY, *_WANTED))
_FRESH: Final[Mapping[str, object]] = MappingProxyType(
    {"bulk": False, "attempts": 0, "parked_code": None, "parked_text": None, "parked_at": None, "held_until": None}
)


@cache
def _want(dialect: str) -> Executable:
    return upsert(dialect, post, given_select(dialect, *_KEY, *_WANTED), key=_KEY, update=_WANTED, also=_FRESH)


@cache
def _want_in_bulk(dialect: str) -> Executable:
    waits_live = and_(PENDING, post.c.bulk.is_(False))
    given_since = literal_column("excluded.wanted_since", post.c.wanted_since.type)
    also = {
        **_FRESH,
        "bulk": case((waits_live, false()), else_=true()),
        "wanted_since": case((waits_live, post.c.wanted_since), else_=given_since),
    }
    rows = given_select(dialect, *_KEY, *_WANTED).add_columns(true().label(post.c.bulk.name))
    return upsert(dialect, post, rows, key=_KEY, update=(post.c.wanted, post.c.expires_at, post.c.digest), also=also)


def expire(tx: Transaction) -> int:
    """Want posts whose time has passed gone, since the moment it passed (R-22), the earliest first and at most
    `EXPIRED_AT_ONCE`; says how many they were.

    Rows that are being changed right now are left to the next run, so that this waits for nobody.
    """
    passed = (
        select(post.c.id)
        .where(post.c.expires_at <= tx.now)
        .order_by(post.c.expires_at)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("passed")
        .prefix_with("MATERIALIZED", dialect="postgresql")  # once, whatever the plan: or the limit would not hold
    )
    expired = tx.run(
        update(post)
        .where(post.c.id.in_(select(passed.c.id)))
        .values(
            wanted=ABSENT, wanted_since=post.c.expires_at, expires_at=None, bulk=False, attempts=0,
            parked_code=None, parked_text=None, parked_at=None, held_until=None,
        )
        .returning(post.c.id)
    )  # fmt: skip
    return len(expired.all())  # no rowcount: SQLite's driver has none for a statement that begins with WITH
