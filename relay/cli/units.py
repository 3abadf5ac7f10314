"""`ei-relay units`: the lists of connected care units, and what a change of them does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from relay.cli import bulk
from relay.cli.common import as_json, chosen_sources, json_option, prepared, reason_option, settings, who
from relay.difference import Tally
from relay.flow import republish
from relay.flow.ground import Ground, agree
from relay.flow.policies import PolicyFiles
from relay.store import audit, sources
from relay.store.transaction import Store, Transaction


@click.group()
def units() -> None:
    """The connected care units of each source."""


@units.command()
@click.option("--source", "only", help="Only this source; left out, every source.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def apply(only: str | None, dry_run: bool, yes: bool, reason: str | None, json_: bool) -> None:
    """Bring posts in line with the lists (care_units, test_residents) and the source's settings, as bulk.

    Shows first what will happen. Workers do the same by themselves within three minutes of a change; this does it now.
    A unit that became active has its bookings published, one that was switched off has its posts removed, another data
    controller or HSA-id becomes a delete and a create.
    """
    loaded = settings()
    chosen = chosen_sources(loaded, only)
    grounds = [PolicyFiles(loaded, source).ground() for source in chosen]
    store = prepared(loaded).store
    present = [ground for ground in grounds if not _is_retired(store, ground)]
    plans = {ground.source: bulk.show(republish.plan(store, ground)) for ground in present}
    if json_:
        click.echo(as_json([{"source": name, "units": bulk.facts(plan)} for name, plan in plans.items()]))
    else:
        for name, plan in plans.items():
            bulk.tell_plan(name, plan)
    if dry_run:
        return
    bulk.agree(yes or not any(plans.values()))
    for ground in present:
        done = bulk.do(
            store, _begin(ground, plans[ground.source], reason), partial(republish.republish_all, store, ground)
        )
        click.echo(f"{ground.source}: done, {done}; they are sent in bulk", err=json_)


def _is_retired(store: Store, ground: Ground) -> bool:
    held = store.transact(lambda tx: sources.hold(tx, ground.source))
    if held is not None and held.retired:
        click.echo(f"{ground.source} is retired: it has no posts", err=True)
        return True
    return False


def _begin(ground: Ground, plan: dict[str, Tally], reason: str | None) -> Callable[[Transaction], None]:
    def begin(tx: Transaction) -> None:
        sources.hold(tx, ground.source)
        agree(tx, ground)
        sources.begin_weighing(tx, ground.source, ground.fingerprint)
        audit.note(tx, who(), "units apply", f"{ground.source}: {bulk.in_words(plan)}", reason)

    return begin
