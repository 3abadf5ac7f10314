"""A broker that Sentinel keeps: passwords for both, an account with few rights, and a server that dies under load."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.cli.probing import settings_for, verdict_on
from tests.integration.conftest import TIDBOK, NewDatabase
from tests.integration.sentinels import MASTER, SENTINEL_PASSWORD, Sentinels, encrypting
from tests.integration.site import Site
from tests.integration.test_broker import book, is_indexed
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_check_asks_every_sentinel(tmp_path: Path, encrypted: bool) -> None:
    # Given three Sentinels, of which one has died
    if encrypted and encrypting() is None:
        pytest.skip("SENTINEL WITH TLS WAS NOT TESTED: there is no redis-server (apt install redis-server)")
    with Sentinels(tmp_path, trustme.CA() if encrypted else None) as broker:
        broker.kill(broker.sentinels[2])
        more = {"broker_sentinel_master": MASTER, "broker_sentinel_password": SENTINEL_PASSWORD}

        outcome = verdict_on("broker_url", settings_for(tmp_path, broker_url=broker.url, **more))

        # then the broker can be worked with, and somebody is told of the third before the others die too
        assert outcome.ok, outcome
        assert f"Sentinels name 127.0.0.1:{broker.first()}" in outcome.tried
        (warning,) = outcome.warnings
        assert f"127.0.0.1:{broker.sentinels[2]} does not answer" in warning


def test_the_death_of_the_server_that_is_written_to_ends_no_process(tmp_path: Path, new_database: NewDatabase) -> None:
    with Sentinels(tmp_path) as broker, Site(tmp_path, new_database(), [TIDBOK], broker_url=broker.url) as site:
        asked = f'broker_sentinel_master = "{MASTER}"\nbroker_sentinel_password = "{SENTINEL_PASSWORD}"\n'
        site.config.write_text(asked + site.config.read_text(encoding="utf-8"), encoding="utf-8")
        site.prepare()
        processes = [site.start_worker(), site.start_worker("another"), site.start_beat()]
        assert "ok     broker_url" in site.command("config", "check", "--connect").stdout
        book(site, "before")
        wait_until(lambda: is_indexed(site, "before"), "the site up")

        # when it dies while bookings are made
        before = broker.first()
        for number in range(60):
            if number == 20:
                broker.kill(before)
            book(site, f"b-{number}")
        wait_until(lambda: broker.first() != before, "another server")
        lasted = wait_until(
            lambda: all(is_indexed(site, f"b-{number}") for number in range(60)), "all bookings in the index"
        )

        # then all work on with the other one, which refused nothing that they asked
        print("seconds after the other server took over:", round(lasted, 1))
        assert all(process.is_alive for process in processes)
        assert not any("Unrecoverable error" in text for text in site.logs().values())
        denied = {entry["object"] for entry in broker.server(broker.first()).acl_log()}
        assert denied == set()
        assert site.index.breaches() == []
        assert not any(secret in text for text in site.logs().values() for secret in ("of the servers", "of the sent"))
