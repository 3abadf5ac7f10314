"""`ei-relay posts`: what is wanted of posts and what the index is known to hold.

Residents are masked, also where an identity stands in what a booking system may fill as it likes: its ids and its
units. The number of the outbox row leads to the booking then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click
from sqlalchemy import Row

from relay.cli.common import (
    NOTHING_MATCHED,
    as_json,
    demand_source,
    json_option,
    nothing_matched,
    open_store,
    settings,
    show_list,
)
from relay.cli.selecting import selected, selecting
from relay.cli.tables import sheet
from relay.identity import mask
from relay.report.facts import post_facts, short_facts
from relay.store import overview
from relay.store.selection import BIGGEST_KEY, STATES, listed
from relay.store.transaction import Transaction


@click.group()
def posts() -> None:
    """Posts: what is wanted and what the index is known to hold."""


@posts.command()
@click.argument("key", required=False)
@click.option("--booking", "booking_id", help="All posts that a booking has or has had.")
@click.option("--source", help="Only this source's.")
@json_option
def show(key: str | None, booking_id: str | None, source: str | None, json_: bool) -> None:
    """Show one post by KEY, the number that lists show, or all posts of a booking with --booking."""
    if (key is None) == (booking_id is None):
        raise click.UsageError("give either KEY or --booking ID")

    def work(tx: Transaction) -> tuple[list[Row[Any]], list[Row[Any]]]:
        if booking_id is not None:
            return overview.posts_of_booking(tx, booking_id, source), overview.bookings(tx, booking_id, source)
        number = _number(key or "")
        rows = overview.post_by_id(tx, number) if number is not None else []
        return rows, [known for row in rows for known in overview.bookings(tx, row.booking_id, row.source)]

    loaded = settings()
    store = open_store(loaded)
    demand_source(loaded, store, source)
    rows, known = store.transact(work)
    shown = [post_facts(row) for row in rows]
    if json_:
        click.echo(as_json({"bookings": [_booking(row) for row in known], "posts": shown}))
        raise SystemExit(0 if rows or known else NOTHING_MATCHED)
    if not rows and not known:
        nothing_matched("nothing is known of it")
    for row in known:
        said = _booking(row)
        click.echo("booking  " + "  ".join(f"{name}={value}" for name, value in said.items() if value is not None))
    for post in shown:
        click.echo("")
        click.echo(sheet(post))
    if not shown:
        click.echo("it has no post and never had one")


@posts.command("list")
@selecting
@click.option("--state", type=click.Choice(STATES), multiple=True, help="Posts in this state; left out: every state.")
@click.option("--lane", metavar="INDEX:SYSTEM", help="Posts of this lane.")
@click.option("--after", type=click.IntRange(0, BIGGEST_KEY), default=0, help="Go on after this key: the last shown.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many posts.")
@json_option
def list_(after: int, limit: int, json_: bool, **asked: Any) -> None:
    """Show posts by source, unit, state, lane, code or time, in the order of their keys."""
    chosen = selected(**asked)
    loaded = settings()
    store = open_store(loaded)
    demand_source(loaded, store, chosen.source)
    found = listed(store, chosen, after, limit)
    show_list([short_facts(row) for row in found], json_, "no post matches")
    if len(found) == limit:
        click.echo(f"there may be more: --after {found[-1].id}", err=True)


def _number(key: str) -> int | None:
    """The number of a post; None: no post can have it."""
    number = int(key) if re.fullmatch("[0-9]{1,19}", key) else 0
    return number if 0 < number <= BIGGEST_KEY else None


def _booking(row: Row[Any]) -> Mapping[str, object]:
    return {
        "source": row.source,
        "booking_id": mask(row.booking_id),
        "outbox_row": row.row_id,
        "version": row.version,
        "removed": bool(row.removed),
        "kind": row.kind,
        "care_unit": mask(row.care_unit) if row.care_unit else None,
        "starts_at": row.starts_at,
        "invited_on": row.invited_on,
        "valid_until": row.valid_until,
        "presentable": row.presentable,
        "changed_at": row.changed_at,
    }
