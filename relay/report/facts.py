"""What commands print and the page shows of one thing: facts by name, as `--json` gives them.

Residents are masked, also where an identity stands in what a booking system may fill as it likes: its ids and its
units.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row

from relay.catalogue import CareUnit
from relay.identity import mask
from relay.onboarding.steps import State
from relay.post import ABSENT, UNKNOWN
from relay.settings import Source
from relay.store import overview, workers
from relay.store.lanes import LaneName
from relay.store.notes import Note
from relay.store.verification import RESULTS
from relay.story.words import HOW_TO_WRITE, fields_of

OUT: Final = "out"  # shown for a call whose answer is not recorded yet
_IN_WORDS: Final = {ABSENT: "absent", UNKNOWN: "unknown"}
_LIST_NUMBERS: Final = ("listed", "created", "changed", "gone", "held", "waiting", "rejected")


def lane_facts(row: Row[Any], now: datetime, failed: Row[Any] | None = None) -> dict[str, object]:
    """What lists say of a lane, as `overview.lanes` gives it; of one that rests, what its last call ended with."""
    since = row.oldest_pending_since
    resting = overview.state_of_lane(row, now) == "resting"
    return {
        "lane": str(LaneName(row.engagement_index, row.source_system)),
        "source": row.source,
        "state": overview.state_of_lane(row, now),
        "pending": row.pending,
        "oldest_pending_seconds": round((now - since).total_seconds()) if since else None,
        "next_call_at": row.next_call_at if row.next_call_at > now else None,
        "failures": row.failures,
        "code": failed.code if resting and failed is not None else row.blocked_code,
        "since": row.failed_at if resting else row.blocked_since,
        "text": failed.text if resting and failed is not None else row.blocked_text,
        "last_success_at": row.last_success_at,
    }


def call_facts(row: Row[Any]) -> Mapping[str, object]:
    """What is shown of a call, as `answered` gives it. Its texts were masked when they were kept."""
    ended: datetime | None = row.ended_at
    return {
        "call": row.id,
        "lane": str(LaneName(row.engagement_index, row.source_system)),
        "source": row.source,
        "started_at": row.started_at,
        "ended_at": ended,
        "seconds": round((ended - row.started_at).total_seconds(), 3) if ended else _so_far(row),
        "producer_ms": row.producer_ms,
        "posts": row.posts,
        "verdict": row.verdict or OUT,
        "code": row.code,
        "text": row.text,
        "detail": row.detail,
        "routed": None if row.routed is None else bool(row.routed),
        "correlation_id": row.correlation_id,
    }


def _so_far(row: Row[Any]) -> float:
    seconds: float = (datetime.now(UTC) - row.started_at).total_seconds()
    return round(max(seconds, 0.0), 3)


def short_facts(row: Row[Any]) -> Mapping[str, object]:
    """What lists say of a post, as `overview` gives it."""
    return {
        "key": row.id,
        "source": row.source,
        "lane": f"{row.engagement_index}:{row.source_system}",
        "booking_id": mask(row.booking_id),
        "care_unit": mask(row.care_unit),
        "state": row.state,
        "wanted": _IN_WORDS.get(row.wanted, row.wanted),
        "known": _IN_WORDS.get(row.known, row.known),
        "wanted_since": row.wanted_since,
        "sent_at": row.sent_at,
        "code": row.parked_code or row.code,
    }


def post_facts(row: Row[Any]) -> Mapping[str, object]:
    """What is shown of one post, as `overview` gives it."""
    return {
        "key": row.id,
        "source": row.source,
        "engagement_index": row.engagement_index,
        "source_system": row.source_system,
        "booking_id": mask(row.booking_id),
        "resident_id": "(masked)",
        "care_unit": mask(row.care_unit),
        "data_controller": mask(row.data_controller),
        "state": row.state,
        "wanted": _IN_WORDS.get(row.wanted, row.wanted),
        "wanted_since": row.wanted_since,
        "known": _IN_WORDS.get(row.known, row.known),
        "expires_at": row.expires_at,
        "last_sent_at": row.sent_at,
        "unconfirmed": row.unconfirmed > 0,
        "held_until": row.held_until,
        "bulk": row.bulk,
        "parked_code": row.parked_code,
        "parked_text": row.parked_text,
        "parked_at": row.parked_at,
        "attempts": row.attempts,
        "last_call": row.call_id,
        "last_call_ended_at": row.call_ended_at,
        "last_call_verdict": row.verdict,
        "last_call_code": row.code,
        "correlation_id": row.correlation_id,
    }


def change_facts(row: Row[Any]) -> dict[str, object]:
    """What lists say of a held change."""
    return {
        "change": row.id,
        "source": row.source,
        "kind": row.kind,
        "status": row.status,
        "held_at": row.held_at,
        "present": row.present,
        "removed": row.removed,
        "moved": row.moved,
        "created": row.created,
        "changed": row.changed,
        "decided_at": row.decided_at,
        "decided_by": row.decided_by,
        "reason": row.reason,
        "why": row.why,
    }


def run_facts(row: Any, waiting: int) -> dict[str, object]:
    """What lists say of a run, and of how many of its posts still wait."""
    return {
        "run": row.id,
        "state": _run_state(row, waiting),
        "selection": row.selection,
        "who": row.who,
        "reason": row.reason,
        "started_at": row.started_at,
        "matched": row.matched,
        "resent": row.changed,
        "waiting": waiting,
        "given_back": row.undone,
    }


def _run_state(row: Any, waiting: int) -> str:
    if row.cancelled_at is not None:
        return "cancelled"
    if row.ended_at is None:
        return "marking"
    return "sending" if waiting else "done"


def rejected_facts(row: Row[Any]) -> dict[str, object]:
    """What lists say of a rejected row: which field, what it was (masked), how it is written right."""
    fields = fields_of(row.reason or "")
    return {
        "source": row.source,
        "row": row.row_id,
        "booking_id": mask(row.booking_id) if row.booking_id else None,
        "rejected_at": row.settled_at,
        "fields": ",".join(fields),
        "reason": mask(row.reason or ""),
        "write_it_as": "; ".join(f"{name}: {HOW_TO_WRITE[name]}" for name in fields),
    }


def csv_cell(value: object) -> object:
    """A value for a spreadsheet: none that it would take for a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t") else value


