"""Writes ei-relay.json, the dashboard that Grafana imports: `python config/grafana/generate.py`.

Plain dictionaries and the standard library: a dashboard is a list of panels with queries, and needs no more.
Figures of the exporter are taken as max over instances, so that several exporters do not count twice; counters of
the workers are summed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

OUT: Final = Path(__file__).with_name("ei-relay.json")
_SOURCE: Final = 'source=~"$source"'
_LANE: Final = 'index=~"$index"'
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_RED_IF_ANY: Final = [("green", None), ("red", 1)]
_UP: Final = [("red", None), ("green", 1)]

Panel = dict[str, Any]


def panel(
    kind: str, title: str, told: str, *queries: tuple[str, str], unit: str = "short", size: tuple[int, int] = (12, 8),
    steps: list[tuple[str, float | None]] | None = None, instant: bool = False, **options: Any,
) -> Panel:  # fmt: skip
    """A panel; `queries` are (PromQL, legend), `size` is (of 24 columns, rows), `told` its help text."""
    defaults: dict[str, Any] = {"unit": unit}
    if steps:
        defaults["thresholds"] = {"mode": "absolute", "steps": [{"color": c, "value": v} for c, v in steps]}
    return {
        "type": kind,
        "title": title,
        "description": told,
        "datasource": _DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number), "datasource": _DATASOURCE, "expr": expr, "legendFormat": legend,
                "instant": instant, "range": not instant, "format": "table" if kind == "table" else "time_series",
            }
            for number, (expr, legend) in enumerate(queries)
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "gridPos": {"w": size[0], "h": size[1]},
    }  # fmt: skip


def stat(title: str, told: str, query: str, **more: Any) -> Panel:
    """One figure that is green or red."""
    return panel(
        "stat", title, told, (query, ""), instant=True, size=(4, 4), colorMode="background",
        reduceOptions={"calcs": ["lastNotNull"]}, **more,
    )  # fmt: skip


def row(title: str) -> Panel:
    """The heading of a group of panels."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


