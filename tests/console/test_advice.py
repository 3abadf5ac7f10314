"""Everything that `status` calls wrong has its advice, and the runbook has the section that it names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.console.advice import ADVICE
from relay.console.listing import Listing
from relay.console.lists import LISTS
from relay.language.said import ENGLISH, SWEDISH
from relay.report.health import Facts, HealthSummary, troubles

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")


def source(**said: object) -> Facts:
    facts: dict[str, object] = {
        "source": "tidbok", "unread": 0, "oldest_unread_seconds": None, "pending": 0, "parked": 0, "error": None,
        "rejected_last_hour": 0, "last_look_at": NOW, "rows_set_aside": 0, "set_aside": [],
    }  # fmt: skip
    return facts | said


def lane(**said: object) -> Facts:
    facts: dict[str, object] = {
        "lane": "national:SE1", "oldest_pending_seconds": None, "state": "open", "code": None, "since": None,
        "failures": 0,
    }  # fmt: skip
    return facts | said


def change(**said: object) -> Facts:
    return {"source": "tidbok", "change": 1, "kind": "lists", "removed": 1, "moved": 1, "created": 1} | said


def full_list(**said: object) -> Facts:
    return {
        "source": "tidbok", "compared_at": NOW, "first_at": NOW, "error": None, "rejected": 0, "reasons": [],
    } | said  # fmt: skip


CALM = HealthSummary(at=NOW, sources=[], lanes=[], broker=None, certificates=[])
SITUATIONS = {
    "broker": replace(CALM, broker={"ok": False, "text": "refused"}),
    "outbox": replace(CALM, sources=[source(error="the outbox could not be read")]),
    "restored": replace(CALM, sources=[source(restore="its outbox has rows", restore_suspected_at=NOW)]),
    "restarted": replace(CALM, sources=[source(ids_restarted_at=NOW)]),
    "held": replace(CALM, changes=[change(status="held")]),
    "not_followed": replace(CALM, changes=[change(status="rejected")]),
    "unread": replace(CALM, sources=[source(unread=1, oldest_unread_seconds=3600)]),
    "unattended": replace(CALM, sources=[source(unread=1, last_look_at=NOW - timedelta(hours=1))]),
    "late": replace(CALM, lanes=[lane(oldest_pending_seconds=3000)]),
    "blocked": replace(CALM, lanes=[lane(state="blocked", code="VP007", since=NOW)]),
    "paused": replace(CALM, lanes=[lane(state="paused", since=NOW)]),
    "resting": replace(CALM, lanes=[lane(state="resting", failures=2)]),
    "rejected": replace(CALM, sources=[source(rejected_last_hour=3)]),
    "parked": replace(CALM, sources=[source(parked=3)]),
    "set_aside": replace(CALM, sources=[source(rows_set_aside=1, set_aside=[{"row_id": 1, "reason": "no"}])]),
    "certificate_unreadable": replace(CALM, certificates=[{"index": "n", "ends_at": None, "error": "no file"}]),
    "certificate_ended": replace(CALM, certificates=[{"index": "n", "ends_at": NOW - timedelta(days=1)}]),
    "certificate_ends": replace(CALM, certificates=[{"index": "n", "ends_at": NOW + timedelta(days=9)}]),
    "list_failed": replace(CALM, full_lists=[full_list(error="the query failed")]),
    "list_overdue": replace(CALM, full_lists=[full_list(compared_at=NOW - timedelta(days=3))]),
    "index_differs": replace(CALM, verified=[{"index": "n", "lost": 1, "ghost": 0, "wrong": 0}]),
    "clock": replace(CALM, workers=[{"host": "h", "alive": True, "clock_difference_ms": -61_000}]),
}


def test_each_thing_that_is_wrong_has_its_advice() -> None:
    assert set(SITUATIONS) == set(ADVICE)
    for kind, seen in SITUATIONS.items():
        (trouble,) = troubles(seen)
        assert trouble.kind == kind
        assert trouble.text.to(SWEDISH) != trouble.text.to(ENGLISH)
        advice = ADVICE[kind]
        assert f"## {advice.section}\n" in RUNBOOK
        assert advice.page.lstrip("/").partition("?")[0] in {"", "bookings", *LISTS}
        assert advice.text.to(SWEDISH) != advice.text.to(ENGLISH)


def test_a_list_with_bad_rows_and_one_never_compared_have_the_same_advice() -> None:
    bad = replace(CALM, full_lists=[full_list(rejected=2, reasons=["booking B: care_unit: none"])])
    never = replace(CALM, full_lists=[full_list(compared_at=None, first_at=NOW - timedelta(days=3))])
    assert [trouble.kind for trouble in (*troubles(bad), *troubles(never))] == ["list_failed", "list_overdue"]


def test_a_swede_reads_no_time_of_greenwich() -> None:
    (trouble,) = troubles(SITUATIONS["blocked"])
    assert trouble.text == "lane national:SE1 is blocked VP007 since 2026-11-29 12:00Z"
    assert trouble.text.to(SWEDISH) == "sändkö national:SE1 är spärrad av VP007 sedan 2026-11-29 13:00"


def test_a_list_names_the_command_that_shows_the_same() -> None:
    assert [name for name, listing in LISTS.items() if not isinstance(listing, Listing) or not listing.command] == []
