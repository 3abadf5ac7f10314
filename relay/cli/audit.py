"""`ei-relay audit`: who changed what by a command, and why."""

from __future__ import annotations

from collections.abc import Mapping

import click

from relay.cli.common import json_option, open_store, settings, show_list
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
    show_list(entries, json_, "nothing has been changed by a command yet")