def panels() -> list[Panel]:
    """All panels, from the question first asked to the details."""
    late = [("green", None), ("orange", 1800), ("red", 2700)]
    return [
        row("Is it working?"),
        stat(
            "Longest wait", "The longest waiting live change; it may wait for an hour (R-33). Alert at 45 min.",
            f"max(ei_relay_oldest_pending_seconds{{{_LANE}}})", unit="s", steps=late,
        ),
        stat(
            "Lanes blocked", "Lanes whose calls are refused until somebody acts.",
            f'sum(max by (index, source_system) (ei_relay_lane_state{{{_LANE},state="blocked"}}))', steps=_RED_IF_ANY,
        ),
        stat(
            "Posts parked", "Posts refused for what they say.",
            f'sum(max by (source) (ei_relay_posts{{{_SOURCE},state="parked"}}))', steps=_RED_IF_ANY,
        ),
        stat("Database", "1: the relay's own database answers.", "max(ei_relay_database_up)", steps=_UP),
        stat("Broker", "1: Redis or Valkey answers.", "max(ei_relay_broker_up)", steps=_UP),
        stat(
            "Outboxes away", "Outboxes that cannot be read or marked.",
            f"count(max by (source) (ei_relay_outbox_up{{{_SOURCE}}}) == 0) or vector(0)", steps=_RED_IF_ANY,
        ),
        row("How late is it?"),
        panel(
            "timeseries", "From registration to acceptance", "Of live and bulk changes that were accepted.",
            *((f"histogram_quantile({q}, sum by (le) (rate(ei_relay_delivery_delay_seconds_bucket{{{_SOURCE}}}"
               "[$__rate_interval])))", f"{q:.0%}") for q in (0.5, 0.95, 0.99)),
            unit="s", steps=late,
        ),
        panel(
            "timeseries", "Longest wait by lane", "Of live changes that have not been accepted yet.",
            (f"max by (index, source_system) (ei_relay_oldest_pending_seconds{{{_LANE}}})",
             "{{index}} {{source_system}}"), unit="s", steps=late,
        ),
        row("What waits where, and why?"),
        panel(
            "timeseries", "Posts waiting", "Posts whose call is to come.",
            (f'max by (source) (ei_relay_posts{{{_SOURCE},state="pending"}})', "{{source}}"),
        ),
        panel(
            "timeseries", "Outbox rows waiting", "Rows that no worker has taken yet.",
            (f"max by (source) (ei_relay_outbox_unread{{{_SOURCE}}})", "{{source}}"),
        ),
        panel(
            "state-timeline", "Lanes", "What each lane was doing. Resting: it pauses after a failure.",
            (f"max by (index, source_system, state) (ei_relay_lane_state{{{_LANE}}}) == 1",
             "{{source_system}} {{state}}"),
        ),
        panel(
            "table", "Lanes blocked since", "Since when, and by which code; the runbook says who mends it.",
            (f"max by (index, source_system, code) (ei_relay_lane_blocked_timestamp_seconds{{{_LANE}}}) * 1000", ""),
            unit="dateTimeAsIso", instant=True,
        ),
        panel(
            "table", "Parked by code", "What the index refuses.",
            (f"max by (index, source_system, code) (ei_relay_parked_posts{{{_LANE}}})", ""), instant=True,
        ),
        panel(
            "timeseries", "Failed calls in a row", "0 after a success.",
            (f"max by (index, source_system) (ei_relay_lane_failures{{{_LANE}}})", "{{index}} {{source_system}}"),
        ),
        row("Calls"),
        panel(
            "timeseries", "Calls by verdict", "Content: refused for what posts say; configuration: for who we are; "
            "temporary, unknown: sent again.",
            (f"sum by (verdict, code) (rate(ei_relay_calls_total{{{_LANE}}}[$__rate_interval]))",
             "{{verdict}} {{code}}"), unit="reqps",
        ),
        panel(
            "timeseries", "How long calls take", "From connecting to the answer.",
            *((f"histogram_quantile({q}, sum by (le, index) (rate(ei_relay_call_seconds_bucket{{{_LANE}}}"
               "[$__rate_interval])))", f"{{{{index}}}} {q:.0%}") for q in (0.5, 0.95)), unit="s",
        ),
        panel(
            "timeseries", "Posts in a call", "The mean; at most 1000 (R-30).",
            (f"sum by (index) (rate(ei_relay_call_posts_sum{{{_LANE}}}[$__rate_interval])) / "
             f"sum by (index) (rate(ei_relay_call_posts_count{{{_LANE}}}[$__rate_interval]))", "{{index}}"),
        ),
        panel(
            "timeseries", "Outbox rows by outcome", "A rejected row is a booking that is not shown as it should be.",
            (f"sum by (source, outcome) (rate(ei_relay_outbox_rows_total{{{_SOURCE}}}[$__rate_interval]))",
             "{{source}} {{outcome}}"), unit="wps",
        ),
        row("Each source"),
        panel(
            "table", "Posts by state", "Indexed is counted every few minutes.",
            (f"max by (source, state) (ei_relay_posts{{{_SOURCE}}})", ""), instant=True,
        ),
        panel(
            "table", "Since the last success", "How long ago an index last accepted a call.",
            (f"time() - max by (source) (ei_relay_last_success_timestamp_seconds{{{_SOURCE}}})", ""),
            unit="s", instant=True,
        ),
        row("What it stands on"),
        panel(
            "bargauge", "Client certificates end in", "Alerts at 30 and 7 days.",
            (f"min by (index) (ei_relay_client_certificate_expiry_timestamp_seconds{{{_LANE}}}) - time()", "{{index}}"),
            unit="s", instant=True, steps=[("red", None), ("orange", 7 * 86400), ("green", 30 * 86400)],
        ),
        panel(
            "timeseries", "Since a worker's last step", "Beat, broker or worker is silent when it grows.",
            ("time() - ei_relay_worker_last_step_timestamp_seconds", "{{instance}}"), unit="s",
        ),
        panel(
            "table", "Versions", "Of the exporters.",
            ("max by (version, python) (ei_relay_build_info)", ""), instant=True,
        ),
    ]  # fmt: skip


def laid_out(all_panels: list[Panel]) -> list[Panel]:
    """The panels with their ids and places: from left to right, a new line where one does not fit."""
    x = y = line_height = 0
    for number, each in enumerate(all_panels, start=1):
        place = each["gridPos"]
        if x + place["w"] > 24:
            x, y = 0, y + line_height
            line_height = 0
        place |= {"x": x, "y": y}
        x, line_height = x + place["w"], max(line_height, place["h"])
        each["id"] = number
    return all_panels


def variable(name: str, label: str) -> dict[str, Any]:
    """A choice of label values, all of them to begin with."""
    metric = {"source": "ei_relay_outbox_up", "index": "ei_relay_lane_state"}[name]
    query = f"label_values({metric}, {name})"
    return {
        "type": "query", "name": name, "label": label, "datasource": _DATASOURCE,
        "query": {"query": query, "refId": "V"}, "definition": query, "refresh": 2,
        "multi": True, "includeAll": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The whole dashboard."""
    return {
        "uid": "ei-relay",
        "title": "Engagemangsindex update relay",
        "tags": ["ei-relay"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"},
                variable("source", "Source"),
                variable("index", "Index"),
            ]
        },
        "panels": laid_out(panels()),
    }


def as_json() -> str:
    """The dashboard as it stands in the file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUT.write_text(as_json(), encoding="utf-8")
