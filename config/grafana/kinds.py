"""The kinds of panel that the dashboard is made of, as Grafana's JSON has them: how they look, not what they ask."""

from __future__ import annotations

from typing import Any, Final

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Panel = dict[str, Any]
Steps = list[tuple[str, float | None]]
"""Thresholds: (colour, the least value that has it), the first without a value."""
Query = tuple[str, str]
"""PromQL, and the legend of its series."""
Words = dict[str, tuple[str, str]]
"""What is said instead of a value: {value: (text, colour)}."""


def panel(
    kind: str, title: str, told: str, *queries: Query, unit: str = "short", size: tuple[int, int] = (12, 8),
    steps: Steps | None = None, instant: bool = False, defaults: dict[str, Any] | None = None,
    overrides: list[dict[str, Any]] | None = None, **options: Any,
) -> Panel:  # fmt: skip
    """A panel; `size` is (of 24 columns, rows), `told` its help text, `defaults` what else holds for its fields."""
    fields: dict[str, Any] = {"unit": unit} | (defaults or {})
    if steps:
        fields["thresholds"] = thresholds(steps)
    return {
        "type": kind,
        "title": title,
        "description": told,
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend,
                "instant": instant, "range": not instant, "format": "table" if kind == "table" else "time_series",
            }
            for number, (expr, legend) in enumerate(queries)
        ],
        "fieldConfig": {"defaults": fields, "overrides": overrides or []},
        "options": options,
        "gridPos": {"w": size[0], "h": size[1]},
    }  # fmt: skip


def thresholds(steps: Steps) -> dict[str, Any]:
    """Thresholds as a field has them."""
    return {"mode": "absolute", "steps": [{"color": color, "value": least} for color, least in steps]}


def stat(
    title: str, told: str, *queries: Query, words: Words | None = None, defaults: dict[str, Any] | None = None,
    **more: Any,
) -> Panel:  # fmt: skip
    """Figures on a ground that is green, orange or red."""
    fields = ({"mappings": said(words)} if words else {}) | (defaults or {})
    return panel(
        "stat", title, told, *queries, instant=True, size=(3, 4), colorMode="background_solid", graphMode="none",
        reduceOptions={"calcs": ["lastNotNull"]}, defaults=fields, **more,
    )  # fmt: skip


def graph(
    title: str, told: str, *queries: Query, stacked: bool = False, bars: str = "", legend: str = "list",
    steps: Steps | None = None, defaults: dict[str, Any] | None = None, **more: Any,
) -> Panel:  # fmt: skip
    """Lines over time, areas on each other, or bars on each other, each at least `bars` of time wide.

    Thresholds are drawn where the lines come near them.
    """
    filled = stacked or bool(bars)
    custom: dict[str, Any] = {
        "drawStyle": "bars" if bars else "line", "lineWidth": 0 if filled else 2, "fillOpacity": 60 if filled else 5,
        "showPoints": "never", "axisSoftMin": 0, "stacking": {"mode": "normal" if filled else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }  # fmt: skip
    beside = legend == "table"
    made = panel(
        "timeseries", title, told, *queries, steps=steps,
        defaults={"min": 0, "custom": custom, "color": {"mode": "palette-classic"}} | (defaults or {}),
        legend={"showLegend": True, "displayMode": legend, "placement": "right" if beside else "bottom",
                "calcs": ["lastNotNull", "max"] if beside else []}
        | ({"sortBy": "Max", "sortDesc": True} if beside else {}),
        tooltip={"mode": "multi", "sort": "desc"}, **more,
    )  # fmt: skip
    return made | ({"interval": bars} if bars else {})


def table(
    title: str, told: str, *queries: str, columns: dict[str, str], hidden: tuple[str, ...] = (), empty: str = "",
    sort: tuple[str, bool] | None = None, **more: Any,
) -> Panel:  # fmt: skip
    """Rows by label; `columns` are {label or value: heading} in their order, `sort` is (heading, descending)."""
    made = panel(
        "table", title, told, *((query, "") for query in queries), instant=True,
        defaults={"noValue": empty} if empty else None, **more,
    )  # fmt: skip
    merge = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    made["transformations"] = [
        *merge,
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(("Time", *hidden), True),
                "indexByName": {name: place for place, name in enumerate(columns)},
                "renameByName": columns,
            },
        },
    ]
    if sort:
        made["options"]["sortBy"] = [{"displayName": sort[0], "desc": sort[1]}]
    return made


def said(words: Words) -> list[dict[str, Any]]:
    """The mappings that say `words` instead of values."""
    options = {value: {"text": text, "color": color} for value, (text, color) in words.items()}
    return [{"type": "value", "options": options}]


def row(title: str) -> Panel:
    """The heading of a group of panels."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


def coloured(colors: dict[str, str], *, shades: bool = False) -> list[dict[str, Any]]:
    """Overrides that give the series whose names begin so their colour, or shades of it where there are several."""
    mode = "shades" if shades else "fixed"
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/^{name}/"},
            "properties": [{"id": "color", "value": {"mode": mode, "fixedColor": color}}],
        }
        for name, color in colors.items()
    ]


def of_column(heading: str, **properties: Any) -> dict[str, Any]:
    """An override for one column of a table."""
    return {
        "matcher": {"id": "byName", "options": heading},
        "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()],
    }


def lit(heading: str, steps: Steps, **properties: Any) -> dict[str, Any]:
    """An override that colours a column's figures by thresholds, above the first of them."""
    plain: Steps = [("text", None)]
    return of_column(
        heading, custom__cellOptions={"type": "color-text"}, thresholds=thresholds([*plain, *steps]), **properties
    )


def quantiles(metric: str, by: str, chosen: str, legends: dict[float, str]) -> list[Query]:
    """Queries for quantiles of a histogram."""
    return [
        (f"histogram_quantile({q}, sum by ({by}) (rate({metric}_bucket{{{chosen}}}[$__rate_interval])))", legend)
        for q, legend in legends.items()
    ]
