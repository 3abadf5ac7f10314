"""What was said, seen and ordered on the way to being connected: an append-only list, of which the latest counts.

A step that a person calls done is written down with who said it and of which day; undoing it is one more line. So the
list is also the history that a region can show.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import func, insert, select

from relay.identity import mask
from relay.post import ABSENT
from relay.store.ledgers import onboarding
from relay.store.schema import call, lane, post, receipt
from relay.store.transaction import Transaction

EVERY_SOURCE: Final = ""
THE_STEP: Final = ""  # the subject of what is said of a step as a whole


class Entry(NamedTuple):
    """One line of the list. `subject` is a care unit's HSA-id where a step is done unit by unit."""

    environment: str
    source: str
    step: str
    subject: str
    state: str
    by: str
    date: str  # YYYY-MM-DD, as the person said
    note: str | None
    document: Any  # what was ordered, or what a rehearsal showed; None: nothing
    recorded_at: datetime


class Call(NamedTuple):
    """A call as a rehearsal judges it."""

    started_at: datetime
    ended_at: datetime | None
    posts: int
    verdict: str | None
    code: str | None


class Rehearsed(NamedTuple):
    """A post that a rehearsal made."""

    booking_id: str
    care_unit: str
    wanted: str
    known: str
    parked_code: str | None
    sent_at: datetime | None


_COLUMNS: Final = (
    onboarding.c.environment, onboarding.c.source, onboarding.c.step, onboarding.c.subject, onboarding.c.state,
    onboarding.c.by_whom, onboarding.c.on_date, onboarding.c.note, onboarding.c.document, onboarding.c.recorded_at,
)  # fmt: skip


def add(
    tx: Transaction, environment: str, source: str, step: str, state: str, *, by: str, date: str,
    subject: str = THE_STEP, note: str | None = None, document: object = None,
) -> None:  # fmt: skip
    """Write down one thing that was said or seen. What people type is masked, and cut to what the table holds."""
    said = {
        "environment": environment, "source": source, "step": step, "subject": subject, "state": state,
        "by_whom": mask(by)[:128], "on_date": date, "note": mask(note)[:500] if note else None,
        "document": json.dumps(document, ensure_ascii=False) if document is not None else None,
        "recorded_at": tx.now,
    }  # fmt: skip
    tx.run(insert(onboarding).values(**said))


def latest(tx: Transaction) -> list[Entry]:
    """What stands: of each environment, source, step and subject the last that was said."""
    last = select(func.max(onboarding.c.id)).group_by(
        onboarding.c.environment, onboarding.c.source, onboarding.c.step, onboarding.c.subject
    )
    return _entries(tx, onboarding.c.id.in_(last))


def history(tx: Transaction, step: str) -> list[Entry]:
    """All that was ever said of a step, oldest first."""
    return _entries(tx, onboarding.c.step == step)


def units_in_use(tx: Transaction, source: str) -> set[str]:
    """The care units at which the source has posts, or is about to have some."""
    asked = select(post.c.care_unit).join(lane, lane.c.id == post.c.lane_id).distinct()
    return {unit for (unit,) in tx.run(asked.where(lane.c.source == source, post.c.wanted != ABSENT))}


def units_by_source(tx: Transaction, after: int, until: int) -> dict[str, set[str]]:
    """{source: the care units at which it has posts, or is about to have some}, of the posts in a range of ids."""
    there = (post.c.id > after, post.c.id <= until, post.c.wanted != ABSENT)
    asked = select(lane.c.source, post.c.care_unit).join(lane, lane.c.id == post.c.lane_id).where(*there).distinct()
    found: dict[str, set[str]] = {}
    for row in tx.run(asked):
        found.setdefault(row.source, set()).add(row.care_unit)
    return found


def rejected(tx: Transaction, source: str) -> tuple[int, datetime | None]:
    """How many of the source's rows were rejected, as far as that is kept, and when the last one was."""
    asked = select(func.count(), func.max(receipt.c.settled_at))
    row: Any = tx.run(asked.where(receipt.c.source == source, receipt.c.outcome == "rejected")).one()
    return row[0], row[1]


def calls_since(tx: Transaction, source: str, since: datetime) -> list[Call]:
    """The source's calls from a time on, oldest first."""
    asked = (
        select(call.c.started_at, call.c.ended_at, call.c.posts, call.c.verdict, call.c.code)
        .join(lane, lane.c.id == call.c.lane_id)
        .where(lane.c.source == source, call.c.started_at >= since)
        .order_by(call.c.started_at, call.c.id)
    )
    return [Call(*tuple(row)) for row in tx.run(asked)]


def posts_of(tx: Transaction, source: str, booking_prefix: str) -> list[Rehearsed]:
    """The posts of the source's bookings whose id begins so. Reads all of the source's posts: for a command."""
    columns = (
        post.c.booking_id, post.c.care_unit, post.c.wanted, post.c.known, post.c.parked_code, post.c.sent_at
    )  # fmt: skip
    asked = select(*columns).join(lane, lane.c.id == post.c.lane_id)
    found = tx.run(asked.where(lane.c.source == source, post.c.booking_id.startswith(booking_prefix, autoescape=True)))
    return [Rehearsed(*tuple(row)) for row in found]


def _entries(tx: Transaction, condition: Any) -> list[Entry]:
    rows = (tuple(row) for row in tx.run(select(*_COLUMNS).where(condition).order_by(onboarding.c.id)))
    return [Entry._make((*row[:8], json.loads(row[8]) if row[8] else None, row[9])) for row in rows]
