"""`ei-relay workers`: the processes that do the relay's work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy import Row

from relay.cli.common import json_option, open_store, settings, show_list
from relay.identity import mask
from relay.store import workers as worker_store


@click.group()
def workers() -> None:
    """Workers: the processes that do the relay's work."""


@workers.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most so many.")
@json_option
def list_(limit: int, json_: bool) -> None:
    """Show every process that reported within a day: where, since when, its clock, and whether its lists agree.

    A worker that has ended in order is not listed; one that was killed is, as not alive.
    """
    rows, now = open_store(settings()).transact(lambda tx: (worker_store.every(tx), tx.now))
    show_list(
        worker_facts(rows, now)[:limit],
        json_,
        "no worker has reported within a day: start one (`ei-relay run`, or Celery's worker and beat)",
    )


def worker_facts(rows: list[Row[Any]], now: datetime) -> list[dict[str, object]]:
    """What lists say of the processes; which lists most of the living have is found among all of them."""
    common = _common([row for row in rows if _is_alive(row, now)])
    return [_facts(row, now, common) for row in rows]


def _is_alive(row: Row[Any], now: datetime) -> bool:
    return bool(row.seen_at > now - worker_store.ALIVE)


def _common(alive: list[Row[Any]]) -> dict[str, str]:
    """{source: fingerprint} that most of the living have."""
    counts: dict[str, dict[str, int]] = {}
    for row in alive:
        for source, fingerprint in worker_store.lists_of(row).items():
            of = counts.setdefault(source, {})
            of[fingerprint] = of.get(fingerprint, 0) + 1
    return {source: max(of, key=lambda each: of[each]) for source, of in counts.items()}


def _facts(row: Row[Any], now: datetime, common: dict[str, str]) -> dict[str, object]:
    lists = worker_store.lists_of(row)
    others = sorted(source for source, print_ in lists.items() if common.get(source, print_) != print_)
    return {
        "instance": mask(row.instance),
        "host": mask(row.host),
        "version": row.version,
        "alive": _is_alive(row, now),
        "started_at": row.started_at,
        "seen_at": row.seen_at,
        "clock_difference_ms": row.clock_offset_ms,
        "lists": ",".join(f"{source}={print_[:8]}" for source, print_ in sorted(lists.items())) or None,
        "other_lists": ",".join(others) or None,
    }
