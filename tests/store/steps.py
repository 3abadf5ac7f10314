"""Single steps on a store, each a transaction of its own, as the flow makes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from relay.post import PostKey, WantedChange
from relay.store import lanes, posts
from relay.store.lanes import LaneName, TakenLane
from relay.store.lease import lease_end
from relay.store.posts import DuePost, Sent
from relay.store.schema import lane, post
from relay.store.transaction import Store
from tests.made import SYSTEM, key

CONTENT = "20261224103000"
LENGTH = timedelta(seconds=70)
SPACING = timedelta(minutes=5)
REST = timedelta(minutes=5)


def want(
    store: Store,
    lane_id: int,
    *keys: PostKey | str,
    content: str = CONTENT,
    since: datetime | None = None,
    expires_at: datetime | None = None,
) -> list[int]:
    """Want posts with these keys, or of these bookings; their ids."""
    wanted = [key(booking_id=k) if isinstance(k, str) else k for k in keys]
    store.transact(
        lambda tx: posts.want(tx, [WantedChange(lane_id, k, content, since or tx.now, expires_at) for k in wanted])
    )
    ids = {(row.booking_id, row.resident_id, row.care_unit): row.id for row in rows(store)}
    return [ids[k.booking_id, k.resident_id, k.care_unit] for k in wanted]


def rows(store: Store) -> Sequence[Row[Any]]:
    """All posts as they stand in the table."""
    return store.transact(lambda tx: tx.run(select(post).order_by(post.c.id)).all())


def row(store: Store, post_id: int) -> Row[Any]:
    """One post as it stands in the table."""
    return store.transact(lambda tx: tx.run(select(post).where(post.c.id == post_id)).one())


def alter(store: Store, post_id: int, **values: object) -> None:
    """Set columns of a post."""
    store.transact(lambda tx: tx.run(update(post).where(post.c.id == post_id).values(**values)))


def claim(store: Store, lane_id: int, split: bool = True, bulk: bool = True, limit: int = 1000) -> list[DuePost]:
    """What the lane's next call would carry now."""
    return store.transact(
        lambda tx: posts.claim(tx, lane_id, SYSTEM, tx.now - SPACING, split=split, bulk=bulk, limit=limit)
    )


def claimed(store: Store, lane_id: int, **asked: Any) -> list[int]:
    """The ids of `claim`."""
    return [each.id for each in claim(store, lane_id, **asked)]


def record(store: Store, *sent: Sent, contents: dict[int, str] | None = None, call_id: int = 7) -> None:
    """What is true of posts after a call that said `contents` (CONTENT where left out) of each."""
    said = {s.id: CONTENT for s in sent} | (contents or {})
    store.transact(lambda tx: posts.record(tx, call_id, sent, said))


def take(store: Store, name: LaneName, length: timedelta = LENGTH) -> TakenLane | None:
    """Take a lane."""
    ends = lease_end(length)
    return store.transact(lambda tx: lanes.take(tx, name, length, ends, REST))


def lane_row(store: Store, lane_id: int) -> Row[Any]:
    """A lane as it stands in the table."""
    return store.transact(lambda tx: tx.run(select(lane).where(lane.c.id == lane_id)).one())


def alter_lane(store: Store, lane_id: int, **values: object) -> None:
    """Set columns of a lane."""
    store.transact(lambda tx: tx.run(update(lane).where(lane.c.id == lane_id).values(**values)))


def due(store: Store, index: str = "national") -> list[LaneName]:
    """The lanes somebody should take now."""
    found = store.transact(lambda tx: lanes.due(tx, index, SPACING, REST))
    return [*found.working, *found.failing, *found.blocked]


def ids_as_json(*post_ids: int) -> str:
    """As a call is opened with."""
    return json.dumps([{"id": id} for id in post_ids])
