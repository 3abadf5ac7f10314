"""Calls: written down before they go out and after they came back.

A call's row is opened in the transaction that claims its posts, with the ids of all of them, and committed
before the first byte leaves. So whatever happens to the worker, what was out is known; and nothing else needs
to be written for a crash to be survived.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import insert, select, update

from relay.store.schema import call
from relay.store.transaction import Transaction

LOST: Final = "lost"  # the verdict on a call whose worker died
NOT_MADE: Final = "not made"  # the verdict on a call that was written down and then not sent


def begin(
    tx: Transaction, lane_id: int, correlation_id: str, post_ids: Sequence[int], lease: timedelta,
    said: Mapping[int, str] | None = None, *, again: Collection[int] = (), environment: str | None = None,
) -> int:  # fmt: skip
    """Open a call that carries these posts, made in this environment; its id.

    `said`: what it says of each post, for whoever may have to write down later that it was accepted. `again`: those
    that the index is known to have as they are said.
    """
    contents = said or {}
    facts: list[dict[str, object]] = [
        {"id": i, "wanted": contents[i]} if i in contents else {"id": i} for i in post_ids
    ]
    for fact in facts if again else ():
        if fact["id"] in again:
            fact["again"] = True
    values = {
        "lane_id": lane_id,
        "correlation_id": correlation_id,
        "started_at": tx.now,
        "lease_until": tx.now + lease,
        "posts": len(post_ids),
        "post_ids": json.dumps(facts, check_circular=False),
        "environment": environment,
    }
    call_id: int = tx.run(insert(call).values(**values).returning(call.c.id)).scalar_one()
    return call_id


def end(
    tx: Transaction, call_id: int, verdict: str, code: str, text: str, at: datetime | None = None, **more: object
) -> None:
    """Record what came back, just now or at another time; `more` are columns of it: detail, routed, producer_ms."""
    said = {"ended_at": at or tx.now, "verdict": verdict, "code": code, "text": text, "post_ids": None}
    tx.run(update(call).where(call.c.id == call_id).values(**said, **more))


class OpenCall(NamedTuple):
    """A call whose answer is not recorded."""

    lane_id: int
    started_at: datetime
    said: dict[int, str]  # by post; without those of which a worker of an older version did not write it down
    again: set[int]  # of which the index is known to have just that


def still_open(tx: Transaction, call_id: int, correlation_id: str) -> OpenCall | None:
    """The call, while nobody has ended it."""
    asked = select(call.c.lane_id, call.c.started_at, call.c.post_ids).where(
        call.c.id == call_id, call.c.correlation_id == correlation_id, call.c.ended_at.is_(None)
    )
    row = tx.run(asked).one_or_none()
    if row is None:
        return None
    facts = [each for each in json.loads(row.post_ids or "[]") if "wanted" in each]
    said = {each["id"]: each["wanted"] for each in facts}
    return OpenCall(row.lane_id, row.started_at, said, {each["id"] for each in facts if each.get("again")})


def lost(tx: Transaction, call_id: int) -> tuple[str, datetime]:
    """End a call whose worker never came back: its post ids as JSON, and the end that counts, its lease's."""
    row = tx.run(select(call.c.post_ids, call.c.lease_until).where(call.c.id == call_id)).one()
    tx.run(
        update(call)
        .where(call.c.id == call_id)
        .values(ended_at=row.lease_until, verdict=LOST, code="LOST", text="the worker never came back", post_ids=None)
    )
    return row.post_ids, row.lease_until
