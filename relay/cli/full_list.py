"""`ei-relay snapshot query`: the nightly comparison with a booking system's own tables, by hand."""

from __future__ import annotations

from typing import Final

import click

from relay.catalogue import CatalogueError
from relay.cli.common import as_json, json_option, no_such_source, reason_option, settings, who
from relay.flow.actions.snapshot import Rejection
from relay.flow.maintenance import full_list
from relay.flow.maintenance.full_list import Found, NotCompared, Plan
from relay.flow.maintenance.nightly_lists import figures, keep
from relay.flow.relay import Relay
from relay.identity import mask
from relay.snapshot import Fate, implausible
from relay.store.snapshots import RunIsOver
from relay.wallclock import SWEDEN

SHOWN: Final = 1_000  # rows that cannot be read
_IN_WORDS: Final = {
    Fate.CREATED: "on the list, and not known or removed before",
    Fate.CHANGED: "on the list otherwise than it is known",
    Fate.GONE: "not on the list, though it is upcoming",
    Fate.NEWER: "left as it is: what the outbox said of it is later than the list",
}


@click.command("query")
@click.option("--source", required=True, help="Whose tables are asked, with its full_list_query.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--allow-removals", is_flag=True, help="Do all of it at once, whatever the list lacks; hold nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def query(
    source: str, dry_run: bool, allow_removals: bool, yes: bool, reason: str | None, json_: bool
) -> None:  # fmt: skip
    """Compare with the booking system's own tables (full_list_query), as it is done every night.

    What changes is shown first, and sent behind live changes. What would remove or move more posts than may go without
    a word is held: see `ei-relay changes list`.
    """
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason; it is kept in the audit log")
    if json_ and not (dry_run or yes):
        raise click.UsageError("with --json say --dry-run or --yes: it cannot ask")
    relay = Relay(settings())
    try:
        if source not in relay.source_names:
            no_such_source(source, relay.source_names)
        relay.prepare()
        began = relay.store.transact(lambda tx: tx.now)
        rejections: list[Rejection] = []
        found = full_list.compare(
            relay, source, lambda each: rejections.append(each) if len(rejections) < SHOWN else None
        )
        try:
            refused = None if allow_removals else implausible(found.comparison)
            if not json_:
                _show(found, rejections, allow_removals)
            if refused is not None and not json_:
                raise click.ClickException(f"{refused}; if it is right, say --allow-removals")
            done = None
            if not dry_run and refused is None and _wants(found, yes):
                done = full_list.apply(relay, found, who(), reason or "", ask=not allow_removals)
                keep(relay, source, began, found, done)
        finally:
            full_list.forget(relay, found)
        if json_:
            _report(found, done, rejections, refused)
        elif done is not None:
            _tell(done)
    except (CatalogueError, NotCompared, RunIsOver) as error:
        raise click.ClickException(str(error)) from None
    finally:
        relay.close()


def _wants(found: Found, yes: bool) -> bool:
    if found.plan.changes and not yes:
        click.confirm(f"change {found.plan.changes} bookings of {found.run.source}?", abort=True, err=True)
    return True


def _show(found: Found, rejections: list[Rejection], allow_removals: bool) -> None:
    for each in rejections:
        click.echo(f"row {each.line}{_whose(each)}: {each.reason}")
    if found.comparison.rejected_lines > len(rejections):
        click.echo(f"and {found.comparison.rejected_lines - len(rejections)} rows more that cannot be read")
    click.echo(f"as of      {found.taken_at.astimezone(SWEDEN):%Y-%m-%d %H:%M:%S%z}")
    click.echo(f"listed     {found.comparison.listed:>9}")
    for fate, words in _IN_WORDS.items():
        click.echo(f"{fate:10} {found.plan.fates[fate]:>9}  {words}")
    if found.plan.waiting:
        click.echo(f"waiting    {found.plan.waiting:>9}  left to the rows that wait in the outbox")
    if found.comparison.nameless:
        click.echo(f"rows without a readable booking_id: {found.comparison.nameless}; so nothing is taken for gone")
    if found.why is not None and not allow_removals:
        click.echo(f"will be held: {found.why}")


def _tell(done: Plan) -> None:
    click.echo(f"{done.changes} bookings changed; what differs is sent behind live changes")
    if done.held:
        click.echo(f"the posts of {done.held} of them are held: see `ei-relay changes list`")


def _report(found: Found, done: Plan | None, rejections: list[Rejection], refused: str | None) -> None:
    facts = {
        "taken_at": found.taken_at,
        **figures(found, found.plan),
        "lie_ahead": found.comparison.upcoming,
        "will_be_held": found.why,
        "rejected_rows": [{"row": e.line, "booking_id": _masked(e), "reason": e.reason} for e in rejections],
        "refused": refused,
        "applied": {"changed": done.changes, "held": done.held} if done is not None else None,
    }
    click.echo(as_json(facts))
    if refused is not None:
        raise SystemExit(1)


def _masked(rejection: Rejection) -> str | None:
    return mask(rejection.booking_id) if rejection.booking_id else None


def _whose(rejection: Rejection) -> str:
    return f", booking {_masked(rejection)}" if rejection.booking_id else ""
