"""`ei-relay workers`: the processes that do the relay's work."""

from __future__ import annotations

import click

from relay.cli.common import json_option, open_store, settings, show_list
from relay.report.facts import worker_facts
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
