"""The dashboard: as its generator makes it, and each of its queries asked of a real Prometheus over a real relay."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from relay.demo.postgres import free_port
from relay.demo.prometheus import Prometheus
from relay.exporter.families import LANE_STATES
from tests.integration.conftest import TIDBOK
from tests.integration.processes import wait_until
from tests.integration.residents import TOLVAN
from tests.integration.site import Site
from tests.monitoring.conftest import RULES, promtool
from tests.monitoring.panels import EMPTY_WHEN_WELL, LAYOUT, PANELS, asked, generator


def test_the_file_is_what_the_generator_makes() -> None:
    assert (LAYOUT / "ei-relay.json").read_text(encoding="utf-8") == generator.as_json()


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in generator.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


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
            wait_until(lambda: len(prometheus.query("up == 1")) == 2, 30, site.last_words)
            book(site, "b-1", TOLVAN)
            book(site, "b-2", "no identity")
            wait_until(lambda: site.index.content_of("b-1"), 20, site.last_words)
            accepted = 'rate(ei_relay_calls_total{verdict="accepted"}[5s]) >= 0'
            wait_until(lambda: prometheus.query(accepted), 20, site.last_words)
            wait_until(lambda: prometheus.query("ei_relay_last_success_timestamp_seconds"), 30, site.last_words)
            yield site, prometheus


def book(site: Site, booking_id: str, resident: str) -> None:
    site.insert(
        TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=resident, care_unit="SE2321000016-1HZ3",
        starts_at=datetime(2040, 5, 4, 8, 15).isoformat(),
    )  # fmt: skip


@pytest.mark.promtool
@pytest.mark.integration
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_what_prometheus_understands_and_the_relay_serves(
    watched: tuple[Site, Prometheus], panel: dict[str, Any]
) -> None:
    for target in panel["targets"]:
        series = watched[1].query(asked(target["expr"]))
        assert series or panel["title"] in EMPTY_WHEN_WELL
        for name in re.findall(r"\bei_relay_\w+", target["expr"]):
            assert name in served_names(watched[1]), name


def served_names(prometheus: Prometheus) -> set[str]:
    """The names of all metrics with their HELP, also of those without a series, and their parts."""
    told = {entry["metric"]: entry["type"] for entry in prometheus.get("targets/metadata")}
    parts = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}  # OpenMetrics tells of counters so
    broker = {"ei_relay_broker_up"}  # served where a broker is configured
    return broker | {name + part for name, type in told.items() for part in ("", *parts.get(type, ()))}


@pytest.mark.promtool
@pytest.mark.integration
def test_names_and_help_are_as_prometheus_wants_them(watched: tuple[Site, Prometheus], ports: tuple[int, int]) -> None:
    for port in ports:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        own = [line for line in text.splitlines() if "ei_relay_" in line]
        assert own
        assert promtool("check", "metrics", text="\n".join(own) + "\n") == ""


@pytest.mark.promtool
@pytest.mark.integration
def test_the_metrics_promised_are_served_with_their_labels(watched: tuple[Site, Prometheus]) -> None:
    lane = {"index": "practice", "source_system": TIDBOK.source_systems[0]}
    source = {"source": TIDBOK.name}
    promised: dict[str, dict[str, str]] = {
        "outbox_rows_total": source | {"outcome": "rejected"},
        "outbox_unread": source,
        "outbox_oldest_unread_seconds": source,
        "oldest_pending_seconds": lane,
        "calls_total": lane | {"verdict": "accepted", "code": "OK"},
        "call_seconds_count": {"index": "practice"},
        "call_posts_count": {"index": "practice"},
        "delivery_delay_seconds_count": source,
        "last_success_timestamp_seconds": source,
        "build_info": {},
    }
    promised_states = [source | {"state": state} for state in ("indexed", "pending", "parked")]
    for name, labels in [
        *promised.items(), *(("posts", labels) for labels in promised_states),
        *(("lane_state", lane | {"state": state}) for state in LANE_STATES),
    ]:  # fmt: skip
        chosen = ",".join(f'{label}="{value}"' for label, value in labels.items())
        (series,) = watched[1].query(f"ei_relay_{name}{{{chosen}}}")
        assert set(series["metric"]) - {"__name__", "instance", "job"} >= set(labels)


@pytest.mark.promtool
@pytest.mark.integration
def test_a_rejected_row_raises_its_alert_in_prometheus_and_nothing_else_does(
    watched: tuple[Site, Prometheus],
) -> None:
    _, prometheus = watched
    wait_until(prometheus.alerts, 30, "no alert")
    assert {(alert.name, alert.state) for alert in prometheus.alerts()} == {("EiRelayRowsRejected", "firing")}
