"""`ei-relay reprocess`: send posts again as they are; list such runs, and cancel one."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import click

from relay.cli.common import (
    as_json,
    demand_source,
    json_option,
    nothing_matched,
    open_store,
    reason_option,
    said,
    settings,
    show_list,
    who,
)
from relay.cli.selecting import selected, selecting
from relay.cli.tables import table
from relay.flow.actions import operations
from relay.flow.actions.operations import Cancelled, Request
from relay.flow.actions.selector import SelectionError
from relay.report.estimate import estimate_of, in_words
from relay.report.facts import run_facts
from relay.settings import Settings
from relay.store import audit, runs
from relay.store.selection import BIGGEST_KEY, STATES, Selection, count
from relay.store.transaction import Store

_QUIET_SECONDS: Final = 3.0  # without a word to whoever waits


@click.group(invoke_without_command=True)
@selecting
@click.option(
    "--state", type=click.Choice(STATES), multiple=True, help="Posts in this state; left out: indexed, pending, parked."
)
@click.option("--dry-run", is_flag=True, help="Say how many posts and what they are, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", callback=said, help="Why; kept in the audit log. Required unless --dry-run.")
@json_option
@click.pass_context  # type: ignore[arg-type]
def reprocess(context: click.Context, dry_run: bool, yes: bool, reason: str | None, json_: bool, **asked: Any) -> None:
    """Send posts again as they are, at the pace of a mass resend, behind live changes (R-34).

    Nothing changes in what the posts say, so nobody is notified of what the index has already (their
    mostRecentContent stays). The spacing of R-32 holds. Posts that wait to be sent are left in their turn.

    On a terminal it says first what that means and asks. Elsewhere, as in a script, it does not ask. What is sent
    is a run: `reprocess list` shows it and `reprocess cancel RUN` stops it.
    """
    if context.invoked_subcommand is not None:
        return
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason")
    try:
        chosen = operations.to_reprocess(selected(**asked))
    except SelectionError as error:
        raise click.UsageError(str(error)) from None
    loaded = settings()
    store = open_store(loaded)
    demand_source(loaded, store, chosen.source)
    if dry_run:
        _preview(loaded, store, chosen, json_)
        return
    if not yes and not json_ and sys.stdin.isatty():
        _ask(loaded, store, chosen)
    try:
        done = operations.reprocess(store, chosen, Request(who(), "reprocess", reason), progress=_progress())
    except Cancelled as error:
        raise click.ClickException(f"{error}; what had not gone out was given back") from None
    if json_:
        click.echo(as_json({"dry_run": False} | done))
    if not done["matched"]:
        nothing_matched("no post matches")
    if not json_:
        click.echo(
            f"{done['resent']} posts will be sent again; {done['waiting']} more are about to be sent anyway; "
            f"this is run {done['run']}: `ei-relay reprocess cancel {done['run']}` stops it"
        )


@reprocess.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many runs.")
@json_option
def list_(limit: int, json_: bool) -> None:
    """Show the latest runs: what was asked for, by whom, how far it is, and what still waits to be sent."""
    found = open_store(settings()).transact(lambda tx: runs.listed(tx, limit))
    show_list(
        [run_facts(row, waiting) for row, waiting in found], json_, "nothing has been sent again by a command yet"
    )


@reprocess.command()
@click.argument("run", type=click.IntRange(1, BIGGEST_KEY))
@reason_option
@json_option
def cancel(run: int, reason: str | None, json_: bool) -> None:
    """Stop RUN: it marks no more posts, and those of it that have not gone out are not sent again.

    What went out stays sent. Posts that were parked before the run are not parked again.
    """
    store = open_store(settings())
    if store.transact(lambda tx: runs.get(tx, run)) is None:
        nothing_matched(f"there is no run {run}; see `ei-relay reprocess list`")
    undone = runs.cancel(store, run)
    store.transact(lambda tx: audit.note(tx, who(), "reprocess cancel", f"run {run}: given back={undone}", reason))
    click.echo(
        as_json({"run": run, "given_back": undone})
        if json_
        else f"run {run} is cancelled; {undone} posts that had not gone out are as they were before it"
    )


def _preview(loaded: Settings, store: Store, chosen: Selection, json_: bool) -> None:
    found = count(store, chosen)
    what: list[Mapping[str, object]] = [
        {"source": source, "state": state, "code": code, "posts": number}
        for (source, state, code), number in sorted(found.items(), key=str)
    ]
    estimate = estimate_of(loaded, found)
    if json_:
        click.echo(as_json({"dry_run": True, "matched": found.total(), "what": what, "estimate": estimate}))
    if not found:
        nothing_matched("no post matches")
    if not json_:
        click.echo(f"{found.total()} posts would be sent again: {in_words(estimate)}\n\n{table(what)}")


def _ask(loaded: Settings, store: Store, chosen: Selection) -> None:
    found = count(store, chosen)
    if found:
        click.echo(f"{found.total()} posts will be sent again: {in_words(estimate_of(loaded, found))}", err=True)
        click.confirm("Do this?", abort=True, err=True)


def _progress() -> Any:
    """A line on stderr every few seconds; none for what is done at once."""
    told = [time.monotonic()]

    def tell(run: int, matched: int) -> None:
        if time.monotonic() - told[0] >= _QUIET_SECONDS:
            told[0] = time.monotonic()
            click.echo(f"run {run}: {matched} posts so far", err=True)

    return tell
