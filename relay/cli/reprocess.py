"""`ei-relay reprocess`: send posts again as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from relay.cli.common import as_json, json_option, nothing_matched, open_store, said, settings, table, who
from relay.cli.selecting import selected, selecting
from relay.flow import steer
from relay.flow.selector import SelectionError
from relay.flow.steer import Request
from relay.store.selection import STATES, Selection, count
from relay.store.transaction import Store


@click.command()
@selecting
@click.option(
    "--state", type=click.Choice(STATES), multiple=True, help="Posts in this state; left out: indexed, pending, parked."
)
@click.option("--dry-run", is_flag=True, help="Say how many posts and what they are, and change nothing.")
@click.option("--reason", callback=said, help="Why; kept in the audit log. Required unless --dry-run.")
@json_option
def reprocess(dry_run: bool, reason: str | None, json_: bool, **asked: Any) -> None:
    """Send posts again as they are, at the pace of a mass resend, behind live changes (R-34).

    Nothing changes in what the posts say, so nobody is notified of what the index has already (their
    mostRecentContent stays). The spacing of R-32 holds. Posts that wait to be sent are left in their turn.
    """
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason")
    try:
        chosen = steer.to_reprocess(selected(**asked))
    except SelectionError as error:
        raise click.UsageError(str(error)) from None
    store = open_store(settings())
    if dry_run:
        _preview(store, chosen, json_)
        return
    done = steer.reprocess(store, chosen, Request(who(), "reprocess", reason))
    if json_:
        click.echo(as_json({"dry_run": False} | done))
    if not done["matched"]:
        nothing_matched("no post matches")
    if not json_:
        click.echo(f"{done['resent']} posts will be sent again; {done['waiting']} more are about to be sent anyway")


def _preview(store: Store, chosen: Selection, json_: bool) -> None:
    found = count(store, chosen)
    what: list[Mapping[str, object]] = [
        {"source": source, "state": state, "code": code, "posts": number}
        for (source, state, code), number in sorted(found.items(), key=str)
    ]
    if json_:
        click.echo(as_json({"dry_run": True, "matched": found.total(), "what": what}))
    if not found:
        nothing_matched("no post matches")
    if not json_:
        click.echo(f"{found.total()} posts would be sent again\n\n{table(what)}")
