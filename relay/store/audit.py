"""The audit log: who changed what by a command, and why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select

from relay.identity import mask
from relay.store.ledgers import audit
from relay.store.transaction import Transaction


def note(tx: Transaction, who: str, command: str, subject: str, reason: str | None) -> None:
    """Write down a change, in the transaction that makes it. `subject` names lanes, sources or counts, no person.

    What people type is masked all the same, and cut to what the table holds.
    """
    said = {"who": mask(who)[:128], "subject": mask(subject)[:255], "reason": mask(reason)[:500] if reason else None}
    tx.run(insert(audit).values(at=tx.now, command=command, **said))


def latest(
    tx: Transaction, limit: int, before: int | None = None, command: str | None = None, who: str | None = None
) -> list[Row[Any]]:
    """The last `limit` entries, newest first; older than the entry `before`, of one command, of one person."""
    asked = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        asked = asked.where(audit.c.id < before)
    if command is not None:
        asked = asked.where(audit.c.command == command)
    if who is not None:
        asked = asked.where(audit.c.who == mask(who)[:128])
    return list(tx.run(asked))
