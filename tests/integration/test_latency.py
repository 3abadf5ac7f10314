"""How soon the index knows: of a booking and of its cancellation."""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text as sql

from tests.integration.conftest import NewSite
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site
from tests.waiting import least, wait_until

pytestmark = pytest.mark.integration


def booking(number: int, **columns: object) -> dict[str, Any]:
    starts_at = datetime(2040, 5, 4, 8, 15) + timedelta(days=number)
    said = {"operation": "upsert", "resident_id": TOLVAN, "care_unit": "SE2321000016-1HZ3", "starts_at": starts_at}
    return {"booking_id": f"b-{number}"} | said | columns


def seconds_until_indexed(site: Site, number: int) -> float:
    """Commit a booking; the seconds from its commit until the index holds it."""
    committed = site.insert("tidbok-nord", **booking(number))
    wait_until(lambda: site.index.content_of(f"b-{number}"), f"booking b-{number} in the index")
    return time.monotonic() - committed


def test_a_committed_booking_is_in_the_index_within_one_and_a_half_seconds(new_site: NewSite) -> None:
    """Half of the outboxes' poll interval of 1 s on the average, then a call; so 1.5 s leave half a second for all
    of the work. The median of seven bookings must keep that, and all but one must keep twice that: on a busy machine a
    process can be kept waiting for seconds, and that is the machine's time and not the relay's."""
    site = new_site().prepare()
    site.start_worker()
    site.start_beat()
    # given a site that is up
    seconds_until_indexed(site, 0)

    numbers = count(1)

    def of_seven() -> float:
        """The seconds that are to be kept, of seven bookings that are committed one after the other."""
        taken = []
        for part in range(7):
            time.sleep(part / 7)  # or each would be committed right after a poll, where the one before was seen
            taken.append(seconds_until_indexed(site, next(numbers)))
        print("seconds from commit to index:", [round(t, 2) for t in taken])
        return max(statistics.median(taken), sorted(taken)[-2] / 2)

    assert least(of_seven, 1.5) <= 1.5


def test_a_cancelled_booking_is_gone_as_soon_as_its_key_may_be_sent_again_and_not_before(new_site: NewSite) -> None:
    """R-32, R-22: the pause runs from the end of the call that created the post to the start of the next."""
    site = new_site(Pace(key_spacing=8, says_lone_posts_again=False)).prepare()
    site.start_worker()
    site.start_beat()
    seconds_until_indexed(site, 1)

    # when it is cancelled at once
    site.insert("tidbok-nord", operation="remove", booking_id="b-1")
    wait_until(lambda: not site.index.posts(), "the cancelled booking gone")

    # then the second call began when the first one was 8 s past, and not only after another spacing
    created, deleted = site.index.calls()
    waited = deleted["started"] - created["ended"]
    print("seconds from the end of the first call to the next:", round(waited, 2))
    assert deleted["deletes"] == 1
    assert 8 <= waited < 2 * 8
    assert site.index.breaches() == []


def is_heard(site: Site) -> bool:
    """Whether somebody listens to the outbox, and has found its trigger."""
    with site.outbox("tidbok-nord").connect() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_trigger%'"
        return bool(connection.execute(sql(asked + " AND pid <> pg_backend_pid()")).scalar_one())


@pytest.mark.parametrize("process", ["worker", "run"])
def test_given_an_outbox_that_tells_of_its_rows_then_nobody_waits_for_a_tick(new_site: NewSite, process: str) -> None:
    """Two bookings one after the other, and no tick: there is no beat, or the next one is an hour away."""
    site = new_site(broker=process == "worker")
    text = site.config.read_text(encoding="utf-8").replace('poll_interval = "1s"', 'poll_interval = "1h"')
    site.config.write_text(text.replace("[[source]]\n", "[[source]]\nwake_up = true\n"), encoding="utf-8")
    site.prepare()
    if process == "worker":
        site.start_worker()
    else:
        site.start_run()
    wait_until(lambda: is_heard(site), "somebody who listens")

    for number in range(3):
        seconds_until_indexed(site, number)

    assert site.index.breaches() == []
