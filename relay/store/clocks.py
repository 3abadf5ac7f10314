"""Times that a database clock which was ahead has left in the future, put right.

Every rule here is one that no right clock breaks: nothing was sent later than now, and no lane that is well waits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import case, literal, update

from relay.store.ledgers import chore
from relay.store.schema import lane, post, source
from relay.store.transaction import Transaction

BOUND: Final = timedelta(seconds=60)  # clocks may differ by so much without a word
HOURLY: Final = timedelta(hours=1) + BOUND  # the turn of every chore but verifying, which may have years


def repair(tx: Transaction, longest_lease: timedelta, longest_pause: timedelta, *, posts_too: bool = False) -> int:
    """Bring times from the future back; how many lanes that were. Posts are looked through where a lane was, or where
    told to: then all bookings are re-evaluated too, for some may have been taken for over."""
    now, late = tx.now, tx.now + BOUND
    well = (lane.c.failures == 0) & lane.c.blocked_code.is_(None)
    repaired = 0
    for where, values in (
        (lane.c.lease_until > now + longest_lease + BOUND, {"lease_until": now + longest_lease}),
        (well & (lane.c.next_call_at > late), {"next_call_at": now}),
        (~well & (lane.c.next_call_at > now + longest_pause + BOUND), {"next_call_at": now + longest_pause}),
        (lane.c.next_bulk_at > now + longest_pause, {"next_bulk_at": now}),
        (lane.c.next_split_at > now + longest_pause, {"next_split_at": now}),
        (lane.c.failed_at > late, {"failed_at": now}),
        (lane.c.last_success_at > late, {"last_success_at": now}),
    ):
        repaired += len(tx.run(update(lane).where(where).values(**values).returning(lane.c.id)).all())
    tx.run(update(source).where(source.c.next_look_at > now + 2 * BOUND).values(next_look_at=now))
    tx.run(update(source).where(source.c.next_check_at > now + 2 * BOUND).values(next_check_at=now))
    tx.run(update(source).where(source.c.restore_rests_until > now + 24 * 60 * BOUND).values(restore_rests_until=now))
    hourly, rare = (literal(now + length, chore.c.next_at.type) for length in (HOURLY, timedelta(days=366)))
    longest = case((chore.c.name.like("verify %"), rare), else_=hourly)
    tx.run(update(chore).where(chore.c.next_at > longest).values(next_at=now))
    if repaired or posts_too:
        tx.run(update(post).where(post.c.sent_at > now).values(sent_at=now))
        tx.run(update(source).where(source.c.weighed_by.is_not(None)).values(weighed_to=""))
    return repaired
