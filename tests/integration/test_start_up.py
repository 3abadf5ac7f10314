"""A worker that starts too early, or whose database goes away, waits, says why in one line, and goes on by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from relay.demo.postgres import Postgres
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.processes import Process
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that the test stops and starts; it has not been started."""
    postgres = Postgres("fsync=off")
    yield postgres
    postgres.close()


def book(site: Site, booking_id: str) -> None:
    site.insert(
        TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at=datetime(2040, 5, 4, 8, 15),
    )  # fmt: skip


def complaints(process: Process) -> list[str]:
    """The messages of the errors a process has logged; a line that is no JSON object ends the test."""
    lines = [line for line in process.log().splitlines() if line.startswith("{")]
    records = [json.loads(line) for line in lines]
    assert [r["exception"] for r in records if "exception" in r] == []
    return [record["message"] for record in records if record["level"] == "ERROR"]


def test_a_worker_outlives_a_missing_an_empty_and_a_lost_database(new_site: NewSite, own_server: Postgres) -> None:
    # given a worker that starts while PostgreSQL is down
    site = new_site(Pace(says_lone_posts_again=False), own_server.url())  # no call is out when the server goes
    worker, beat = site.start_worker(), site.start_beat()
    unreachable = (
        "the relay's database did not do it: the database does not answer (OperationalError); "
        "`ei-relay config check --connect` tells more"
    )
    wait_until(lambda: unreachable in complaints(worker), worker.log)

    # when it comes up, without the relay's tables
    own_server.start()
    not_ready = "the relay's database is at version none and this program needs "
    wait_until(lambda: any(c.startswith(not_ready) for c in complaints(worker)), worker.log)
    assert all("run `ei-relay db upgrade`" in c for c in complaints(worker) if c.startswith(not_ready))

    # then it goes on by itself when they are made
    site.prepare()
    book(site, "b-1")
    wait_until(lambda: site.index.content_of("b-1"), worker.log)

    # and again after the server crashed under it
    before = complaints(worker)
    own_server.stop()
    wait_until(lambda: len(complaints(worker)) > len(before), worker.log)
    assert all(c.startswith("the relay's database did not do it: ") for c in complaints(worker)[len(before) :])
    own_server.start()
    for engine in site._engines.values():
        engine.dispose()
    book(site, "b-2")
    wait_until(lambda: site.index.content_of("b-2"), worker.log)
    assert worker.is_alive
    assert beat.is_alive
    assert "Traceback" not in worker.log()
