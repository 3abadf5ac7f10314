"""Publishing rules: what the bookings of a source were or are evaluated by, and which are in force.

A worker's files are what one host has. The rules in force were agreed on, and are kept here whole: so every worker
evaluates by the same, also one whose own file is missing, cut short or of yesterday.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, exists, select, update

from relay.store.ledgers import held_change, publishing_rules
from relay.store.rows import as_json, given_select
from relay.store.schema import source
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

LATELY: Final = timedelta(days=1)


def note(tx: Transaction, source_name: str, fingerprint: str, said: str) -> None:
    """Keep what a fingerprint was made of, where it is not there yet."""
    c = publishing_rules.c
    rows = given_select(tx.dialect, c.source, c.fingerprint, c.said, c.noted_at)
    row = {"source": source_name, "fingerprint": fingerprint, "said": said, "noted_at": tx.now}
    tx.run(
        upsert(tx.dialect, publishing_rules, rows, key=(c.source, c.fingerprint), update=()), {"rows": as_json([row])}
    )


def said(tx: Transaction, source_name: str, fingerprint: str) -> str | None:
    """What the fingerprint was made of; None where nobody kept it."""
    asked = select(publishing_rules.c.said).where(
        publishing_rules.c.source == source_name, publishing_rules.c.fingerprint == fingerprint
    )
    found: str | None = tx.run(asked).scalar_one_or_none()
    return found


def agree(tx: Transaction, source_name: str, fingerprint: str) -> None:
    """Put rules in force from now on. Rules that were so within a day before are counted as a return."""
    before = _in_force(tx, source_name)
    here = (publishing_rules.c.source == source_name) & (publishing_rules.c.fingerprint == fingerprint)
    again = were_in_force(tx, source_name, fingerprint)
    returns = (before.returns if before is not None else 0) + 1 if again else 0
    tx.run(update(publishing_rules).where(here).values(agreed_at=tx.now, returns=returns))
    tx.run(update(source).where(source.c.name == source_name).values(agreed=fingerprint, seen=None))


def goes_back_and_forth(tx: Transaction, source_name: str, fingerprint: str) -> bool:
    """Whether following these rules would be the second return within a day: A, B, A, and now B again."""
    now = _in_force(tx, source_name)
    return now is not None and now.returns > 0 and were_in_force(tx, source_name, fingerprint)


def were_in_force(tx: Transaction, source_name: str, fingerprint: str) -> bool:
    """Whether these rules were in force within the last day and are not now."""
    asked = select(publishing_rules.c.agreed_at).where(
        publishing_rules.c.source == source_name, publishing_rules.c.fingerprint == fingerprint
    )
    at: datetime | None = tx.run(asked).scalar_one_or_none()
    return at is not None and at > tx.now - LATELY


def _in_force(tx: Transaction, source_name: str) -> Row[Any] | None:
    asked = select(publishing_rules).join(
        source, (source.c.name == publishing_rules.c.source) & (source.c.agreed == publishing_rules.c.fingerprint)
    )
    return tx.run(asked.where(source.c.name == source_name)).one_or_none()


def drop_old(tx: Transaction, before: datetime) -> int:
    """Forget rules that were noted before a time, are not in force, and wait for nobody's decision."""
    stands = exists().where(
        source.c.name == publishing_rules.c.source, source.c.agreed == publishing_rules.c.fingerprint
    )
    waits = exists().where(
        held_change.c.source == publishing_rules.c.source,
        held_change.c.ground == publishing_rules.c.fingerprint,
        held_change.c.ended_at.is_(None),
    )
    gone = (
        delete(publishing_rules)
        .where(publishing_rules.c.noted_at <= before, ~stands, ~waits)
        .returning(publishing_rules.c.fingerprint)
    )
    return len(tx.run(gone).all())
