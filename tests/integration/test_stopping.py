"""A stop in order (SIGTERM): the call that is out is finished and written down; nothing is in doubt after it."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration

PACE = Pace(says_lone_posts_again=False)
ANSWERED_AFTER = 4  # seconds: a machine that stands still for a moment finds the call still out


@pytest.fixture(params=["ei-relay run on SQLite", "celery worker on PostgreSQL"])
def site(request: pytest.FixtureRequest, new_site: NewSite, tmp_path: Path) -> Site:
    """A site at work."""
    if "SQLite" in request.param:
        site = new_site(PACE, f"sqlite:///{tmp_path}/relay.db", broker=False).prepare()
        site.start_run()
    else:
        site = new_site(PACE).prepare()
        site.start_worker()
        site.start_beat()
    return site


def stopped_in_a_call(site: Site) -> tuple[int, float]:
    """Tell the site's process to stop (SIGTERM) while the index has not answered: how many calls there are, and when.

    A machine that stood still for as long as the answer takes has missed the call, and gets another one.
    """
    process = site.processes[0]
    site.index.order(delay=ANSWERED_AFTER)
    for number in range(1, 6):
        site.insert(
            TIDBOK.name, operation="upsert", booking_id=f"b-{number}", resident_id=TOLVAN,
            care_unit="SE2321000016-1HZ3", starts_at=datetime(2040, 5, 4, 8, 15).isoformat(),
        )  # fmt: skip
        wait_until(lambda number=number: len(site.index.calls()) == number, "a call")
        told = time.monotonic()
        process.terminate()
        if site.index.calls()[-1]["ended"] is None:
            return number, told
        process.wait(PATIENCE)
        process.start()
    raise AssertionError("no call was out for long enough")


def test_sigterm_finishes_the_call_that_is_out_and_records_it(site: Site) -> None:
    # when it is told to stop while the index has not answered yet
    process = site.processes[0]
    number, told = stopped_in_a_call(site)

    # then it ends in order, in time, after the answer
    assert process.wait(PATIENCE) == 0
    assert time.monotonic() - told < PACE.call_timeout + 5
    assert [call["outcome"] for call in site.index.calls()] == ["accepted"] * number
    # and knows what came of it: nothing is in doubt, nothing is sent again
    (lane,) = site.status()["lanes"]
    assert (lane["state"], lane["pending"], lane["failures"]) == ("open", 0, 0)
    process.start()
    site.insert(TIDBOK.name, operation="remove", booking_id="unknown")
    wait_until(lambda: site.unread() == 0, "a later row taken")
    assert [call["posts"] for call in site.index.calls()] == [1] * number
