"""Everything that `status` calls wrong has its advice, and the runbook has the section that it names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.cli.standing import Facts, Standing, wrong
from relay.console.advice import advice_on
from relay.console.listing import Listing
from relay.console.lists import LISTS

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


CALM = Standing(at=NOW, sources=[], lanes=[], broker=None, certificates=[])
SITUATIONS = {
    "EiRelayBrokerUnreachable": [replace(CALM, broker={"ok": False, "text": "refused"})],
    "EiRelayOutboxUnreachable": [replace(CALM, sources=[source(error="the outbox could not be read")])],
    "EiRelayChangesHeld": [
        replace(CALM, changes=[change(status="held")]),
        replace(CALM, changes=[change(status="rejected")]),
    ],
    "EiRelayFullListFailed": [
        replace(CALM, full_lists=[full_list(error="the query failed")]),
        replace(CALM, full_lists=[full_list(rejected=2, reasons=["booking B: care_unit: none"])]),
    ],
    "EiRelayFullListOverdue": [
        replace(CALM, full_lists=[full_list(compared_at=NOW - timedelta(days=3))]),
        replace(CALM, full_lists=[full_list(compared_at=None, first_at=NOW - timedelta(days=3))]),
    ],
    "EiRelayIndexDiffers": [
        replace(CALM, verified=[{"index": "n", "verified_at": NOW, "lost": 1, "ghost": 0, "wrong": 0}])
    ],
    "EiRelayClockDiffers": [replace(CALM, workers=[{"host": "h", "alive": True, "clock_difference_ms": -61_000}])],
    "EiRelayWorkersSilent": [
        replace(CALM, sources=[source(unread=1, oldest_unread_seconds=3600)]),
        replace(CALM, sources=[source(unread=1, last_look_at=NOW - timedelta(hours=1))]),
    ],
    "EiRelayLaneBlocked": [replace(CALM, lanes=[lane(state="blocked", code="VP007", since=NOW)])],
    "EiRelayChangeLate": [
        replace(CALM, lanes=[lane(oldest_pending_seconds=3000)]),
        replace(CALM, lanes=[lane(state="paused")]),
    ],
    "EiRelayNothingAccepted": [replace(CALM, lanes=[lane(state="resting", failures=2)])],
    "EiRelayRowsRejected": [replace(CALM, sources=[source(rejected_last_hour=3)])],
    "EiRelayParkedGrowing": [replace(CALM, sources=[source(parked=3)])],
    "EiRelayRowsSetAside": [
        replace(CALM, sources=[source(rows_set_aside=1, set_aside=[{"row_id": 1, "reason": "no"}])])
    ],
    "EiRelayCertificateUnreadable": [replace(CALM, certificates=[{"index": "n", "ends_at": None, "error": "no file"}])],
    "EiRelayCertificateEnds": [replace(CALM, certificates=[{"index": "n", "ends_at": NOW - timedelta(days=1)}])],
    "EiRelayCertificateEndsSoon": [replace(CALM, certificates=[{"index": "n", "ends_at": NOW + timedelta(days=9)}])],
}


def test_each_thing_that_is_wrong_has_its_advice() -> None:
    for section, situations in SITUATIONS.items():
        for seen in situations:
            (line,) = wrong(seen)
            advice = advice_on(line)
            assert advice.section == section, line
            assert f"## {section}\n" in RUNBOOK
            assert advice.page.lstrip("/") in {"", "bookings", *LISTS}
            assert advice.text("sv") != advice.text("en")


def test_a_list_names_the_command_that_shows_the_same() -> None:
    assert [name for name, listing in LISTS.items() if not isinstance(listing, Listing) or not listing.command] == []
