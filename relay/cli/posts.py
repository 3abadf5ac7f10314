"""`ei-relay posts`: what is wanted of posts and what the index is known to hold. Residents are masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from sqlalchemy import Row

from relay.cli.common import as_json, json_option, nothing_matched, open_store, settings, table
from relay.post import ABSENT, UNKNOWN
from relay.store import overview
from relay.store.transaction import Transaction

_IN_WORDS = {ABSENT: "absent", UNKNOWN: "unknown"}


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
        return (overview.post_by_id(tx, int(key)) if key is not None and key.isdigit() else []), []

    rows, known = open_store(settings()).transact(work)
    if not rows and not known:
        nothing_matched("nothing is known of it")
    shown = [post_facts(row) for row in rows]
    if json_:
        click.echo(as_json({"bookings": [_booking(row) for row in known], "posts": shown}))
        return
    for row in known:
        said = _booking(row)
        click.echo("booking  " + "  ".join(f"{name}={value}" for name, value in said.items() if value is not None))
    for post in shown:
        click.echo("")
        click.echo("\n".join(f"{name:20}{in_a_cell(value)}" for name, value in post.items()))
    if not shown:
        click.echo("it has no post and never had one")


def post_facts(row: Row[Any]) -> Mapping[str, object]:
    """What is shown of one post, as `overview` gives it."""
    return {
        "key": row.id,
        "source": row.source,
        "engagement_index": row.engagement_index,
        "source_system": row.source_system,
        "booking_id": row.booking_id,
        "resident_id": "(masked)",
        "care_unit": row.care_unit,
        "data_controller": row.data_controller,
        "state": row.state,
        "wanted": _IN_WORDS.get(row.wanted, row.wanted),
        "wanted_since": row.wanted_since,
        "known": _IN_WORDS.get(row.known, row.known),
        "expires_at": row.expires_at,
        "last_sent_at": row.sent_at,
        "bulk": row.bulk,
        "parked_code": row.parked_code,
        "parked_text": row.parked_text,
        "parked_at": row.parked_at,
        "attempts": row.attempts,
        "last_call": row.call_id,
        "last_call_ended_at": row.call_ended_at,
        "last_call_verdict": row.verdict,
        "last_call_code": row.code,
        "correlation_id": row.correlation_id,
    }


def _booking(row: Row[Any]) -> Mapping[str, object]:
    return {
        "source": row.source,
        "booking_id": row.booking_id,
        "outbox_row": row.row_id,
        "version": row.version,
        "removed": bool(row.removed),
        "kind": row.kind,
        "care_unit": row.care_unit,
        "starts_at": row.starts_at,
        "invited_on": row.invited_on,
        "valid_until": row.valid_until,
        "presentable": row.presentable,
        "changed_at": row.changed_at,
    }


def in_a_cell(value: object) -> str:
    return table([{"": value}]).splitlines()[-1].strip() if value is not None else "-"
