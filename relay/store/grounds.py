"""Grounds: what the bookings of a source were or are judged by, and which of them stands.

A worker's files are what one host has. What stands is what was agreed on, and is kept here whole: so every worker
judges by the same, also one whose own file is missing, cut short or of yesterday.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, exists, select, update

from relay.store.ledgers import ground, held_change
from relay.store.rows import as_json, given_select
from relay.store.schema import source
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

LATELY: Final = timedelta(days=1)


def note(tx: Transaction, source_name: str, fingerprint: str, said: str) -> None:
    """Keep what a fingerprint was made of, where it is not there yet."""
    c = ground.c
    rows = given_select(tx.dialect, c.source, c.fingerprint, c.said, c.noted_at)
    row = {"source": source_name, "fingerprint": fingerprint, "said": said, "noted_at": tx.now}
    tx.run(upsert(tx.dialect, ground, rows, key=(c.source, c.fingerprint), update=()), {"rows": as_json([row])})


def said(tx: Transaction, source_name: str, fingerprint: str) -> str | None:
    """What the fingerprint was made of; None where nobody kept it."""
    asked = select(ground.c.said).where(ground.c.source == source_name, ground.c.fingerprint == fingerprint)
    found: str | None = tx.run(asked).scalar_one_or_none()
    return found


def agree(tx: Transaction, source_name: str, fingerprint: str) -> None:
    """Let a ground stand from now on. One that stood within a day before is counted as a return."""
    before = _standing(tx, source_name)
    here = (ground.c.source == source_name) & (ground.c.fingerprint == fingerprint)
    again = stood_lately(tx, source_name, fingerprint)
    returns = (before.returns if before is not None else 0) + 1 if again else 0
    tx.run(update(ground).where(here).values(agreed_at=tx.now, returns=returns))
    tx.run(update(source).where(source.c.name == source_name).values(agreed=fingerprint, seen=None))


def goes_back_and_forth(tx: Transaction, source_name: str, fingerprint: str) -> bool:
    """Whether following this ground would be the second return within a day: A, B, A, and now B again."""
    standing = _standing(tx, source_name)
    return standing is not None and standing.returns > 0 and stood_lately(tx, source_name, fingerprint)


def stood_lately(tx: Transaction, source_name: str, fingerprint: str) -> bool:
    """Whether this ground stood within the last day and does not now."""
    asked = select(ground.c.agreed_at).where(ground.c.source == source_name, ground.c.fingerprint == fingerprint)
    at: datetime | None = tx.run(asked).scalar_one_or_none()
    return at is not None and at > tx.now - LATELY


def _standing(tx: Transaction, source_name: str) -> Row[Any] | None:
    asked = select(ground).join(source, (source.c.name == ground.c.source) & (source.c.agreed == ground.c.fingerprint))
    return tx.run(asked.where(source.c.name == source_name)).one_or_none()


def drop_old(tx: Transaction, before: datetime) -> int:
    """Forget grounds that were noted before a time, do not stand, and wait for nobody's decision."""
    stands = exists().where(source.c.name == ground.c.source, source.c.agreed == ground.c.fingerprint)
    waits = exists().where(
        held_change.c.source == ground.c.source,
        held_change.c.ground == ground.c.fingerprint,
        held_change.c.ended_at.is_(None),
    )
    gone = delete(ground).where(ground.c.noted_at <= before, ~stands, ~waits).returning(ground.c.fingerprint)
    return len(tx.run(gone).all())
