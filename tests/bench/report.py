"""The report: ratios first, then what they were made of."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from typing import Any

from tests.bench.floor import Floor
from tests.bench.index import LATENCY, ROUNDS, Accepted
from tests.bench.plain import PROCESSES, Plain
from tests.bench.relayed import PER_SECOND, Idle, Relayed

Line = tuple[str, float | int | None, str]  # what, how much, of what


def ratios(relayed: Relayed, _many: Idle, plain: Plain, floor: Floor) -> list[Line]:
    """What can be compared with another run's."""
    relay = relayed.backlog.rate
    return [
        (f"relay / plain way, {PROCESSES} calls at once", relay / plain.parallel.rate, "times"),
        ("relay / plain way, in sequence (R-31)", relay / plain.in_sequence.rate, "times"),
        ("relay / floor", relay / floor.played.rate, "share"),
        ("relay's steps in one process / floor", floor.steps.rate / floor.played.rate, "share"),
    ]


def counts(relayed: Relayed, many: Idle, plain: Plain, floor: Floor) -> list[Line]:
    """What should be the same in every run."""
    backlog = relayed.backlog
    return [
        ("relay, posts per call", backlog.posts / backlog.calls, "posts"),
        ("relay, calls", backlog.calls, "calls"),
        ("relay, SQL statements per row", relayed.statements_per_row, "statements"),
        ("relay, write-ahead log per row", relayed.wal_per_row, "bytes"),
        *((_idle_of(idle), idle.statements, "statements/s") for idle in (relayed.idle, many)),
        ("relay's steps, statements compiled anew", floor.compiled, f"of {floor.statements}"),
        ("plain way, posts per call", plain.parallel.posts / plain.parallel.calls, "posts"),
    ]


def figures(relayed: Relayed, many: Idle, plain: Plain, floor: Floor) -> list[Line]:
    """What says little without the machine, and what it did meanwhile."""
    live = f"s, of {relayed.live_rows} bookings at {PER_SECOND}/s"
    return [
        ("relay, backlog", relayed.backlog.rate, "rows/s"),
        ("relay's steps in one process", floor.steps.rate, "rows/s"),
        ("floor: the same SQL and messages", floor.played.rate, "rows/s"),
        (f"plain way, {PROCESSES} calls at once", plain.parallel.rate, "rows/s"),
        ("plain way, in sequence", plain.in_sequence.rate, "rows/s"),
        ("relay, committed to accepted, median", relayed.delay_p50, live),
        ("relay, committed to accepted, 99th percentile", relayed.delay_p99, live),
        *((f"worker, {_idle_of(idle)}", idle.cpu, "per cent of a core") for idle in (relayed.idle, many)),
        *((f"memory of a worker, {_sources(idle)}", idle.worker_mib, "MiB") for idle in (relayed.idle, many)),
        ("memory of beat", relayed.beat_mib, "MiB"),
    ]


def as_text(relayed: Relayed, many: Idle, plain: Plain, floor: Floor) -> str:
    """A table for people."""
    sections = (("Ratios", ratios), ("Counts", counts), ("Figures of this machine, now", figures))
    return "\n".join(_lines(relayed, many, plain, floor, sections))


def _lines(relayed: Relayed, many: Idle, plain: Plain, floor: Floor, sections: Any) -> Iterator[str]:
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    yield f"{machine}; an index that answers after {LATENCY * 1000:.0f} ms; the middle of {ROUNDS} rates"
    for title, section in sections:
        yield f"\n{title}"
        for what, number, unit in section(relayed, many, plain, floor):
            yield f"  {what:<48} {_number(number):>10}  {unit}"


def as_object(relayed: Relayed, many: Idle, plain: Plain, floor: Floor) -> dict[str, Any]:
    """The same for machines, and everything that was measured."""
    return {
        "ratios": {what: number for what, number, _ in ratios(relayed, many, plain, floor)},
        "counts": {what: number for what, number, _ in counts(relayed, many, plain, floor)},
        "relay": _plainly(relayed),
        "idle with many sources": _plainly(many),
        "plain": _plainly(plain),
        "floor": _plainly(floor),
    }


def _idle_of(idle: Idle) -> str:
    return f"idle, {_sources(idle)}"


def _sources(idle: Idle) -> str:
    return f"{idle.sources} source{'s' if idle.sources > 1 else ''}"


def _plainly(measured: Relayed | Idle | Plain | Floor) -> dict[str, Any]:
    return {k: v._asdict() if isinstance(v, Accepted | Idle) else v for k, v in measured._asdict().items()}


def _number(number: float | int | None) -> str:
    if number is None:
        return "-"
    if isinstance(number, int) or number >= 100:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.3f}" if number < 1 else f"{number:.2f}"
