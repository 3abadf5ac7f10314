"""Posts that the index cannot tell apart, since their keys are one text (`PostKey.index_text`).

It would hold one row for both, and the delete of either would remove it. So of all posts of one text at an index, one
stands, and the others are parked under COLLISION until it is gone:

    stands     what the index holds or may hold, what a call may be carrying just now, and what waits to be sent
    first      of those that stand the one that the index knows of, else the one that was there first
    parked     never sent, so nothing is known of it at the index, and its removal sends no delete
    gone       wanted absent and known to be: the next look lets the others go, after the same spacing (R-32)

It is looked at when a call takes its posts, whatever brought them there, by the digest that stands in each post's row.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    true,
    update,
)

from relay.identity import mask
from relay.post import ABSENT, COLLISION, UNKNOWN, PostKey
from relay.store.posts import DuePost
from relay.store.rows import among, as_json, as_list, given, is_one_of
from relay.store.schema import COLLIDES, UNDIGESTED, lane, post
from relay.store.transaction import Transaction

BATCH: Final = 5_000  # posts; a fraction of a second's work
_other: Final = post.alias("other")
_other_lane: Final = lane.alias("other_lane")


class _Post(NamedTuple):
    """One of several posts of one text."""

    id: int
    key: PostKey
    wanted: str
    known: str
    is_due: bool
    is_out: bool  # a call of its lane is, and may carry it

    @property
    def rank(self) -> tuple[bool, int]:
        """The least is the one that stands."""
        return self.known == ABSENT and not self.is_out, self.id


def keep_apart(tx: Transaction, engagement_index: str, due: list[DuePost]) -> list[DuePost]:
    """Those of a call's posts that are not the same to the index as another one that stands; the others are parked."""
    told = [p.key.digest() if p.digest is None else p.digest for p in due]
    digests = as_list(told)
    mine = as_list(p.id for p in due)
    rows = tx.run(_rivals(tx.dialect), {"rows": digests, "ids": mine, "index": engagement_index}).all()
    if not rows and len(set(told)) == len(due):  # of one text is what has one digest
        return due
    groups: dict[str, dict[int, _Post]] = {}
    ours = {p.id: _Post(p.id, p.key, p.wanted, p.known, is_due=True, is_out=False) for p in due}
    for each in (*ours.values(), *map(_read, rows)):
        groups.setdefault(each.key.index_text(), {}).setdefault(each.id, each)
    left_out: dict[int, dict[str, object]] = {}
    again: list[int] = []
    for members in groups.values():
        first, *others = sorted(members.values(), key=lambda each: each.rank)
        # One that is not due and not known to the index is looked at when its own turn comes.
        losers = [each for each in others if each.is_due or (each.known != ABSENT and not each.is_out)]
        left_out |= {each.id: _parked(each, first) for each in losers}
        if any(each.known != ABSENT for each in losers) and not (first.is_due or first.is_out):
            again.append(first.id)  # the index has one row for them, and nobody knows what it says
    if left_out:
        tx.run(_park(tx.dialect), {"rows": as_json(left_out.values()), "at": tx.now})
    if again:
        tx.run(_say_again(tx.dialect), {"rows": as_json({"id": i} for i in again), "at": tx.now})
    return [p for p in due if p.id not in left_out]


def release(tx: Transaction) -> None:
    """Let those go whose other is gone. What was sent under their text counts as sent of them (R-32)."""
    tx.run(_RELEASE, {"at": tx.now})


def fill(tx: Transaction, _before: datetime) -> int:
    """Write the digests of posts that an older version of the relay wrote without; how many it was."""
    asked = select(*_FIELDS, lane.c.source_system).join(lane, lane.c.id == post.c.lane_id).where(UNDIGESTED)
    rows = tx.run(asked.order_by(post.c.id).limit(BATCH).with_for_update(skip_locked=True, of=post)).all()
    digests = [{"id": row.id, "digest": _key(row).digest()} for row in rows]
    if digests:
        tx.run(_fill(tx.dialect), {"rows": as_json(digests)})
    return len(rows)


