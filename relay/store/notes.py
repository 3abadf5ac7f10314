"""Notes: what was last found of something, kept for whoever asks. One a kind and subject; the next takes its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Executable, select

from relay.store.ledgers import note
from relay.store.rows import as_json, given_select
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

FULL_LIST: Final = "full list"  # of a source: the last comparison (relay.flow.maintenance.full_list)

# Of "": the server that the relay's own database was last seen on (relay.flow.delivery.cluster).
CLUSTER: Final = "cluster"
ODD: Final = "odd values"  # of a source's last outbox rows (relay.flow.maintenance.oddities)


class Note(NamedTuple):
    """What was found, and when that was noted."""

    said: Mapping[str, Any]
    at: datetime


def put(tx: Transaction, kind: str, subject: str, said: Mapping[str, object]) -> None:
    """Keep what was found. It names no person."""
    row = {"kind": kind, "subject": subject, "said": json.dumps(said), "noted_at": tx.now}
    tx.run(_put(tx.dialect), {"rows": as_json([row])})


@cache
def _put(dialect: str) -> Executable:
    columns = tuple(note.columns)
    return upsert(dialect, note, given_select(dialect, *columns), key=columns[:2], update=columns[2:])


def of(tx: Transaction, kind: str) -> dict[str, Note]:
    """{subject: what was found} of a kind."""
    rows = tx.run(select(note).where(note.c.kind == kind))
    return {row.subject: Note(json.loads(row.said), row.noted_at) for row in rows}
