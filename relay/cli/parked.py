"""`ei-relay parked`: posts that the index refused for what they say, and what becomes of them."""

from __future__ import annotations

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
    reason_option,
    required_reason_option,
    settings,
    who,
)
from relay.cli.selecting import selected, selecting
from relay.cli.tables import sheet, table
from relay.flow.actions import operations
from relay.flow.actions.operations import Request
from relay.identity import mask
from relay.report.facts import post_facts
from relay.store import overview
from relay.store import parked as store_parked
from relay.store.selection import BIGGEST_KEY, Selection
from relay.store.transaction import Store, Transaction

_KEYS = click.argument("keys", nargs=-1, type=int, metavar="[KEY]…")
_ALL = click.option("--all", "all_", is_flag=True, help="Every parked post.")


@click.group()
def parked() -> None:
    """Parked posts: refused by the index for what they say, and not sent until something changes."""


@parked.command("list")
@selecting
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many posts.")
@json_option
def list_(limit: int, json_: bool, **asked: Any) -> None:
    """Show how many posts are parked, by source and code, and the latest of them."""
    chosen = selected(**asked)

    def work(tx: Transaction) -> tuple[list[Row[Any]], list[Row[Any]]]:
        return store_parked.counts(tx, chosen), store_parked.listed(tx, chosen, limit)

    counts, rows = _store(chosen).transact(work)
    by_code: list[Mapping[str, object]] = [dict(row._mapping) for row in counts]
    shown = [_line(row) for row in rows]
    total = sum(row.posts for row in counts)
    if json_:
        click.echo(as_json({"total": total, "counts": by_code, "posts": shown}))
        raise SystemExit(0 if total else NOTHING_MATCHED)
    if not total:
        nothing_matched("no post is parked" if not chosen else "no such post is parked")
    click.echo(f"{table(by_code)}\n\n{table(shown)}")
    if total > len(shown):
        click.echo(f"and {total - len(shown)} more: see --limit")


@parked.command()
@click.argument("key", type=click.IntRange(1, BIGGEST_KEY))
@json_option
def show(key: int, json_: bool) -> None:
    """Show one parked or discarded post by KEY, the number that the list shows."""
    rows = open_store(settings()).transact(lambda tx: overview.post_by_id(tx, key))
    shown = [post_facts(row) for row in rows if row.parked_code is not None]
    if not shown:
        nothing_matched("no such post is parked")
    click.echo(as_json(shown[0]) if json_ else sheet(shown[0]))


@parked.command()
@_KEYS
@selecting
@_ALL
@click.option("--bulk", is_flag=True, help="At the pace of a mass resend, behind live changes (R-34).")
@reason_option
def retry(keys: tuple[int, ...], all_: bool, bulk: bool, reason: str | None, **asked: Any) -> None:
    """Send parked posts again, in their turn. What is still wrong is refused and parked again.

    A discarded post is retried where it is named by KEY or --booking.
    """
    chosen = _chosen(keys, all_, asked)
    number = operations.retry(_store(chosen), chosen, Request(who(), "parked retry", reason), bulk=bulk)
    _tell(number, "will be sent again")


@parked.command()
@_KEYS
@selecting
@_ALL
@required_reason_option
def discard(keys: tuple[int, ...], all_: bool, reason: str, **asked: Any) -> None:
    """Leave parked posts as they are in the index, and do not list them any more.

    What is wanted of such a post is kept, and so is what the index is known to hold: if its booking changes or its
    time passes, the difference is sent. `posts show` says "discarded" of it.
    """
    chosen = _chosen(keys, all_, asked)
    number = operations.discard(_store(chosen), chosen, Request(who(), "parked discard", reason))
    _tell(number, "discarded")


def _store(chosen: Selection) -> Store:
    """The relay's database; exits where the source that is asked for is not there."""
    loaded = settings()
    store = open_store(loaded)
    demand_source(loaded, store, chosen.source)
    return store


def _chosen(keys: tuple[int, ...], all_: bool, asked: Mapping[str, Any]) -> Selection:
    chosen = selected(keys=keys, **asked)
    if bool(chosen) == all_:
        raise click.UsageError("say which posts, by KEY or by options, or say --all")
    return chosen


def _tell(number: int, what: str) -> None:
    if not number:
        nothing_matched("no such post is parked")
    click.echo(f"{number} {'post' if number == 1 else 'posts'} {what}")


def _line(row: Row[Any]) -> Mapping[str, object]:
    return {
        "key": row.id,
        "source": row.source,
        "source_system": row.source_system,
        "care_unit": mask(row.care_unit),
        "booking_id": mask(row.booking_id),
        "code": row.parked_code,
        "since": row.parked_at,
        "attempts": row.attempts,
        "text": row.parked_text,
    }