def unit_facts(source: Source, unit: CareUnit) -> dict[str, object]:
    """What lists say of a care unit."""
    return {
        "source": source.name,
        "hsa_id": mask(unit.hsa_id),
        "name": mask(unit.name),
        "county": unit.county,
        "connected": unit.active,
        "data_controller": mask(unit.data_controller or source.data_controller),
        "list": str(source.care_units),
    }


def worker_facts(rows: list[Row[Any]], now: datetime) -> list[dict[str, object]]:
    """What lists say of the processes; which lists most of the living have is found among all of them."""
    common = _lists_of_most([row for row in rows if is_alive(row, now)])
    return [_worker_facts(row, now, common) for row in rows]


def is_alive(row: Row[Any], now: datetime) -> bool:
    """Whether a worker, as `workers.every` gives it, still reports."""
    return bool(row.seen_at > now - workers.ALIVE)


def _lists_of_most(alive: list[Row[Any]]) -> dict[str, str]:
    """{source: fingerprint} that most of the living have."""
    counts: dict[str, dict[str, int]] = {}
    for row in alive:
        for source, fingerprint in workers.lists_of(row).items():
            of = counts.setdefault(source, {})
            of[fingerprint] = of.get(fingerprint, 0) + 1
    return {source: max(of, key=lambda each: of[each]) for source, of in counts.items()}


def _worker_facts(row: Row[Any], now: datetime, common: dict[str, str]) -> dict[str, object]:
    lists = workers.lists_of(row)
    others = sorted(source for source, print_ in lists.items() if common.get(source, print_) != print_)
    return {
        "instance": mask(row.instance),
        "host": mask(row.host),
        "version": row.version,
        "alive": is_alive(row, now),
        "started_at": row.started_at,
        "seen_at": row.seen_at,
        "clock_difference_ms": row.clock_offset_ms,
        "lists": ",".join(f"{source}={print_[:8]}" for source, print_ in sorted(lists.items())) or None,
        "other_lists": ",".join(others) or None,
    }


def list_facts(source: str, note: Note | None) -> dict[str, object]:
    """What lists say of a source's comparison; `compared_at` and the numbers are of the last good one."""
    said: Mapping[str, Any] = note.said if note is not None else {}
    return {
        "source": source,
        "compared_at": _instant(said.get("compared_at")),
        **{name: said.get(name) for name in _LIST_NUMBERS},
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


def step_facts(state: State) -> dict[str, object]:
    """What lists say of a step."""
    rest = state.evidence or ""
    if state.missing:
        rest = f"not confirmed: {', '.join(state.missing)}"
    elif state.waits_for:
        rest = f"waits for {', '.join(state.waits_for)}"
    return {
        "environment": state.environment, "source": state.source, "no": state.number, "step": state.step,
        "state": state.state, "by": state.by, "date": state.date, "what": state.title,
        "evidence, or what is next": rest or state.next,
    }  # fmt: skip
