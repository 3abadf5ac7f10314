"""The dashboard: as its generator makes it, and each of its queries asked of a real Prometheus over a real relay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from relay.demo.prometheus import Prometheus
from relay.exporter.families import LANE_STATES
from tests.integration.conftest import TIDBOK
from tests.integration.site import Site
from tests.monitoring.conftest import promtool
from tests.monitoring.panels import EMPTY_WHEN_WELL, LAYOUT, PANELS, asked, generator
from tests.waiting import wait_for, wait_until

METRIC = r"\bei_relay_\w+"
RELAY = Path(__file__).parents[2] / "relay"


def test_the_file_is_what_the_generator_makes() -> None:
    assert (LAYOUT / "ei-relay.json").read_text(encoding="utf-8") == generator.as_json()


def test_every_metric_of_the_relay_is_on_the_dashboard() -> None:
    """Whoever adds one says what it is for."""
    asked_for = {name for panel in PANELS for target in panel["targets"] for name in re.findall(METRIC, target["expr"])}
    code = (RELAY / "observe" / "metrics.py").read_text() + (RELAY / "exporter" / "families.py").read_text()
    declared = set(re.findall(r"(?:Counter|Gauge|Histogram)\(\s*\"(ei_relay_\w+)\"", code))
    declared |= {f"ei_relay_{name}" for name in re.findall(r'_gauge\(\s*"(\w+)"', code)}
    assert len(declared) > 35
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked_for}
    assert declared - plain == set()


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in generator.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.promtool
@pytest.mark.integration
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_what_prometheus_understands_and_the_relay_serves(
    watched: tuple[Site, Prometheus], panel: dict[str, Any]
) -> None:
    for target in panel["targets"]:
        if {panel["title"], target["legendFormat"]} & EMPTY_WHEN_WELL:
            watched[1].query(asked(target["expr"]))
        else:
            series_of(watched[1], asked(target["expr"]))
        for name in re.findall(r"\bei_relay_\w+", target["expr"]):
            assert name in served_names(watched[1]), name


@pytest.mark.promtool
@pytest.mark.integration
@pytest.mark.parametrize("panel", [p for p in PANELS if p["type"] == "table"], ids=lambda panel: panel["title"])
def test_a_table_shows_columns_with_headings_and_no_others(
    watched: tuple[Site, Prometheus], panel: dict[str, Any]
) -> None:
    organized = panel["transformations"][-1]["options"]
    headed, hidden = set(organized["renameByName"]), set(organized["excludeByName"])
    for number, target in enumerate(panel["targets"]):
        labels = {label for series in watched[1].query(asked(target["expr"])) for label in series["metric"]}
        value = "Value" if len(panel["targets"]) == 1 else f"Value #{chr(ord('A') + number)}"
        assert labels | {value} <= headed | hidden
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"]["options"] in organized["renameByName"].values()


def series_of(prometheus: Prometheus, expression: str) -> list[dict[str, Any]]:
    """The series that an expression gives, of which there are some: for a moment there are none where a scrape came to
    nothing, as on a machine that stands still for the second that it may last."""
    return wait_for(lambda: prometheus.query(expression), f"a series of {expression}")


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
        "outbox_rejected_rows": source,
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
        (series,) = series_of(watched[1], f"ei_relay_{name}{{{chosen}}}")
        assert set(series["metric"]) - {"__name__", "instance", "job"} >= set(labels)


@pytest.mark.promtool
@pytest.mark.integration
def test_a_rejected_row_raises_its_alert_in_prometheus_and_nothing_else_does(
    watched: tuple[Site, Prometheus],
) -> None:
    _, prometheus = watched

    def told() -> set[tuple[str, str]]:
        return {(alert.name, alert.state) for alert in prometheus.alerts()}

    # a scrape that came to nothing makes others pending for a moment, but none stays
    wait_until(lambda: told() == {("EiRelayRowsRejected", "firing")}, lambda: f"it alone; there are {told()}")
