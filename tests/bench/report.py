"""The report: ratios first, then what they were made of."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from tests.bench.against import Against
from tests.bench.floor import Floor
from tests.bench.index import LATENCY, ROUNDS, Accepted
from tests.bench.plain import PROCESSES, Plain
from tests.bench.relayed import PER_SECOND, Idle, Polled, Relayed

Line = tuple[str, float | int | None, str]  # what, how much, of what


@dataclass(slots=True)
class Measured:
    """What a run measured; what is None was not, and `notes` may say why."""

    relayed: Relayed | None = None
    many: Idle | None = None
    polled: Polled | None = None
    alone_mib: float | None = None
    plain: Plain | None = None
    floor: Floor | None = None
    against: Against | None = None
    notes: dict[str, str] = field(default_factory=dict)


def ratios(run: Measured) -> Iterator[Line]:
    """What can be compared with another run's."""
    if against := run.against:
        yield f"relay / {against.commit[:8]}, median of {len(against.ratios)} pairs", against.ratio, "times"
        yield "  the least and the most of them", min(against.ratios), f"to {max(against.ratios):.2f}"
        yield f"relay / floor of {against.commit[:8]}", against.ratio_floor, "share"
    relay = run.relayed.backlog.rate if run.relayed else None
    if relay and run.plain:
        yield f"relay / plain way, {PROCESSES} calls at once", relay / run.plain.parallel.rate, "times"
        yield "relay / plain way, in sequence (R-31)", relay / run.plain.in_sequence.rate, "times"
    if relay and run.floor:
        yield "relay / floor", relay / run.floor.played.rate, "share"
    if floor := run.floor:
        yield "relay's steps in one process / floor", floor.steps.rate / floor.played.rate, "share"


def counts(run: Measured) -> Iterator[Line]:
    """What should be the same in every run."""
    if relayed := run.relayed:
        backlog = relayed.backlog
        yield "relay, posts per call", backlog.posts / backlog.calls, "posts"
        yield "relay, calls", backlog.calls, "calls"
        yield "relay, SQL statements per row", relayed.statements_per_row, "statements"
        yield "relay, write-ahead log per row", relayed.wal_per_row, "bytes"
    for idle in _idles(run):
        yield f"idle, {_sources(idle)}", idle.statements, "statements/s"
    if floor := run.floor:
        yield "relay's steps, statements compiled anew", floor.compiled, f"of {floor.statements}"
    if plain := run.plain:
        yield "plain way, posts per call", plain.parallel.posts / plain.parallel.calls, "posts"


def figures(run: Measured) -> Iterator[Line]:
    """What says little without the machine, and what it did meanwhile."""
    if relayed := run.relayed:
        yield "relay, backlog", relayed.backlog.rate, "rows/s"
    if against := run.against:
        yield "relay, backlog, in the pairs", median(against.this), "rows/s"
        yield f"{against.commit[:8]}, backlog, in the pairs", median(against.other), "rows/s"
        yield f"floor of {against.commit[:8]}", against.floor, "rows/s"
    if floor := run.floor:
        yield "relay's steps in one process", floor.steps.rate, "rows/s"
        yield "floor: the same SQL and messages", floor.played.rate, "rows/s"
    if plain := run.plain:
        yield f"plain way, {PROCESSES} calls at once", plain.parallel.rate, "rows/s"
        yield "plain way, in sequence", plain.in_sequence.rate, "rows/s"
    if relayed:
        live = f"s, of {relayed.live_rows} bookings at {PER_SECOND}/s"
        yield "relay, committed to accepted, median", relayed.delay_p50, live
        yield "relay, committed to accepted, 99th percentile", relayed.delay_p99, live
    if polled := run.polled:
        yield "  polled only, median", polled.delay_p50, "s"
        yield "  polled only, 99th percentile", polled.delay_p99, "s"
    for idle in _idles(run):
        yield f"worker, idle, {_sources(idle)}", idle.cpu, "per cent of a core"
        yield f"memory of a worker, {_sources(idle)}", idle.worker_mib, "MiB"
    if relayed:
        yield "memory of beat", relayed.beat_mib, "MiB"
    if run.alone_mib is not None:
        yield "memory of the whole relay as one process, idle", run.alone_mib, "MiB"