_FIELDS: Final = (post.c.id, post.c.booking_id, post.c.resident_id, post.c.care_unit, post.c.data_controller)


def _key(row: Row[Any]) -> PostKey:
    return PostKey(row.resident_id, row.care_unit, row.booking_id, row.source_system, row.data_controller)


def _read(row: Row[Any]) -> _Post:
    return _Post(row.id, _key(row), row.wanted, row.known, is_due=False, is_out=bool(row.is_out))


def _parked(loser: _Post, first: _Post) -> dict[str, object]:
    booking, unit = mask(first.key.booking_id), mask(first.key.care_unit)
    text = (
        f"the index cannot tell it from the post of booking {booking} at unit {unit}: the fields of their keys, "
        "written one after the other, are one text; it is sent when that post is gone"
    )
    parks = loser.wanted != ABSENT
    return {"id": loser.id, "parked_code": COLLISION if parks else None, "parked_text": text[:500] if parks else None}


def _stands(other: FromClause, is_out: ColumnElement[bool]) -> ColumnElement[bool]:
    waits = and_(other.c.parked_code.is_(None), or_(other.c.wanted != ABSENT, is_out))
    return or_(other.c.known != ABSENT, waits)


@cache
def _rivals(dialect: str) -> Select[Any]:
    is_out = _other_lane.c.open_call.is_not(None)
    columns = (_other.c[c.name] for c in (*_FIELDS, post.c.wanted, post.c.known))
    return (
        select(*columns, _other_lane.c.source_system, is_out.label("is_out"))
        .join(_other_lane, _other_lane.c.id == _other.c.lane_id)
        .where(
            is_one_of(dialect, _other.c.digest),
            _other.c.digest.is_not(None),
            ~among(dialect, _other.c.id, "ids"),
            _other_lane.c.engagement_index == bindparam("index"),
            _stands(_other, is_out),
        )
    )


@cache
def _park(dialect: str) -> Update:
    r = given(dialect, post.c.id, post.c.parked_code, post.c.parked_text).c
    at = case((r.parked_code.is_not(None), bindparam("at", type_=post.c.parked_at.type)))
    values = {"known": ABSENT, "suspect": null(), "parked_code": r.parked_code, "parked_text": r.parked_text}
    return update(post).where(post.c.id == r.id).values(**values, parked_at=at)


@cache
def _say_again(dialect: str) -> Update:
    settled = and_(post.c.id == given(dialect, post.c.id).c.id, post.c.wanted == post.c.known)
    since = bindparam("at", type_=post.c.wanted_since.type)
    return update(post).where(settled).values(known=UNKNOWN, bulk=true(), wanted_since=since)


@cache
def _fill(dialect: str) -> Update:
    r = given(dialect, post.c.id, post.c.digest).c
    return update(post).where(post.c.id == r.id).values(digest=r.digest)


def _release() -> Update:
    mine = lane.alias("mine")
    same = and_(_other.c.digest == post.c.digest, _other.c.digest.is_not(None), _other.c.id != post.c.id)
    here = and_(
        _other_lane.c.id == _other.c.lane_id,
        mine.c.id == post.c.lane_id,
        _other_lane.c.engagement_index == mine.c.engagement_index,
    )
    stands = exists().where(same, here, _stands(_other, _other_lane.c.open_call.is_not(None)))
    sent_at = select(func.max(_other.c.sent_at)).where(_other.c.digest == post.c.digest, _other.c.digest.is_not(None))
    return (
        update(post)
        .where(COLLIDES, ~stands.correlate(post))
        .values(
            sent_at=sent_at.correlate(post).scalar_subquery(),
            wanted_since=bindparam("at", type_=post.c.wanted_since.type),
            attempts=0, parked_code=null(), parked_text=null(), parked_at=null(),
        )
    )  # fmt: skip


_RELEASE: Final = _release()
