"""Calls: written down before they go out and after they came back.

A call's row is opened in the transaction that claims its posts, with the ids of all of them, and committed
before the first byte leaves. So whatever happens to the worker, what was out is known; and nothing else needs
to be written for a crash to be survived.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, select, update

from relay.store.schema import call
from relay.store.transaction import Transaction

LOST: Final = "lost"  # the verdict on a call whose worker died
NOT_MADE: Final = "not made"  # the verdict on a call that was written down and then not sent


def begin(
    tx: Transaction,
    lane_id: int,
    correlation_id: str,
    post_ids: Sequence[int],
    lease: timedelta,
    environment: str | None = None,
    again: Collection[int] = (),
) -> int:
    """Open a call that carries these posts, made in this environment, those of `again` as the index is known to have
    them; its id."""
    values = {
        "lane_id": lane_id,
        "correlation_id": correlation_id,
        "started_at": tx.now,
        "lease_until": tx.now + lease,
        "posts": len(post_ids),
        "post_ids": json.dumps([{"id": i, "again": True} if i in again else {"id": i} for i in post_ids]),
        "environment": environment,
    }
    call_id: int = tx.run(insert(call).values(**values).returning(call.c.id)).scalar_one()
    return call_id


def end(tx: Transaction, call_id: int, verdict: str, code: str, text: str) -> None:
    """Record what came back."""
    tx.run(
        update(call)
        .where(call.c.id == call_id)
        .values(ended_at=tx.now, verdict=verdict, code=code, text=text, post_ids=None)
    )


def lost(tx: Transaction, call_id: int) -> tuple[str, datetime]:
    """End a call whose worker never came back: its post ids as JSON, and the end that counts, its lease's."""
    row = tx.run(select(call.c.post_ids, call.c.lease_until).where(call.c.id == call_id)).one()
    tx.run(
        update(call)
        .where(call.c.id == call_id)
        .values(ended_at=row.lease_until, verdict=LOST, code="LOST", text="the worker never came back", post_ids=None)
    )
    return row.post_ids, row.lease_until
