"""What was found last, and kept: by comparing with full lists, with an index, and of the rows of outboxes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Row

from relay.store import notes, verification
from relay.store.notes import Note
from relay.store.transaction import Transaction
from relay.store.verification import RESULTS

NUMBERS: Final = ("listed", "created", "changed", "gone", "held", "waiting", "rejected")


class FoundLast(NamedTuple):
    """The last findings; the notes by source."""

    full_lists: Mapping[str, Note]
    odd: Mapping[str, Note]
    verified: list[Row[Any]]


def found_last(tx: Transaction) -> FoundLast:
    """Three short questions, whatever the size of anything else."""
    return FoundLast(notes.of(tx, notes.FULL_LIST), notes.of(tx, notes.ODD), verification.latest(tx))


def list_facts(source: str, note: Note | None) -> dict[str, object]:
    """What lists say of a source's comparison; `compared_at` and the numbers are of the last good one."""
    said: Mapping[str, Any] = note.said if note is not None else {}
    return {
        "source": source,
        "compared_at": _instant(said.get("compared_at")),
        **{name: said.get(name) for name in NUMBERS},
        "error": said.get("error"),
        "reasons": said.get("reasons", []),
        "first_at": _instant(said.get("first_at")),
        "tried_at": _instant(said.get("tried_at")),
    }


def verified_facts(row: Row[Any]) -> dict[str, object]:
    """What lists say of the last comparison with an index."""
    return {
        "index": row.engagement_index,
        "verified_at": row.ended_at,
        **{name: getattr(row, name) for name in RESULTS},
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
