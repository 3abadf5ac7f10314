"""`ei-relay status`: one screen that says first whether anything is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import click
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from relay.cli.common import as_json, json_option, open_store, settings, table
from relay.cli.lanes import lane_facts
from relay.database import connect
from relay.outbox.reader import OutboxReader
from relay.outbox.trouble import explain
from relay.sessions import Bounds
from relay.settings import Settings
from relay.store import overview
from relay.store.transaction import Transaction

LATE_SECONDS = 45 * 60  # three quarters of the hour that R-33 gives
_PATIENCE: Final = Bounds(connect=3, statement=5)  # for somebody who waits at a screen
_AT_ONCE: Final = 16
_LEFT: Final = (None, "is no longer in the configuration")


@click.command()
@json_option
def status(json_: bool) -> None:
    """Whether anything is wrong, and what stands where.

    Exits with 0 also when something is wrong: the answer is in what it prints ("ok" in the JSON).
    """
    loaded = settings()
    now, states, lanes, sources = open_store(loaded).transact(_read)
    backlogs = _backlogs(loaded)
    source_facts = [_source(row, states, *backlogs.get(row.name, _LEFT)) for row in sources]
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


def _source(
    row: Row[Any], states: list[tuple[str, str, int]], unread: int | None, error: str | None
) -> dict[str, object]:
    counts = {state: number for name, state, number in states if name == row.name}
    return {
        "source": row.name,
        "unread": unread,
        "indexed": counts.get("indexed", 0),
        "pending": counts.get("pending", 0),
        "parked": counts.get("parked", 0),
        "error": row.error or row.policy_error or error,
        "error_since": row.error_since,
    }


def _backlogs(loaded: Settings) -> dict[str, tuple[int | None, str | None]]:
    """How many rows wait in each source's outbox, or why nobody knows. All are asked at once, none for long."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {s.name: pool.submit(_unread, loaded.outbox_url_of(s), s.outbox_table) for s in loaded.source}
        return {name: answer.result() for name, answer in asked.items()}


def _unread(url: str, table_name: str) -> tuple[int | None, str | None]:
    try:
        engine = connect(url, bounds=_PATIENCE)
        try:
            return OutboxReader(engine, table_name).backlog()[0], None
        finally:
            engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        return None, f"the outbox could not be read: {explain(error, table_name)}"


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
