"""`ei-relay run` on SQLite: the same story in one process, killed and started again."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration import expected
from tests.integration.changes import Plan, World, now_in_sweden, plan
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.index import Post
from tests.integration.site import Pace, Site
from tests.integration.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

WRITING_SECONDS = 8
UNITS = ("SE2321000016-1HZ1", "SE2321000016-1HZ2", "SE2321000016-1HZ3")


def wanted(changes: Plan) -> Counter[Post]:
    """What the index must hold now."""
    return Counter(expected.posts(changes, TIDBOK, None, now_in_sweden()))


def is_settled(site: Site, changes: Plan) -> bool:
    """Whether all has been said, and nothing of it will be said again."""
    return (
        site.unread() == 0
        and Counter(site.index.posts()) == wanted(changes)
        and site.status()["lanes"][0]["pending"] == 0
        and not site.will_say_again()
    )


def difference(site: Site, changes: Plan) -> str:
    there, should = Counter(site.index.posts()), wanted(changes)
    return f"{site.unread()} unread, {(should - there).total()} lost, {(there - should).total()} ghosts"


def settled(site: Site) -> list[int]:
    """The outbox rows that have an outcome."""
    return [row for row, (outcome, _) in site.outcomes(TIDBOK.name).items() if outcome is not None]


def test_a_thousand_random_changes_and_two_power_cuts_end_with_index_equal_to_bookings(
    new_site: NewSite, tmp_path: Path
) -> None:
    pace = Pace(key_spacing=1.5, call_timeout=6, latency=0.4)
    site = new_site(pace, f"sqlite:///{tmp_path}/relay.db", broker=False).prepare()
    seed = secrets.token_hex(4)
    print(f"seed {seed}")
    start, over_at = now_in_sweden(), time.monotonic() + WRITING_SECONDS + 1  # no wall clock, which may be set back
    world = World(TIDBOK.name, TIDBOK.source_systems, UNITS, start, WRITING_SECONDS, writers=2, any_value=False)
    changes = plan(world, 1000, bookings=100, seed=seed, late=0)  # SQLite has one writer at a time

    # when it is killed in a call, and again while it can but read, since the lane of that call is not free yet
    run = site.start_run()
    writers = Writers(site, [changes], WRITING_SECONDS, held_back=0.5).start()
    wait_until(lambda: site.index.calls(), "a call")
    site.kill_in_a_call([run])
    taken = len(settled(site))
    run.start()
    writers.release()
    wait_until(lambda: len(settled(site)) > taken, "rows taken after the first power cut")
    run.kill()
    run.start()
    wait_until(lambda: not writers.are_writing, "everything written")
    assert not writers.failures, writers.failures

    # then the index comes to equal the bookings, by the rules, and nothing more is said
    wait_until(lambda: time.monotonic() > over_at, "the passing bookings passed")
    wait_until(lambda: is_settled(site, changes), lambda: difference(site, changes))
    assert site.index.breaches() == []
    assert "a worker died during a call" in run.log()
    allowed = expected.outcomes(changes, writers.commits[TIDBOK.name])
    found = site.outcomes(TIDBOK.name)
    assert {row: found[row] for row in found if found[row][0] not in allowed[row]} == {}
    calls = site.index.summary()["calls"]
    time.sleep(site.pace.key_spacing + 3)  # three poll intervals in which nothing may come
    assert site.index.summary()["calls"] == calls
