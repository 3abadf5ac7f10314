"""`ei-relay reassert`: after an incident at the index, send again what was sent meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import ceil

import click

from relay.cli.common import as_json, json_option, nothing_matched, open_store, said, settings, who
from relay.cli.selecting import selected
from relay.cli.tables import table
from relay.flow.actions import operations
from relay.flow.actions.operations import REASSERTED, Request
from relay.settings import EngagementIndex
from relay.store.selection import count_by_lane


@click.command()
@click.option(
    "--from", "since", metavar="TIME", required=True, help="Sent at or after: ISO 8601 in UTC, or 2h ago: 2h."
)
@click.option("--to", "until", metavar="TIME", required=True, help="Sent before.")
@click.option("--source", help="Only posts of this source.")
@click.option("--index", help="Only posts of this index, by its name in the configuration.")
@click.option("--dry-run", is_flag=True, help="Say how many posts, calls and minutes it takes, and change nothing.")
@click.option("--reason", callback=said, help="Why; kept in the audit log. Required unless --dry-run.")
@json_option
def reassert(
    since: str, until: str, source: str | None, index: str | None, dry_run: bool, reason: str | None, json_: bool
) -> None:
    """Send again every state that was last sent in a period, deletes included, for an index that may have lost it.

    At the pace of a mass resend, behind live changes (R-34); the spacing of R-32 holds. What the index has already
    notifies nobody. A delete notifies once more.
    """
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason, or look first with --dry-run")
    loaded = settings()
    chosen = replace(selected(since=since, until=until, source=source, index=index), state=REASSERTED)
    if chosen.since is not None and chosen.until is not None and chosen.since >= chosen.until:
        raise click.UsageError("--from must be before --to")
    store = open_store(loaded)
    found = count_by_lane(store, chosen)
    facts = estimate(found, loaded.engagement_index)
    done = {} if dry_run or not found else operations.reassert(store, chosen, Request(who(), "reassert", reason))
    if json_:
        click.echo(as_json({"dry_run": dry_run, **facts, **done}))
    if not found:
        nothing_matched("no post was last sent in that time")
    if not json_:
        click.echo(f"{facts['posts']} posts, {facts['calls']} calls, about {facts['minutes']} minutes")
        click.echo(table([{"index": i, "source_system": s, "state": w, "posts": n} for (i, s, w), n in found.items()]))
        if not dry_run:
            click.echo(f"{done['resent']} posts will be sent again; {done['waiting']} more are about to be sent anyway")


def estimate(found: Counter[tuple[str, str, str]], indexes: dict[str, EngagementIndex]) -> dict[str, int]:
    """How many posts and calls that is, and how many minutes of bulk: the lanes go side by side."""
    lanes: Counter[tuple[str, str]] = Counter()
    for (index, system, _), number in found.items():
        lanes[index, system] += number
    calls = {
        name: ceil(n / indexes[name[0]].max_posts_per_call) if name[0] in indexes else 0 for name, n in lanes.items()
    }
    longest = max(
        (n * indexes[name[0]].bulk_call_interval.total_seconds() for name, n in calls.items() if n), default=0.0
    )
    return {"posts": lanes.total(), "calls": sum(calls.values()), "minutes": ceil(longest / 60)}
