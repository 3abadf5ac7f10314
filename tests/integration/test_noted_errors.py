"""An outbox's error that one worker noted and died over: the next one that hears of the source clears it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.residents import TOLVAN
from tests.integration.site import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

_TICK = "from relay.celery_app.tasks import tick; tick()"  # a process that asks for work and takes none


def rename(site: Site, old: str, new: str) -> None:
    with site.outbox(TIDBOK.name).begin() as connection:
        connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def error(site: Site) -> object:
    return site.status()["sources"][0]["error"]


def is_taken(site: Site, booking_id: str) -> bool:
    site.insert(
        TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at="2040-05-04 08:15",
    )  # fmt: skip
    wait_until(lambda: not site.unread(), site.last_words)  # who is frozen may hold the source for half a minute
    return True


def test_a_worker_clears_what_another_noted_though_it_never_asks_what_is_due(new_site: NewSite) -> None:
    # given a worker that has looked at the outbox, and is frozen
    site = new_site().prepare()
    survivor, beat = site.start_worker("survivor"), site.start_beat()
    assert is_taken(site, "b-1")
    survivor.freeze()
    # and another that notes an error, and dies
    noting = site.start_worker("noting")
    assert is_taken(site, "b-2")
    rename(site, "ei_outbox", "away")
    wait_until(lambda: "the outbox could not be read" in noting.log(), site.last_words)
    wait_until(lambda: error(site), site.last_words)
    noting.kill()
    beat.kill()
    rename(site, "away", "ei_outbox")

    # when the first hears that the source is to be looked at
    survivor.thaw()

    def rung() -> bool:
        assert site.python("-c", _TICK).returncode == 0
        return error(site) is None

    # then the note is gone
    wait_until(rung, site.last_words)
