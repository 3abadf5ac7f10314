"""Prometheus itself: its rule checker, and a server that watches a relay at work."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from relay.demo.prometheus import Prometheus
from relay.demo.throwaway import free_port
from tests.integration.conftest import TIDBOK
from tests.integration.residents import TOLVAN
from tests.integration.site import Site
from tests.waiting import wait_until

CONFIG = Path(__file__).parents[2] / "config"
RULES = CONFIG / "prometheus" / "ei-relay.rules.yml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what asks Prometheus where it is not there, in words nobody overlooks."""
    if shutil.which("promtool") and shutil.which("prometheus"):
        return
    reason = "Prometheus is NOT INSTALLED, so neither alerts nor dashboard are tested: apt install prometheus"
    marked = [item for item in items if item.get_closest_marker("promtool")]
    for item in marked:
        item.add_marker(pytest.mark.skip(reason=reason))
    if marked:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(reason, stacklevel=1)


def promtool(*arguments: str, text: str | None = None) -> str:
    """What `promtool ARGUMENTS` says; it must be content."""
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """The exporter's and the run's."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]) -> Iterator[tuple[Site, Prometheus]]:
    """A relay in one process that has delivered a booking and rejected a row, and a Prometheus that watches it."""
    folder = tmp_path_factory.mktemp("watched")
    with Site(folder, f"sqlite:///{folder}/relay.db", [TIDBOK]) as site:
        config = site.config.read_text()
        site.config.write_text(f"exporter_port = {ports[0]}\nworker_metrics_port = {ports[1]}\n{config}")
        site.prepare()
        site.start_run()
        site._start("exporter", "-m", "relay", "exporter")
        with Prometheus(folder, ports, RULES) as prometheus:
            wait_until(lambda: len(prometheus.query("up == 1")) == 2, site.last_words)
            book(site, "b-1", TOLVAN)
            book(site, "b-2", "no identity")
            wait_until(lambda: site.index.content_of("b-1"), site.last_words)
            accepted = 'rate(ei_relay_calls_total{verdict="accepted"}[5s]) >= 0'
            wait_until(lambda: prometheus.query(accepted), site.last_words)
            wait_until(lambda: prometheus.query("ei_relay_last_success_timestamp_seconds"), site.last_words)
            yield site, prometheus


def book(site: Site, booking_id: str, resident: str) -> None:
    site.insert(
        TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=resident, care_unit="SE2321000016-1HZ3",
        starts_at=datetime(2040, 5, 4, 8, 15).isoformat(),
    )  # fmt: skip
