"""What the parts that are asked for by themselves say: peers, curve, drain; as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.curve import Point
from tests.bench.drain import LANES, Drained
from tests.bench.peers.measure import RULES, SPACING, Seat

Facts = Mapping[str, object]


def of_peers(seats: Sequence[Seat]) -> list[Facts]:
    """A line for each peer."""
    return [
        {
            "": seat.name,
            "rows/s": round(seat.backlog.rate),
            "posts/call": round(seat.backlog.posts / seat.backlog.calls, 1),
            **{rule: seat.seen.breaches.get(rule, 0) for rule in RULES},
            "ghosts": seat.ghosts,
            "lost": seat.lost,
            "wrong": seat.wrong,
            "unsent": seat.unsent,
            "kept": "yes" if seat.keeps else "no",
        }
        for seat in seats
    ]


ABOUT_PEERS = (
    f"Breaches as the sandbox's referee counted them (R-32 with {SPACING} s); ghosts, lost and wrong: what the index "
    "holds in the end\nagainst what the bookings say; unsent: rows not marked when nothing changed any more."
)


def of_curve(points: Sequence[Point]) -> list[Facts]:
    """A line for each point."""
    return [
        {"": f"{point.at} {point.what}", "rows/s": round(point.rate), "statements/row": point.statements}
        for point in points
    ]


def of_drain(drained: Drained) -> list[Facts]:
    """One line."""
    return [
        {
            "": f"{drained.posts} posts in {LANES} lanes",
            "calls": drained.calls,
            "seconds": drained.seconds,
            "of the calls' own time": drained.ratio,
            "live": drained.live_rows,
            "live p50": drained.live_p50,
            "live p99": drained.live_p99,
        }
    ]


def as_text(facts: Sequence[Facts]) -> str:
    """Lines of one shape under their names, numbers to the right."""
    names = list(facts[0])
    texts = [names, *([_cell(line[name]) for name in names] for line in facts)]
    widths = [max(len(line[i]) for line in texts) for i in range(len(names))]
    return "\n".join(_line(line, widths) for line in texts)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([first.strip().ljust(widths[0]), *rest])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if value < 1 else f"{value:.1f}"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)
