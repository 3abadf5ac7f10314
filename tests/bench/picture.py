"""The cost curves as a picture: an SVG of three small charts, rates as bars and statements of a row beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from tests.bench.curve import Point

_WIDE, _HIGH, _MARGIN = 260, 210, 34
_BAR, _TOP = "#2b6cb0", 40


def draw(points: Sequence[Point], machine: str) -> str:
    """The picture; a chart for each of what was varied, in the order of the points."""
    groups = {what: [point for point in points if point.what == what] for what in dict.fromkeys(p.what for p in points)}
    highest = max(point.rate for point in points)
    charts = [
        f'<g transform="translate({number * _WIDE},0)">{"".join(_chart(what, group, highest))}</g>'
        for number, (what, group) in enumerate(groups.items())
    ]
    width = _WIDE * len(groups)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HIGH + 56}" '
        f'viewBox="0 0 {width} {_HIGH + 56}" font-family="sans-serif" font-size="11" role="img">'
        f"<title>Rows a second and statements a row of a backlog</title>"
        f'<rect width="100%" height="100%" fill="white"/>{"".join(charts)}'
        f'<text x="{_MARGIN}" y="{_HIGH + 46}" fill="#555">bars: rows a second; below: SQL statements a row; '
        f"{escape(machine)}</text></svg>\n"
    )


def _chart(what: str, points: Sequence[Point], highest: float) -> Iterator[str]:
    yield f'<text x="{_MARGIN}" y="20" font-weight="bold">{escape(what)}</text>'
    room = (_WIDE - 2 * _MARGIN) / len(points)
    for number, point in enumerate(points):
        height = (_HIGH - _TOP - 30) * point.rate / highest
        left, top = _MARGIN + number * room, _HIGH - 30 - height
        middle = left + room * 0.4
        yield f'<rect x="{left:.1f}" y="{top:.1f}" width="{room * 0.8:.1f}" height="{height:.1f}" fill="{_BAR}"/>'
        yield _label(middle, top - 4, f"{point.rate:,.0f}".replace(",", " "))
        yield _label(middle, _HIGH - 16, f"{point.at:,}".replace(",", " "), "bold")
        yield _label(middle, _HIGH, f"{point.statements:.3f}", colour="#555")


def _label(x: float, y: float, text: str, weight: str = "normal", colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-weight="{weight}" fill="{colour}">{text}</text>'
