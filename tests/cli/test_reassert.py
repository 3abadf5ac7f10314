"""`reassert`: what was sent in a time is said again, deletes included."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from relay.post import ABSENT, UNKNOWN
from relay.store import lanes, sources
from relay.store.transaction import Store, Transaction
from tests.cli.conftest import Run
from tests.cli.test_parked import configuration, store  # noqa: F401 - fixtures
from tests.store.conftest import LANE, SOURCE
from tests.store.steps import CONTENT, alter, row, want

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = ("--from", "2026-11-24T11:30Z", "--to", "2026-11-24T12:30Z")


def sent(store: Store) -> dict[str, int]:  # noqa: F811
    def work(tx: Transaction) -> int:
        sources.ensure(tx, [SOURCE])
        lanes.ensure(tx, [(LANE, SOURCE)])
        return lanes.of_source(tx, SOURCE)[LANE]

    names = ("present", "deleted", "earlier", "parked")
    ids = dict(zip(names, want(store, store.transact(work), *names), strict=True))
    alter(store, ids["present"], known=CONTENT, sent_at=NOON)
    alter(store, ids["deleted"], wanted=ABSENT, known=ABSENT, sent_at=NOON)
    alter(store, ids["earlier"], known=CONTENT, sent_at=NOON - timedelta(hours=2))
    alter(store, ids["parked"], known=CONTENT, sent_at=NOON, parked_code="EI004", parked_at=NOON)
    return ids


def test_what_was_sent_in_the_time_is_said_again_in_bulk(run: Run, store: Store) -> None:  # noqa: F811
    """R-34"""
    ids = sent(store)
    told = json.loads(run("reassert", *WINDOW, "--reason", "the index was restored", "--json").stdout)
    assert (told["posts"], told["calls"], told["resent"], told["waiting"]) == (2, 1, 2, 0)
    for name in ("present", "deleted"):
        assert (row(store, ids[name]).known, row(store, ids[name]).bulk) == (UNKNOWN, True)
    assert {row(store, ids[name]).known for name in ("earlier", "parked")} == {CONTENT}
    assert "the index was restored" in run("audit", "list").stdout


def test_a_dry_run_needs_no_reason_and_changes_nothing(run: Run, store: Store) -> None:  # noqa: F811
    ids = sent(store)
    assert "2 posts, 1 calls" in run("reassert", *WINDOW, "--dry-run").stdout
    assert row(store, ids["deleted"]).known == ABSENT
    run("reassert", *WINDOW, code=2)
    run("reassert", *WINDOW, "--index", "regional", "--dry-run", code=3)
    run("reassert", "--from", "2026-11-24T12:30Z", "--to", "2026-11-24T11:30Z", "--dry-run", code=2)
