"""Writes ei-relay.json, the dashboard that Grafana imports: `python config/grafana/generate.py`.

Plain dictionaries and the standard library: a dashboard is a list of panels with queries, and needs no more.
Figures of the exporter are taken as max over instances, so that several exporters do not count twice; counters of
the workers are summed. Rates are told by the minute: a relay makes a few calls a minute, rarely one a second.
`kinds.py` has the kinds of panel, `compared.py` those that say whether all is right; `picture/` draws the result from a
live Prometheus.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from compared import LANE, ORANGE_IF_ANY, RED_IF_ANY, SOURCE, is_it_right, read_again
from kinds import DATASOURCE, Panel, Steps, coloured, graph, lit, of_column, panel, quantiles, row, said, stat, table

OUT: Final = Path(__file__).with_name("ei-relay.json")
_FAILED: Final = f'ei_relay_calls_total{{{LANE},verdict!="accepted"}}'
_FIRING: Final = 'ALERTS{alertname=~"EiRelay.*",alertstate="firing"}'
_LANE_NAME: Final = "{{source_system}} → {{index}}"
_HSA_ID: Final = 160  # pixels, for SE2321000016-84GX
_LATE: Final[Steps] = [("green", None), ("orange", 1800), ("red", 2700)]  # seconds of the hour a change may wait
_UID: Final = "ei-relay"
_AS_NOW: Final = "${datasource:queryparam}&${__url_time_range}"  # an address that shows the same data and time
_BY_MINUTE: Final = "suffix:/min"
_LOOKED: Final[Steps] = [("green", None), ("orange", 120), ("red", 180)]  # of what is done every minute
_SILENT: Final[Steps] = [("green", None), ("orange", 60), ("red", 180)]
_CERTIFICATE: Final[Steps] = [("red", None), ("orange", 7), ("green", 30)]  # days, as the alerts have it
_UP: Final = {"0": ("DOWN", "red"), "1": ("up", "green")}
_LANE_STATES: Final = {  # from the most ordinary to the gravest: where exporters disagree, the graver state is shown
    "open": "green", "calling": "blue", "paused": "purple", "resting": "orange", "blocked": "red",
}  # fmt: skip
_VERDICTS: Final = {
    "accepted": "green", "content": "red", "configuration": "purple", "temporary": "orange", "unknown": "blue",
}  # fmt: skip
_OUTCOMES: Final = {"taken": "green", "rejected": "red", "duplicate": "blue", "superseded": "purple"}


def lane_states() -> str:
    """One series a lane, whose value is the place of its state in _LANE_STATES."""
    of_state = " or ".join(
        f'ei_relay_lane_state{{{LANE},state="{state}"}} * {place}' for place, state in enumerate(_LANE_STATES, 1)
    )
    return f"max by (index, source_system) ({of_state})"


def added(counter: str) -> str:
    """What a rare counter has grown by in a step. One that begins at 1 counts, where rate() would see no increase: the
    first call that fails, of all, would not be seen.
    """
    return f"clamp_min({counter} - ({counter} offset $__interval or {counter} * 0), 0)"


def is_it_working() -> list[Panel]:
    """What is seen first: each figure green, or somebody must act."""
    return [
        row("Is it working?"),
        stat(
            "Alerts firing", "As Prometheus has them; none either where its rules are not loaded.",
            (f"count({_FIRING}) or vector(0)", ""), steps=RED_IF_ANY,
        ),
        stat(
            "Longest wait", "The longest waiting live change; it may wait for an hour (R-33). Alert at 45 min.",
            (f"max(ei_relay_oldest_pending_seconds{{{LANE}}})", ""), unit="s", steps=_LATE, defaults={"decimals": 0},
        ),
        stat(
            "Lanes blocked", "Lanes whose calls are refused until somebody acts. A lane: the calls of one source "
            "system to one index, one at a time.",
            (f'sum(max by (index, source_system) (ei_relay_lane_state{{{LANE},state="blocked"}}))', ""),
            steps=RED_IF_ANY,
        ),
        stat(
            "Posts parked", "Posts that the index refuses for what they say; the others go on.",
            (f'sum(max by (source) (ei_relay_posts{{{SOURCE},state="parked"}}))', ""), steps=ORANGE_IF_ANY,
        ),
        stat(
            "Rows rejected", "Outbox rows of the last hour that could not be taken: bookings that are not shown "
            "as they should be.",
            (f"sum(max by (source) (ei_relay_outbox_rejected_rows{{{SOURCE}}}))", ""),
            steps=ORANGE_IF_ANY, defaults={"decimals": 0},
        ),
        stat(
            "Outboxes away", "Outboxes that cannot be read or marked.",
            (f"count(max by (source) (ei_relay_outbox_up{{{SOURCE}}}) == 0) or vector(0)", ""), steps=RED_IF_ANY,
        ),
        stat(
            "Stands on", "Whether the relay's own database, and Redis or Valkey, answer.",
            ("max(ei_relay_database_up)", "Database"), ("max(ei_relay_broker_up)", "Broker"), words=_UP,
            orientation="horizontal", textMode="value_and_name",
        ),
        stat(
            "Last step", "How long ago a worker last did something. Beat, broker or workers are silent when it grows.",
            ("time() - max(ei_relay_worker_last_step_timestamp_seconds)", ""), unit="s", steps=_SILENT,
            defaults={"decimals": 0},
        ),
    ]  # fmt: skip


def how_late() -> list[Panel]:
    """Time, of what waits and of what was delivered."""
    return [
        row("How late is it?"),
        graph(
            "Longest wait by lane", "Of live changes that have not been accepted yet. Dashed: 30 and 45 minutes of the "
            "hour they may (R-33).",
            (f"max by (index, source_system) (ei_relay_oldest_pending_seconds{{{LANE}}})", _LANE_NAME),
            unit="s", steps=_LATE, legend="table", size=(14, 8),
        ),
        graph(
            "From registration to acceptance", "Of live and bulk changes that were accepted. As coarse as the "
            "histogram: 1, 5, 6, 10, 15 minutes and so on.",
            *quantiles("ei_relay_delivery_delay_seconds", "le", SOURCE,
                       {0.5: "half within", 0.95: "95% within", 0.99: "99% within"}),
            unit="s", steps=_LATE, size=(10, 8),
        ),
    ]  # fmt: skip


def what_waits() -> list[Panel]:
    """Where, and why."""
    states = {str(place): named for place, named in enumerate(_LANE_STATES.items(), 1)}
    return [
        row("What waits where, and why?"),
        panel(
            "state-timeline", "Lanes", "What each lane was doing. Resting: it pauses after a failure. Blocked: it "
            "waits for somebody to act. Paused: by a command.",
            (lane_states(), _LANE_NAME), size=(24, 8),
            defaults={"mappings": said(states), "custom": {"fillOpacity": 80, "lineWidth": 0}},
            mergeValues=True, showValue="auto", rowHeight=0.8,
            legend={"showLegend": True, "displayMode": "list", "placement": "bottom"},
        ),
        table(
            "Which alerts", "The runbook has a heading for each.", _FIRING, size=(10, 6), empty="No alert is firing",
            columns={
                "severity": "Severity", "alertname": "Alert", "source": "Source", "source_system": "Source system",
                "index": "Index",
            },
            hidden=("__name__", "alertstate", "instance", "job", "code", "Value"), sort=("Severity", False),
            overrides=[
                of_column("Severity", custom__width=75, custom__cellOptions={"type": "color-text"}, mappings=said(
                    {"page": ("page", "red"), "ticket": ("ticket", "orange")}
                )),
                of_column("Alert", custom__width=205),
                of_column("Source", noValue="–", custom__minWidth=90),
                of_column("Source system", noValue="–", custom__width=_HSA_ID),
                of_column("Index", noValue="–", custom__minWidth=70),
            ],
        ),
        table(
            "Lanes blocked since", "Since when, and by which code; the runbook says who mends it.",
            f"max by (index, source_system, code) (ei_relay_lane_blocked_timestamp_seconds{{{LANE}}}) * 1000",
            size=(8, 6), empty="No lane is blocked",
            columns={"source_system": "Source system", "index": "Index", "code": "Code", "Value": "Since"},
            overrides=[
                of_column("Source system", custom__width=_HSA_ID), of_column("Code", custom__width=70),
                of_column("Index", custom__minWidth=70),
                of_column("Since", unit="dateTimeAsIsoNoDateIfToday", custom__width=160),
            ],
            sort=("Since", False),
        ),
        table(
            "Parked by code", "What the index refuses, and with which code.",
            f"max by (index, source_system, code) (ei_relay_parked_posts{{{LANE}}}) > 0",
            size=(6, 6), empty="No post is parked",
            columns={"source_system": "Source system", "index": "Index", "code": "Code", "Value": "Posts"},
            overrides=[
                of_column("Source system", custom__width=_HSA_ID), of_column("Code", custom__width=70),
                of_column("Index", custom__minWidth=70), of_column("Posts", custom__width=70),
            ],
            sort=("Posts", True),
        ),
        graph(
            "Posts waiting", "Posts whose call is to come.",
            (f'max by (source) (ei_relay_posts{{{SOURCE},state="pending"}})', "{{source}}"), stacked=True, size=(8, 8),
        ),
        graph(
            "Outbox rows waiting", "Rows that no worker has taken yet.",
            (f"max by (source) (ei_relay_outbox_unread{{{SOURCE}}})", "{{source}}"), stacked=True, size=(8, 8),
        ),
        graph(
            "Failed calls in a row", "0 after a success.",
            (f"max by (index, source_system) (ei_relay_lane_failures{{{LANE}}})", _LANE_NAME), size=(8, 8),
            defaults={"decimals": 0},
        ),
    ]  # fmt: skip


def calls() -> list[Panel]:
    """What the index answers, and what comes in."""
    return [
        row("Calls"),
        graph(
            "Calls by verdict", "Content: refused for what posts say; configuration: for who we are; temporary, "
            "unknown: sent again.",
            (f"60 * sum by (verdict) (rate(ei_relay_calls_total{{{LANE}}}[$__rate_interval]))", "{{verdict}}"),
            unit=_BY_MINUTE, stacked=True, overrides=coloured(_VERDICTS),
        ),
        graph(
            "Failed calls by code", "How many in each stretch of two minutes or more; what the index, the platform or "
            "the network said.",
            (f"sum by (verdict, code) ({added(_FAILED)})", "{{verdict}} {{code}}"),
            bars="2m", overrides=coloured(_VERDICTS, shades=True), defaults={"decimals": 0},
        ),
        graph(
            "Outbox rows by outcome", "A rejected row is a booking that is not shown as it should be.",
            (f"60 * sum by (outcome) (rate(ei_relay_outbox_rows_total{{{SOURCE}}}[$__rate_interval]))", "{{outcome}}"),
            unit=_BY_MINUTE, stacked=True, size=(8, 8), overrides=coloured(_OUTCOMES),
        ),
        graph(
            "How long calls take", "From connecting to the answer.",
            *quantiles("ei_relay_call_seconds", "le, index", LANE,
                       {0.5: "{{index}}: half within", 0.95: "{{index}}: 95% within"}), unit="s",
            size=(8, 8),
        ),
        graph(
            "Posts in a call", "The mean; at most 1000 (R-30).",
            (f"sum by (index) (rate(ei_relay_call_posts_sum{{{LANE}}}[$__rate_interval])) / "
             f"sum by (index) (rate(ei_relay_call_posts_count{{{LANE}}}[$__rate_interval]))", "{{index}}"),
            size=(8, 8),
        ),
        graph(
            "How long the index takes", "How long the platform waited for the index, as it says itself: a part of how "
            "long calls take.",
            *quantiles("ei_relay_producer_seconds", "le, index", LANE,
                       {0.5: "{{index}}: half within", 0.95: "{{index}}: 95% within"}), unit="s",
            size=(8, 8),
        ),
        graph(
            "Sent alone", "Posts that the index has accepted in calls of their own only, which it may lose; they are "
            "sent again together with others.",
            (f"max by (source) (ei_relay_posts_unconfirmed{{{SOURCE}}})", "{{source}}"), stacked=True, size=(8, 8),
        ),
        graph(
            "Sent again", "Posts that the index had already: to keep another one company, and because it was time to.",
            (f"60 * sum(rate(ei_relay_companion_posts_total{{{LANE}}}[$__rate_interval]))", "company"),
            (f"60 * sum(rate(ei_relay_refreshed_posts_total{{{LANE}}}[$__rate_interval]))", "refreshed"),
            unit=_BY_MINUTE, size=(8, 8),
        ),
    ]  # fmt: skip


def each_source() -> list[Panel]:
    """A line for every booking system; its name leads to the dashboard of it alone."""
    return [
        row("Each source"),
        table(
            "Sources", "A line for each booking system; its name leads to the dashboard of it alone. Posts in the "
            "index are counted every few minutes.",
            f"max by (source) (ei_relay_outbox_up{{{SOURCE}}})",
            *(f'max by (source) (ei_relay_posts{{{SOURCE},state="{state}"}})' for state in
              ("indexed", "pending", "parked")),
            f"max by (source) (ei_relay_outbox_rejected_rows{{{SOURCE}}})",
            f"max by (source) (ei_relay_outbox_unread{{{SOURCE}}})",
            f"max by (source) (ei_relay_outbox_oldest_unread_seconds{{{SOURCE}}})",
            f"time() - max by (source) (ei_relay_last_success_timestamp_seconds{{{SOURCE}}})",
            size=(24, 8),
            columns={
                "source": "Source", "Value #A": "Outbox", "Value #B": "Posts indexed", "Value #C": "Posts waiting",
                "Value #D": "Posts parked", "Value #E": "Rows rejected", "Value #F": "Rows unread",
                "Value #G": "Oldest unread row", "Value #H": "Since the last success",
            },
            overrides=[
                of_column("Source", links=[
                    {"title": "This source alone", "url": f"/d/{_UID}?var-source=${{__value.text}}&{_AS_NOW}"},
                ]),
                of_column(
                    "Outbox", custom__cellOptions={"type": "color-text"}, custom__align="center",
                    mappings=said(_UP),
                ),
                lit("Posts parked", [("orange", 1)]),
                lit("Rows rejected", [("orange", 1)], decimals=0),
                lit("Oldest unread row", [("orange", 60), ("red", 300)], unit="s", decimals=0),
                lit("Since the last success", [("orange", 3600)], unit="s", decimals=0),
            ],
            sort=("Source", False),
        ),
    ]  # fmt: skip


def what_it_stands_on() -> list[Panel]:
    """Certificates, workers, versions."""
    return [
        row("What it stands on"),
        panel(
            "bargauge", "Client certificates end in", "Alerts at 30 and 7 days; the bar is a year long.",
            (f"(min by (index) (ei_relay_client_certificate_expiry_timestamp_seconds{{{LANE}}}) - time()) / 86400",
             "{{index}}"),
            unit="suffix: days", instant=True, steps=_CERTIFICATE, size=(8, 5), orientation="horizontal",
            displayMode="basic", namePlacement="top", sizing="manual", minVizHeight=16, maxVizHeight=48,
            text={"titleSize": 14, "valueSize": 16},
            defaults={"min": 0, "max": 365, "decimals": 0, "noValue": "No client certificate"},
        ),
        graph(
            "Since a worker's last step", "Beat, broker or worker is silent when it grows.",
            ("time() - ei_relay_worker_last_step_timestamp_seconds", "{{instance}}"), unit="s", steps=_SILENT,
            size=(8, 5),
        ),
        graph(
            "Since a source was looked at", "A worker checks each source every minute, also one that writes nothing.",
            (f"time() - max by (source) (ei_relay_source_last_look_timestamp_seconds{{{SOURCE}}} > 0)", "{{source}}"),
            unit="s", steps=_LOOKED, size=(8, 5),
        ),
        graph(
            "Clocks", "How far each clock is ahead of the relay's database's; below 0: behind.",
            ("max by (clock) (ei_relay_clock_difference_seconds)", "{{clock}}"), unit="s", size=(8, 5),
            defaults={"min": None},
        ),
        graph(
            "Acceptances in files", "What a host was told by the index and has not written down yet (`spool_dir`); "
            "more than a few: see its log.",
            ("max by (instance) (ei_relay_spool_files)", "{{instance}}"), size=(8, 5), defaults={"decimals": 0},
        ),
        graph(
            "Messages dropped", "Of the broker's: not ours, or put on a queue that nobody empties.",
            (f"sum by (reason) ({added('ei_relay_broker_messages_dropped_total')})", "{{reason}}"), bars="2m",
            size=(8, 5), defaults={"decimals": 0},
        ),
        table(
            "Certificates that cannot be read", "The relay goes on with the one that it read last.",
            f"max by (index) (ei_relay_client_certificate_readable{{{LANE}}}) == 0", size=(8, 5),
            empty="Every certificate can be read", columns={"index": "Index"}, hidden=("Value",),
        ),
        table(
            "Versions", "Of the exporters.", "count by (version, python) (ei_relay_build_info)", size=(8, 5),
            columns={"version": "Relay", "python": "Python", "Value": "Exporters"},
        ),
    ]  # fmt: skip


def panels() -> list[Panel]:
    """All panels, from the question first asked to the details."""
    return [
        *is_it_working(), *is_it_right(), *how_late(), *what_waits(), *calls(), *each_source(), *read_again(),
        *what_it_stands_on(),
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
        "type": "query", "name": name, "label": label, "datasource": DATASOURCE,
        "query": {"query": query, "refId": "V"}, "definition": query, "refresh": 2,
        "multi": True, "includeAll": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The whole dashboard."""
    return {
        "uid": _UID,
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
