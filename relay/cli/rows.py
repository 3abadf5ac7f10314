"""`ei-relay rows`: outbox rows that were rejected, for whoever has to write them right."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime

import click

from relay.cli.common import demand_source, json_option, nothing_matched, open_store, settings, show_list
from relay.flow.actions.selector import SelectionError, instant
from relay.report.facts import csv_cell, rejected_facts
from relay.store import rejected


@click.group()
def rows() -> None:
    """Outbox rows and what became of them."""


@rows.command("rejected")
@click.option("--source", "only", help="Only this source's.")
@click.option("--since", metavar="TIME", help="Rejected at or after: ISO 8601 in UTC, or 2h: two hours ago.")
@click.option("--until", metavar="TIME", help="Rejected before.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many rows.")
@click.option("--export", is_flag=True, help="All of them as CSV for the booking system's vendor, without identities.")
@json_option
def rejected_(only: str | None, since: str | None, until: str | None, limit: int, export: bool, json_: bool) -> None:
    """Show the rows that were rejected, the latest first: which field, what it was (masked), what was expected.

    In a resident_id each digit is shown as 9 and each letter as A.
    """
    loaded = settings()
    store = open_store(loaded)
    known = demand_source(loaded, store, only)
    names = [name for name in sorted(known) if only in (None, name)]
    try:
        now = datetime.now(UTC)
        first, last = instant("since", since, now), instant("until", until, now)
    except SelectionError as error:
        raise click.UsageError(str(error)) from None
    nothing = "no row was rejected in this time"
    if export:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        number = 0
        for number, row in enumerate(rejected.every(store, names, first, last), start=1):
            facts = rejected_facts(row)
            if number == 1:
                writer.writerow(facts)
            writer.writerow([csv_cell(value) for value in facts.values()])
        if not number:
            nothing_matched(nothing)
        return
    found = store.transact(lambda tx: rejected.listed(tx, names, first, last, None, limit + 1))
    show_list([rejected_facts(row) for row in found[:limit]], json_, nothing)
    if len(found) > limit:
        click.echo("there are more: see --limit, --until and --export", err=True)
