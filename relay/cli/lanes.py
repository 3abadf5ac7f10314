"""`ei-relay lanes`: see what each lane does, hold it, let it go on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy import Row

from relay.cli.common import (
    json_option,
    nothing_matched,
    open_store,
    reason_option,
    required_reason_option,
    settings,
    show_list,
    who,
)
from relay.store import audit, indexes, overview
from relay.store import lanes as lane_store
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction


@click.group()
def lanes() -> None:
    """Lanes: one for each index and source system. A lane is named INDEX:SOURCE_SYSTEM."""


@lanes.command("list")
@json_option
def list_(json_: bool) -> None:
    """Show every lane: its state, what waits, and why it does not call."""
    rows, now = open_store(settings()).transact(lambda tx: (overview.lanes(tx), tx.now))
    facts = [lane_facts(row, now) for row in rows]
    show_list(facts, json_, "there are no lanes yet: they are made when a worker first starts")


@lanes.command()
@click.argument("names", nargs=-1, metavar="LANE…")
@click.option("--all", "all_", is_flag=True, help="Every lane.")
@reason_option
def pause(names: tuple[str, ...], all_: bool, reason: str | None) -> None:
    """Keep lanes from calling until they are resumed, also over restarts. Intake goes on."""
    _set_paused(names, all_, reason, paused=True)


@lanes.command()
@click.argument("names", nargs=-1, metavar="LANE…")
@click.option("--all", "all_", is_flag=True, help="Every lane.")
@reason_option
def resume(names: tuple[str, ...], all_: bool, reason: str | None) -> None:
    """Let lanes call again, at once. A blocked lane sends a probe; its success opens it."""
    _set_paused(names, all_, reason, paused=False)


@lanes.command()
@click.argument("old")
@click.argument("new")
@required_reason_option
def rename(old: str, new: str, reason: str) -> None:
    """Give the lanes of index OLD to the index that the configuration calls NEW.

    For an index that got another name and another address at once; with the same logical_address and the same host in
    its url it is noticed, and the lanes go on by themselves. Stop the workers first.
    """
    loaded = settings()
    if new not in loaded.engagement_index:
        raise click.UsageError(f"NEW: expected an index of the configuration: {', '.join(loaded.engagement_index)}")

    def work(tx: Transaction) -> int:
        if indexes.has_lanes(tx, new):
            text = f"{new} has lanes already; nothing was changed: rename before a worker has started with the new name"
            raise click.ClickException(text)
        number = indexes.rename(tx, old, new)
        if number:
            audit.note(tx, who(), "lanes rename", f"{old} {new}", reason)
        return number

    number = open_store(loaded).transact(work)
    if not number:
        nothing_matched(f"no lane is of an index {old}: see `ei-relay lanes list`")
    click.echo(f"{number} lanes of {old} are now of {new}")


def lane_facts(row: Row[Any], now: datetime) -> dict[str, object]:
    """What lists say of a lane, as `overview.lanes` gives it."""
    since = row.oldest_pending_since
    return {
        "lane": str(LaneName(row.engagement_index, row.source_system)),
        "source": row.source,
        "state": overview.state_of_lane(row, now),
        "pending": row.pending,
        "oldest_pending_seconds": round((now - since).total_seconds()) if since else None,
        "next_call_at": row.next_call_at if row.next_call_at > now else None,
        "failures": row.failures,
        "code": row.blocked_code,
        "since": row.blocked_since,
        "text": row.blocked_text,
        "last_success_at": row.last_success_at,
    }


def _set_paused(names: tuple[str, ...], all_: bool, reason: str | None, *, paused: bool) -> None:
    if bool(names) == all_:
        raise click.UsageError("name lanes, or say --all")

    def work(tx: Transaction) -> list[LaneName]:
        rows = overview.lanes(tx)
        there = {str(name): name for name in (LaneName(row.engagement_index, row.source_system) for row in rows)}
        if unknown := [name for name in names if name not in there]:
            nothing_matched(f"no such lane: {', '.join(unknown)}; nothing was changed, see `ei-relay lanes list`")
        chosen = list(there.values()) if all_ else [there[name] for name in names]
        lane_store.pause(tx, chosen, paused=paused)
        for name in chosen:
            audit.note(tx, who(), "lanes pause" if paused else "lanes resume", str(name), reason)
        return chosen

    chosen = open_store(settings()).transact(work)
    if not chosen:
        nothing_matched("there are no lanes yet: they are made when a worker first starts")
    for name in chosen:
        click.echo(f"{name} {'is paused' if paused else 'may call'}")
