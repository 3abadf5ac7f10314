"""`ei-relay recover`: after the relay's database was restored, or lost its last transactions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from math import ceil

import click
from sqlalchemy.exc import SQLAlchemyError

from relay.cli.common import as_json, chosen_sources, json_option, prepared, said, settings, who
from relay.flow.actions import recover as flow
from relay.flow.actions.operations import Request
from relay.flow.actions.recover import Found, NothingKnownError
from relay.flow.actions.selector import SelectionError, instant
from relay.flow.relay import Relay
from relay.outbox.trouble import explain
from relay.settings import Settings
from relay.store import restores


@click.command()
@click.option(
    "--since",
    metavar="TIME",
    help="Read again what was taken at or after: ISO 8601 in UTC, or 2h: two hours ago. Take the time of the backup. "
    "An earlier one that the relay has found by itself counts instead; then it may be left out.",
)
@click.option("--source", help="Only this source.")
@click.option("--trust", is_flag=True, help="Read nothing again: what the relay's database says is right.")
@click.option("--dry-run", is_flag=True, help="Say how many rows, posts, calls and minutes it takes; change nothing.")
@click.option("--reason", callback=said, help="Why; kept in the audit log. Required unless --dry-run.")
@json_option
def recover(since: str | None, source: str | None, trust: bool, dry_run: bool, reason: str | None, json_: bool) -> None:
    """After the relay's database was restored, or a failover lost its last transactions: use what the outboxes know.

    Reads again the outbox rows that were taken since a time, and has every post that they ever asked for sent again as
    it is wanted now, at the pace of a mass resend, behind live changes (R-34). What the index has already notifies
    nobody; a delete notifies once more. Nothing is sent of the source meanwhile. Broken off, it can be asked for again.
    """
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason, or look first with --dry-run")
    if trust and (since or dry_run or source is None):
        raise click.UsageError("--trust goes with --source and --reason alone")
    try:
        at = instant("since", since, datetime.now(UTC))
    except SelectionError as error:
        raise click.UsageError(str(error)) from None
    loaded = settings()
    names = [each.name for each in chosen_sources(loaded, source)]
    relay = prepared(loaded)
    request = Request(who(), "recover", reason)
    try:
        if trust:
            _trust(relay, names, request, json_)
        else:
            _recover(relay, loaded, names, at, None if dry_run else request, json_)
    finally:
        relay.close()


def _trust(relay: Relay, names: list[str], request: Request, json_: bool) -> None:
    for name in names:
        flow.trust(relay, name, request)
    told = {"dry_run": False, "sources": [{"source": name, "trusted": True} for name in names]}
    click.echo(as_json(told) if json_ else f"{', '.join(names)}: its state is trusted, and calls go on")


def _recover(
    relay: Relay, loaded: Settings, names: list[str], at: datetime | None, request: Request | None, json_: bool
) -> None:
    done, failed = [], []
    if at is None and len(names) > 1:  # those alone that there is something to say of
        held = relay.store.transact(restores.suspected)
        names = [name for name in names if name in held] or names
    for name in names:
        try:
            done.append(_one(relay, loaded, name, at, request))
        except NothingKnownError as error:
            raise click.UsageError(f"source {name}: {error}") from None
        except SQLAlchemyError as error:
            failed.append(f"source {name}: it was not done: {explain(error, relay.outbox_table(name))}")
            continue
        if not json_:
            click.echo(_in_words(done[-1], request is None))
    if json_:
        click.echo(as_json({"dry_run": request is None, "sources": done}))
    if failed:
        raise click.ClickException("\n".join(failed))


def _one(relay: Relay, loaded: Settings, name: str, at: datetime | None, request: Request | None) -> dict[str, object]:
    since = flow.since_of(relay, name, at)
    pages = flow.plan(relay, name, since) if request is None else flow.recover(relay, name, since, request)
    total = Found()
    told = 0
    for page in pages:
        total.add(page)
        if total.rows - told >= 10_000:
            told = total.rows
            click.echo(f"{name}: {total.rows} rows read again, {len(total.keys)} posts", err=True)
    click.echo(f"{name}: {total.rows} rows read again, {len(total.keys)} posts; done", err=True)
    return {"source": name, "since": since} | _estimate(relay, loaded, name, total)


def _estimate(relay: Relay, loaded: Settings, name: str, total: Found) -> dict[str, object]:
    """How much there is to send, and how many minutes that takes in bulk: the lanes go side by side."""
    lanes = flow.lanes_of(relay, name)
    by_lane = Counter(lane for lane, _ in total.keys)
    calls, longest = 0, 0.0
    for lane, number in by_lane.items():
        index = loaded.engagement_index.get(lanes[lane].engagement_index)
        if index is not None:
            here = ceil(number / index.max_posts_per_call)
            calls += here
            longest = max(longest, here * index.bulk_call_interval.total_seconds())
    return {
        "rows": total.rows,
        "lost": total.lost,
        "bookings": len(total.bookings),
        "keys": len(total.keys),
        "deletes": sum(not wanted for wanted in total.keys.values()),
        "calls": calls,
        "minutes": ceil(longest / 60),
    }


def _in_words(facts: dict[str, object], dry_run: bool) -> str:
    would = "would be" if dry_run else "are"
    return (
        f"{facts['source']}: {facts['rows']} rows since {facts['since']:%Y-%m-%d %H:%M}Z {would} read again, "
        f"{facts['lost']} of them unknown here; {facts['bookings']} bookings; {facts['keys']} posts {would} sent "
        f"again, {facts['deletes']} as deletes: {facts['calls']} calls, about {facts['minutes']} minutes"
    )
