"""What a lane can send again: posts that are as they should be, for company, to confirm them, or to refresh them.

Each question is read from a small index in the order of what was last said: who goes along costs as many rows as go
along, however many posts stand in the index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import func, or_, select, update

from relay.store.posts import COLUMNS, DuePost, due_post
from relay.store.rows import as_json, given
from relay.store.schema import PRESENT, UNCONFIRMED, post
from relay.store.transaction import Transaction


def present(
    tx: Transaction,
    lane_id: int,
    source_system: str,
    limit: int,
    *,
    lives_beyond: datetime,
    without: Collection[int] = (),
    only_beyond_doubt: bool = True,
) -> list[DuePost]:
    """The posts that the index has as they should be, the longest unsaid first, at most `limit`, whether or not their
    spacing is over.

    Left out are `without`, posts under suspicion, and those whose time passes by `lives_beyond`: to say them now would
    hold up their delete. With `only_beyond_doubt` those too that were in a call which was refused and named nobody.
    """
    asked = select(*COLUMNS).where(
        post.c.lane_id == lane_id,
        PRESENT,
        post.c.sent_at.is_not(None),
        post.c.suspect.is_(None),
        or_(post.c.expires_at.is_(None), post.c.expires_at > lives_beyond),
    )
    if only_beyond_doubt:
        asked = asked.where(post.c.attempts == 0)
    rows = tx.run(asked.order_by(post.c.sent_at).limit(limit + len(without)))
    found = (due_post(row, source_system, again=True) for row in rows)
    return [each for each in found if each.id not in without][:limit]


def unconfirmed(tx: Transaction, lane_id: int, source_system: str, limit: int) -> list[DuePost]:
    """The posts whose known state was said in calls of their own only, deletes among them; the longest unsaid first."""
    asked = select(*COLUMNS).where(post.c.lane_id == lane_id, UNCONFIRMED, post.c.suspect.is_(None))
    rows = tx.run(asked.order_by(post.c.sent_at).limit(limit))
    return [due_post(row, source_system, again=True) for row in rows]


def number_present(tx: Transaction, lane_id: int) -> int:
    """How many posts of the lane the index has as they should be. Reads the lane's part of an index."""
    number: int = tx.run(select(func.count()).where(post.c.lane_id == lane_id, PRESENT)).scalar_one()
    return number


def hold(tx: Transaction, post_ids: Iterable[int], until: datetime) -> None:
    """Keep deletes back for others to go with: until then they alone are no reason to take their lane."""
    rows = given(tx.dialect, post.c.id).c
    held = update(post).where(post.c.id == rows.id).values(held_until=until)
    tx.run(held, {"rows": as_json({"id": each} for each in post_ids)})
