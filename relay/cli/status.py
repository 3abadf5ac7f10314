"""`ei-relay status`: one screen that says first whether anything is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from relay.cli.common import as_json, json_option, open_store, settings, table
from relay.cli.lanes import lane_facts
from relay.database import connect
from relay.outbox.reader import OutboxReader
from relay.settings import Settings
from relay.store import overview
from relay.store.transaction import Transaction, describe

LATE_SECONDS = 45 * 60  # three quarters of the hour that R-33 gives


@click.command()
@json_option
def status(json_: bool) -> None:
    """Whether anything is wrong, and what stands where.

    Exits with 0 also when something is wrong: the answer is in what it prints ("ok" in the JSON).
    """
    loaded = settings()
    now, states, lanes, sources = open_store(loaded).transact(_read)
    source_facts = [_source(loaded, row, states) for row in sources]
    lane_facts_ = [lane_facts(row, now) for row in lanes]
    wrong = _wrong(source_facts, lane_facts_)
    if json_:
        click.echo(as_json({"ok": not wrong, "wrong": wrong, "sources": source_facts, "lanes": lane_facts_}))
        return
    click.echo("nothing is wrong" if not wrong else "\n".join(f"WRONG  {line}" for line in wrong))
    click.echo("\n" + table(source_facts))
    click.echo("\n" + table([{k: v for k, v in lane.items() if k != "text"} for lane in lane_facts_]))


def _read(tx: Transaction) -> tuple[datetime, list[tuple[str, str, int]], list[Row[Any]], list[Row[Any]]]:
    return tx.now, overview.posts_by_state(tx), overview.lanes(tx), overview.sources(tx)


def _source(loaded: Settings, row: Row[Any], states: list[tuple[str, str, int]]) -> dict[str, object]:
    counts = {state: number for name, state, number in states if name == row.name}
    unread, error = _unread(loaded, row.name)
    return {
        "source": row.name,
        "unread": unread,
        "indexed": counts.get("indexed", 0),
        "pending": counts.get("pending", 0),
        "parked": counts.get("parked", 0),
        "error": row.error or row.policy_error or error,
        "error_since": row.error_since,
    }


def _unread(loaded: Settings, name: str) -> tuple[int | None, str | None]:
    source = next((s for s in loaded.source if s.name == name), None)
    if source is None:
        return None, "is no longer in the configuration"
    try:
        return OutboxReader(connect(loaded.outbox_url_of(source)), source.outbox_table).backlog()[0], None
    except SQLAlchemyError as error:
        return None, f"the outbox could not be read: {describe(error)}"


def _wrong(sources: list[dict[str, object]], lanes: list[dict[str, object]]) -> list[str]:
    lines = [f"source {s['source']}: {s['error']}" for s in sources if s["error"]]
    lines += [f"source {s['source']}: {s['parked']} posts are parked" for s in sources if s["parked"]]
    for lane in lanes:
        name = f"lane {lane['lane']}"
        if lane["state"] in ("blocked", "paused"):
            lines.append(f"{name} is {lane['state']} {lane['code'] or ''} {_since(lane)}".rstrip())
        elif lane["state"] == "resting":
            lines.append(f"{name} rests after {lane['failures']} failed calls")
        late = lane["oldest_pending_seconds"]
        if isinstance(late, int) and late > LATE_SECONDS:
            lines.append(f"{name}: a change has waited for {late // 60} minutes of the 60 it may")
    return lines


def _since(lane: Mapping[str, object]) -> str:
    return f"since {lane['since']:%Y-%m-%d %H:%M}Z" if lane["since"] else ""
