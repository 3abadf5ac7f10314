"""`ei-relay run` on SQLite: the same story in one process, killed and started again, and stopped in order."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration import expected
from tests.integration.changes import World, now_in_sweden, plan
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.processes import wait_until
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site
from tests.integration.writers import Writers

pytestmark = pytest.mark.integration

WRITING_SECONDS = 8
UNITS = ("SE2321000016-1HZ1", "SE2321000016-1HZ2", "SE2321000016-1HZ3")


@pytest.fixture
def site(new_site: NewSite, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    pace: Pace = request.param
    return new_site(pace, f"sqlite:///{tmp_path}/relay.db", broker=False).prepare()


def is_calling(site: Site) -> bool:
    """Whether a call is out, with others before it."""
    calls = site.index.calls()
    return len(calls) > 2 and calls[-1]["ended"] is None


def settled(site: Site) -> list[int]:
    """The outbox rows that have an outcome."""
    return [row for row, (outcome, _) in site.outcomes(TIDBOK.name).items() if outcome is not None]


@pytest.mark.parametrize("site", [Pace(key_spacing=1.5, call_timeout=1, latency=0.4)], indirect=True)
def test_a_thousand_random_changes_and_two_power_cuts_end_with_index_equal_to_bookings(site: Site) -> None:
    seed = secrets.token_hex(4)
    print(f"seed {seed}")
    start = now_in_sweden()
    world = World(TIDBOK.name, TIDBOK.source_systems, UNITS, start, WRITING_SECONDS, writers=2, any_value=False)
    changes = plan(world, 1000, bookings=100, seed=seed, late=0)  # SQLite has one writer at a time

    # when it is killed in a call, and again while it can but read, since the lane of that call is not free yet
    run = site.start_run()
    writers = Writers(site, [changes], WRITING_SECONDS).start()
    wait_until(lambda: is_calling(site), 20, "a call that is out")
    run.kill()
    taken = len(settled(site))
    run.start()
    wait_until(lambda: len(settled(site)) > taken, 20, "rows taken after the first power cut")
    run.kill()
    run.start()
    wait_until(lambda: not writers.are_writing, 20, "everything written")
    assert not writers.failures, writers.failures

    # then the index comes to equal the bookings, by the rules, and nothing more is said
    wait_until(lambda: (now_in_sweden() - start).seconds > WRITING_SECONDS, 20, "the passing bookings passed")
    wait_until(lambda: site.status()["lanes"][0]["pending"] == 0 and site.unread() == 0, 30, "everything sent")
    assert Counter(site.index.posts()) == Counter(expected.posts(changes, TIDBOK, None, now_in_sweden()))
    assert site.index.breaches() == []
    assert "a worker died during a call" in run.log()
    allowed = expected.outcomes(changes, writers.commits[TIDBOK.name])
    found = site.outcomes(TIDBOK.name)
    assert {row: found[row] for row in found if found[row][0] not in allowed[row]} == {}
    calls = site.index.summary()["calls"]
    time.sleep(site.pace.key_spacing + 3)  # three poll intervals in which nothing may come
    assert site.index.summary()["calls"] == calls


@pytest.mark.parametrize("site", [Pace(call_timeout=6, latency=2)], indirect=True)
def test_sigterm_finishes_the_call_that_is_out_and_records_it(site: Site) -> None:
    run = site.start_run()
    site.insert(
        TIDBOK.name, operation="upsert", booking_id="b-1", resident_id=TOLVAN, care_unit=UNITS[0],
        starts_at=datetime(2027, 5, 4, 8, 15).isoformat(),
    )  # fmt: skip
    wait_until(lambda: site.index.calls(), 20, "a call")

    # when it is told to stop while the index has not answered yet
    assert site.index.calls()[0]["ended"] is None
    told = time.monotonic()
    run.terminate()

    # then it ends in order, in time, after the answer
    assert run.wait(within=20) == 0
    assert time.monotonic() - told < site.pace.call_timeout + 5
    (call,) = site.index.calls()
    assert call["outcome"] == "accepted"
    # and knows what came of it: nothing is in doubt, nothing is sent again
    (lane,) = site.status()["lanes"]
    assert (lane["state"], lane["pending"], lane["failures"]) == ("open", 0, 0)
    run.start()
    wait_until(lambda: "relay" in run.log(), 20, "the log")
    site.insert(TIDBOK.name, operation="remove", booking_id="b-2")
    wait_until(lambda: site.unread() == 0, 20, "a later row taken")
    assert len(site.index.calls()) == 1
