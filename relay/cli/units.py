"""`ei-relay units`: the lists of connected care units, and what a change of them does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from relay.catalogue import read_care_units
from relay.cli import bulk
from relay.cli.common import as_json, chosen_sources, json_option, prepared, reason_option, settings, show_list, who
from relay.difference import Tally
from relay.flow.publishing import republish
from relay.flow.publishing.policies import PolicyFiles
from relay.flow.publishing.rules import PublishingRules, agree
from relay.report.facts import unit_facts
from relay.settings import ALL
from relay.store import audit, sources
from relay.store.transaction import Store, Transaction


@click.group()
def units() -> None:
    """The connected care units of each source."""


@units.command("list")
@click.option("--source", "only", help="Only this source; left out, every source.")
@click.option("--unit", metavar="HSA-ID", help="Only this care unit.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="At most so many units."
)
@json_option
def list_(only: str | None, unit: str | None, limit: int, json_: bool) -> None:
    """Show the care units of each source's list: whether they are connected, and as whose their posts go."""
    facts: list[dict[str, object]] = []
    for source in chosen_sources(settings(), only):
        if source.care_units == ALL:
            click.echo(f'{source.name} publishes every unit (care_units = "*"): it has no list', err=True)
            continue
        listed = read_care_units(source.care_units).values()
        facts += [unit_facts(source, each) for each in listed if unit is None or each.hsa_id == unit.upper()]
    show_list(facts[:limit], json_, "no such care unit is on a list")
    if len(facts) > limit:
        click.echo(f"and {len(facts) - limit} more: see --limit", err=True)


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
    all_rules = [PolicyFiles(loaded, source).rules() for source in chosen]
    store = prepared(loaded).store
    present = [rules for rules in all_rules if not _is_retired(store, rules)]
    plans = {rules.source: bulk.show(bulk.told(store, rules.source, republish.plan(store, rules))) for rules in present}
    if json_:
        click.echo(as_json([{"source": name, "units": bulk.facts(plan)} for name, plan in plans.items()]))
    else:
        for name, plan in plans.items():
            bulk.tell_plan(name, plan)
    if dry_run:
        return
    bulk.agree(yes or not any(plans.values()))
    for rules in present:
        done = bulk.do(
            store,
            rules.source,
            _begin(rules, plans[rules.source], reason),
            partial(republish.republish_all, store, rules),
        )
        click.echo(f"{rules.source}: done, {done}; they are sent in bulk", err=json_)


def _is_retired(store: Store, rules: PublishingRules) -> bool:
    held = store.transact(lambda tx: sources.hold(tx, rules.source))
    if held is not None and held.retired:
        click.echo(f"{rules.source} is retired: it has no posts", err=True)
        return True
    return False


def _begin(rules: PublishingRules, plan: dict[str, Tally], reason: str | None) -> Callable[[Transaction], None]:
    def begin(tx: Transaction) -> None:
        sources.hold(tx, rules.source)
        agree(tx, rules)
        sources.begin_reevaluation(tx, rules.source, rules.fingerprint)
        audit.note(tx, who(), "units apply", f"{rules.source}: {bulk.in_words(plan)}", reason)

    return begin
