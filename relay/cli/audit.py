"""`ei-relay audit`: who changed what by a command, and why."""

from __future__ import annotations

from collections.abc import Mapping

import click

from relay.cli.common import NOTHING_MATCHED, as_json, json_option, nothing_matched, open_store, settings, table
from relay.store import audit as audit_store


@click.group()
def audit() -> None:
    """The audit log: who changed what by a command, and why."""


@audit.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many entries."
)
@json_option
def list_(limit: int, json_: bool) -> None:
    """Show the latest entries, newest first."""
    rows = open_store(settings()).transact(lambda tx: audit_store.latest(tx, limit))
    entries: list[Mapping[str, object]] = [dict(row._mapping) for row in rows]
    if json_:
        click.echo(as_json(entries))
        raise SystemExit(0 if entries else NOTHING_MATCHED)
    if not entries:
        nothing_matched("nothing has been changed by a command yet")
    click.echo(table(entries))