def as_text(run: Measured) -> str:
    """A table for people."""
    return "\n".join(_lines(run))


def machine() -> str:
    """What it was measured on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def _lines(run: Measured) -> Iterator[str]:
    yield f"{machine()}; an index that answers after {LATENCY * 1000:.0f} ms; the middle of {ROUNDS} rates"
    for title, section in (("Ratios", ratios), ("Counts", counts), ("Figures of this machine, now", figures)):
        yield f"\n{title}"
        for what, number, unit in section(run):
            yield f"  {what:<48} {_number(number):>10}  {unit}"
    for part, why in run.notes.items():
        yield f"\nnot measured: {part}: {why}"


def as_object(run: Measured) -> dict[str, Any]:
    """The same for machines: a name for each of the figures that are followed, and everything that was measured."""
    named = _named(run)
    parts = ("relayed", "many", "polled", "plain", "floor", "against")
    return named | {
        "notes": {name: _why(run, part) for name, part in _PARTS.items() if named[name] is None},
        "ratios": {what: number for what, number, _ in ratios(run)},
        "counts": {what: number for what, number, _ in counts(run)},
        **{part: _plainly(found) for part in parts if (found := getattr(run, part)) is not None},
    }


_PARTS: Final = {  # a figure: the part that it comes from, besides the relay itself
    "ratio_against": "against",
    "ratio_against_spread": "against",
    "ratio_floor_against": "against",
    "ratio_plain": "plain",
    "ratio_floor": "floor",
    "wal_bytes_per_row": "relayed",
    "delay_p50_seconds": "relayed",
    "delay_p99_seconds": "relayed",
    "idle_statements_1": "relayed",
    "idle_statements_50": "many",
    "worker_rss_mib": "relayed",
    "beat_rss_mib": "relayed",
    "delay_polled_p50_seconds": "polled",
    "delay_polled_p99_seconds": "polled",
    "run_rss_mib": "alone",
}


def _named(run: Measured) -> dict[str, Any]:
    relayed, plain, floor, against, many = run.relayed, run.plain, run.floor, run.against, run.many
    return {
        "ratio_against": against and against.ratio,
        "ratio_against_spread": against and [min(against.ratios), max(against.ratios)],
        "ratio_floor_against": against and against.ratio_floor,
        "ratio_plain": relayed and plain and relayed.backlog.rate / plain.parallel.rate,
        "ratio_floor": relayed and floor and relayed.backlog.rate / floor.played.rate,
        "wal_bytes_per_row": relayed and relayed.wal_per_row,
        "delay_p50_seconds": relayed and relayed.delay_p50,
        "delay_p99_seconds": relayed and relayed.delay_p99,
        "idle_statements_1": relayed and relayed.idle.statements,
        "idle_statements_50": many and many.statements,
        "worker_rss_mib": relayed and relayed.idle.worker_mib,
        "beat_rss_mib": relayed and relayed.beat_mib,
        "delay_polled_p50_seconds": run.polled and run.polled.delay_p50,
        "delay_polled_p99_seconds": run.polled and run.polled.delay_p99,
        "run_rss_mib": run.alone_mib,
    }


def _why(run: Measured, part: str) -> str:
    said = run.notes.get(part) or run.notes.get("relayed")
    if part == "against" and run.against is not None:
        return run.against.no_floor
    return said or ("--against was not given" if part == "against" else "this system does not say")


def _idles(run: Measured) -> list[Idle]:
    return [idle for idle in (run.relayed and run.relayed.idle, run.many) if idle is not None]


def _sources(idle: Idle) -> str:
    return f"{idle.sources} source{'s' if idle.sources > 1 else ''}"


def _plainly(measured: Relayed | Idle | Polled | Plain | Floor | Against) -> dict[str, Any]:
    return {k: v._asdict() if isinstance(v, Accepted | Idle) else v for k, v in measured._asdict().items()}


def _number(number: float | int | None) -> str:
    if number is None:
        return "-"
    if isinstance(number, int) or number >= 100:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.3f}" if number < 1 else f"{number:.2f}"
