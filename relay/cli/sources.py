"""`ei-relay sources`: booking systems that leave, come back, or change their HSA-id."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from sqlalchemy import Row

from relay.cli import bulk
from relay.cli.common import (
    demand_source,
    json_option,
    nothing_matched,
    open_store,
    prepared,
    reason_option,
    settings,
    show_list,
    who,
)
from relay.flow.actions import move as move_flow
from relay.flow.publishing import republish
from relay.flow.publishing.rules import PublishingRules, agree, retired
from relay.flow.relay import Relay
from relay.store import audit, overview
from relay.store import lanes as lane_store
from relay.store import sources as source_store
from relay.store.transaction import Transaction

_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only show what would happen.")


@click.group()
def sources() -> None:
    """Sources: booking systems that come, leave, or change their HSA-id."""


@sources.command("list")
@json_option
def list_(json_: bool) -> None:
    """Show every source there ever was, also one that is no longer in the configuration."""
    loaded = settings()
    configured = {source.name for source in loaded.source}
    rows, states = open_store(loaded).transact(lambda tx: (overview.sources(tx), overview.posts_by_state(tx)))
    facts = [_facts(row, states, configured) for row in rows]
    show_list(facts, json_, "there are no sources yet: they are made when a worker first starts")


@sources.command()
@click.argument("name")
@reason_option
@_yes
@_dry_run
def retire(name: str, reason: str | None, yes: bool, dry_run: bool) -> None:
    """Have all posts of a source removed, as bulk; shows first what will happen.

    From then on its outbox rows end `taken` and are not published. It may stand in the configuration still, or not any
    more; its engagement_index must.
    """
    _need_reason(reason, dry_run)
    relay = prepared(settings())
    _demand(relay, name)
    _carry_out(relay, retired(name), "sources retire", name, reason, yes, dry_run, now_retired=True)


@sources.command()
@click.argument("name")
@reason_option
@_yes
@_dry_run
def restore(name: str, reason: str | None, yes: bool, dry_run: bool) -> None:
    """Undo `retire`: have the bookings of a source published again, as bulk; shows first what will happen."""
    _need_reason(reason, dry_run)
    relay = prepared(settings())
    rules = _configured(relay, name)
    _carry_out(relay, rules, "sources restore", name, reason, yes, dry_run, now_retired=False)


@sources.command()
@click.argument("name")
@click.option("--from", "old", required=True, metavar="HSA-ID", help="The source system that its bookings have now.")
@click.option("--to", "new", required=True, metavar="HSA-ID", help="Its new one, one of its source_systems.")
@reason_option
@_yes
@_dry_run
def move(name: str, old: str, new: str, reason: str | None, yes: bool, dry_run: bool) -> None:
    """Move a source's bookings to another source system: each post is deleted and created, as bulk.

    Put the new HSA-id first in the source's source_systems, restart the workers, then move. Take the old one out of
    the configuration when no row of the outbox names it any more. Doing it again moves what came under the old one
    since.
    """
    _need_reason(reason, dry_run)
    relay = prepared(settings())
    rules = _configured(relay, name)
    systems = relay.source(name).source_systems
    if new.upper() not in systems:
        raise click.UsageError(f"--to: expected one of the source's source_systems: {', '.join(systems.values())}")
    here = relay.store.transact(lambda tx: lane_store.of_source(tx, name, hold=False))
    new = systems[new.upper()]
    known = sorted(lane.source_system for lane in here)
    meant = [system for system in known if system.upper() == old.upper()]
    if not meant:
        nothing_matched(f"{name} has no source system {old}; it has {', '.join(known)}")
    # The index compares byte by byte: a system that was configured in another case before is another one to it.
    old = min(meant, key=lambda system: (system != old, system == new))
    if old == new:
        raise click.UsageError("--from and --to are the same")
    plan = bulk.show(bulk.told(relay.store, name, move_flow.plan(relay.store, rules, old, new)))
    bulk.tell_plan(name, plan)
    if dry_run:
        return
    bulk.agree(yes)

    def begin(tx: Transaction) -> None:
        audit.note(tx, who(), "sources move", f"{name} {old} to {new}: {bulk.in_words(plan)}", reason)

    done = bulk.do(relay.store, name, begin, partial(move_flow.move, relay.store, rules, old, new))
    click.echo(f"{name}: done, {done}; they are sent in bulk")


def _need_reason(reason: str | None, dry_run: bool) -> None:
    """A change is made for a reason that is kept; a dry run makes none."""
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason; it is kept in the audit log")


def _carry_out(
    relay: Relay,
    rules: PublishingRules,
    command: str,
    name: str,
    reason: str | None,
    yes: bool,
    dry_run: bool,
    *,
    now_retired: bool,
) -> None:
    plan = bulk.show(bulk.told(relay.store, name, republish.plan(relay.store, rules)))
    bulk.tell_plan(name, plan)
    if dry_run:
        return
    bulk.agree(yes)

    def begin(tx: Transaction) -> None:
        source_store.hold(tx, name)
        source_store.retire(tx, name, retired=now_retired)
        if not now_retired:
            agree(tx, rules)
        source_store.begin_reevaluation(tx, name, rules.fingerprint)
        audit.note(tx, who(), command, f"{name}: {bulk.in_words(plan)}", reason)

    done = bulk.do(relay.store, name, begin, partial(republish.republish_all, relay.store, rules))
    click.echo(f"{name}: done, {done}; they are sent in bulk")


def _demand(relay: Relay, name: str) -> None:
    demand_source(relay.settings, relay.store, name)


def _configured(relay: Relay, name: str) -> PublishingRules:
    if name not in relay.source_names:
        demand_source(relay.settings, relay.store, name)
        nothing_matched(f"{name} is not in the configuration; see `ei-relay sources list`")
    return relay.source(name).policies.rules()


def _facts(row: Row[Any], states: list[tuple[str, str, int]], configured: set[str]) -> dict[str, object]:
    counts = {state: number for source, state, number in states if source == row.name}
    return {
        "source": row.name,
        "configured": row.name in configured,
        "retired_at": row.retired_at,
        "weighing": row.weighed_to is not None,
        "indexed": counts.get("indexed", 0),
        "pending": counts.get("pending", 0),
        "parked": counts.get("parked", 0),
    }
