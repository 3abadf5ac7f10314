"""What a process reports of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay import __version__
from relay.flow.process.heartbeat import Heartbeat
from relay.store import workers
from tests.flow.site import FlowSite
from tests.waiting import wait_until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FlowSite]:
    site = FlowSite(tmp_path, url="http://127.0.0.1:1/")
    yield site
    site.close()


def test_a_process_reports_its_host_its_version_its_clock_and_its_lists(site: FlowSite) -> None:
    # Given a worker whose clock is an hour ahead of the database's
    heartbeat = Heartbeat(site.relay, wall=lambda: datetime.now(UTC) + timedelta(hours=1))
    # When it reports twice
    heartbeat.beat()
    heartbeat.beat()
    # Then it is there once, with all that
    (row,) = site.relay.store.transact(workers.alive)
    assert row.instance == site.relay.instance
    assert row.instance.startswith(f"{row.host}:")
    assert row.version == __version__
    assert row.started_at <= row.seen_at
    assert 3_590_000 < row.clock_offset_ms < 3_610_000
    assert workers.lists_of(row) == {"tidbok": site.relay.source("tidbok").policies.rules().fingerprint}
    assert json.loads(row.lists)


def test_a_process_that_stops_in_order_takes_its_report_back(site: FlowSite) -> None:
    heartbeat = Heartbeat(site.relay)
    heartbeat.start()
    wait_until(lambda: bool(site.relay.store.transact(workers.alive)), "a report")
    heartbeat.stop()
    assert site.relay.store.transact(workers.every) == []


def test_who_is_silent_is_gone_after_a_minute_and_forgotten_after_a_day(site: FlowSite) -> None:
    Heartbeat(site.relay).beat()
    site.ask("UPDATE ei_worker SET seen_at = '2020-01-01T00:00:00.000000+00:00'")
    assert site.relay.store.transact(workers.alive) == []
    assert site.relay.store.transact(lambda tx: workers.drop_silent(tx, tx.now - workers.KEPT)) == 1
    assert site.relay.store.transact(workers.every) == []
