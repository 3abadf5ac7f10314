"""Posts as they are compared with what an index holds, and what the last comparison found."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, select, update

from relay.post import ABSENT, PostKey
from relay.store.ledgers import verification
from relay.store.rows import as_json, given
from relay.store.schema import lane, post
from relay.store.transaction import Transaction

RESULTS: Final = ("equal", "lost", "ghost", "wrong", "unsettled")
PAGE: Final = 1000
_SMALL: Final = 20_000  # ids between the first and the last post, up to which a sample is drawn from all of them
_SPARE: Final = 5  # ids drawn for each post of a sample: some of them are nobody's


class Held(NamedTuple):
    """A post of ours: `wanted` and `known` as in relay.post."""

    id: int
    lane_id: int
    key: PostKey
    wanted: str
    known: str
    sent_at: datetime | None
    parked: bool


class Scope(NamedTuple):
    """Which posts are meant; None asks nothing."""

    engagement_index: str
    source: str | None = None


def page(tx: Transaction, scope: Scope, after: int) -> list[Held]:
    """The posts that follow the id `after` and are known to stand in the index, `PAGE` at most."""
    asked = _posts().where(*_in(scope), post.c.id > after, post.c.known != ABSENT)
    return _held(tx.run(asked.order_by(post.c.id).limit(PAGE)))


def sample(tx: Transaction, scope: Scope, number: int) -> list[Held]:
    """So many posts of those that are known to stand in the index, at random; a few less where ids have gaps."""
    ends = tx.run(select(func.min(post.c.id).label("first"), func.max(post.c.id).label("last"))).one()
    first, last = ends.first, ends.last
    if first is None:
        return []
    if last - first < _SMALL:
        present = select(post.c.id).join(lane, lane.c.id == post.c.lane_id).where(*_in(scope), post.c.known != ABSENT)
        ids = [row.id for row in tx.run(present)]
        chosen = random.sample(ids, min(number, len(ids)))
    else:
        chosen = [random.randint(first, last) for _ in range(number * _SPARE)]  # noqa: S311 - a sample, no secret
    rows = given(tx.dialect, post.c.id).c
    asked = _posts().where(post.c.id == rows.id, *_in(scope), post.c.known != ABSENT).limit(number)
    return _held(tx.run(asked, {"rows": as_json({"id": each} for each in set(chosen))}))


def of_booking(tx: Transaction, scope: Scope, booking_id: str) -> list[Held]:
    """All posts, of all keys, that a booking has or has had."""
    return _held(tx.run(_posts().where(*_in(scope), post.c.booking_id == booking_id)))


def of_bookings(tx: Transaction, lane_id: int, booking_ids: Iterable[str]) -> list[Held]:
    """All posts that these bookings have or have had in a lane."""
    rows = given(tx.dialect, post.c.booking_id).c
    asked = _posts().where(post.c.booking_id == rows.booking_id, post.c.lane_id == lane_id)
    return _held(tx.run(asked, {"rows": as_json({"booking_id": each} for each in set(booking_ids))}))


def hold(tx: Transaction, engagement_index: str) -> None:
    """Hold the index's lanes until commit: whoever changes posts does so first."""
    held = select(lane.c.id).where(lane.c.engagement_index == engagement_index)
    tx.run(held.order_by(lane.c.id).with_for_update()).all()


def note(tx: Transaction, engagement_index: str, numbers: dict[str, int]) -> None:
    """Keep what a comparison found, instead of what the one before did."""
    mine = verification.c.engagement_index == engagement_index
    values = {name: numbers.get(name, 0) for name in RESULTS} | {"ended_at": tx.now}
    if tx.run(update(verification).where(mine).values(**values)).rowcount == 0:
        tx.run(insert(verification).values(engagement_index=engagement_index, **values))


def latest(tx: Transaction) -> list[Row[Any]]:
    """What the last comparison with each index found."""
    return list(tx.run(select(verification).order_by(verification.c.engagement_index)))


def _posts() -> Select[Any]:
    columns = (
        post.c.id, post.c.lane_id, post.c.resident_id, post.c.care_unit, post.c.booking_id, lane.c.source_system,
        post.c.data_controller, post.c.wanted, post.c.known, post.c.sent_at, post.c.parked_code,
    )  # fmt: skip
    return select(*columns).join(lane, lane.c.id == post.c.lane_id)


def _in(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    mine = lane.c.engagement_index == scope.engagement_index
    return (mine,) if scope.source is None else (and_(mine, lane.c.source == scope.source),)


def _held(rows: Iterable[Row[Any]]) -> list[Held]:
    return [
        Held(
            id=row.id,
            lane_id=row.lane_id,
            key=PostKey(row.resident_id, row.care_unit, row.booking_id, row.source_system, row.data_controller),
            wanted=row.wanted,
            known=row.known,
            sent_at=row.sent_at,
            parked=row.parked_code is not None,
        )
        for row in rows
    ]
