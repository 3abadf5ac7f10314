"""`ei-relay lanes`: see what each lane does, hold it, let it go on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from sqlalchemy import Row

from relay.cli.common import (
    as_json,
    json_option,
    nothing_matched,
    open_store,
    reason_option,
    required_reason_option,
    settings,
    show_list,
    who,
)
from relay.flow.actions import operations
from relay.report.facts import lane_facts
from relay.store import audit, indexes, overview
from relay.store import lanes as lane_store
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction
from relay.story.words import clock


@click.group()
def lanes() -> None:
    """Lanes: one for each index and source system. A lane is named INDEX:SOURCE_SYSTEM."""


@lanes.command("list")
@json_option
def list_(json_: bool) -> None:
    """Show every lane: its state, what waits, and why it does not call."""
    rows, failed, now = open_store(settings()).transact(overview.lanes_and_failures)
    facts = [lane_facts(row, now, failed.get(row.id)) for row in rows]
    show_list(facts, json_, "there are no lanes yet: they are made when a worker first starts")


@lanes.command()
@click.argument("names", nargs=-1, metavar="LANE…")
@click.option("--all", "all_", is_flag=True, help="Every lane.")
@reason_option
def pause(names: tuple[str, ...], all_: bool, reason: str | None) -> None:
    """Keep lanes from calling until they are resumed, also over restarts. Intake goes on."""
    chosen = _pause(names, all_, reason)
    if not chosen:
        nothing_matched("there are no lanes yet: they are made when a worker first starts")
    for name in chosen:
        click.echo(f"{name} is paused")


@lanes.command()
@click.argument("names", nargs=-1, metavar="LANE…")
@click.option("--all", "all_", is_flag=True, help="Every lane.")
@click.option("--force", is_flag=True, help="A resting lane calls at once, sooner than R-35 allows; needs --reason.")
@reason_option
@json_option
def resume(names: tuple[str, ...], all_: bool, force: bool, reason: str | None, json_: bool) -> None:
    """Let lanes call again, and say what each does now.

    A paused lane goes on. A blocked one sends a probe at once; its success opens it. One that rests after failures
    calls as soon as retry_after_fault has passed since the last of them (R-35): the platform may still be at that
    call. --force calls at once, for whoever has made sure that it is not.
    """
    if force and not reason:
        raise click.UsageError("with --force say why with --reason: R-35 forbids a repeat within five minutes")
    loaded = settings()

    def work(tx: Transaction) -> list[dict[str, object]]:
        chosen = _chosen(tx, names, all_)
        before = {LaneName(r.engagement_index, r.source_system): r for r in overview.lanes(tx)}
        operations.resume(tx, loaded, chosen, force=force)
        for name in chosen:
            audit.note(tx, who(), "lanes resume --force" if force else "lanes resume", str(name), reason)
        after = {LaneName(r.engagement_index, r.source_system): r for r in overview.lanes(tx)}
        return [_resumed(name, before[name], after[name], tx.now) for name in chosen]

    done = open_store(loaded).transact(work)
    if not done:
        nothing_matched("there are no lanes yet: they are made when a worker first starts")
    click.echo(as_json(done) if json_ else "\n".join(f"{each['lane']} {each['done']}" for each in done))


@lanes.command()
@click.argument("old")
@click.argument("new")
@required_reason_option
def rename(old: str, new: str, reason: str) -> None:
    """Give the lanes of index OLD to the index that the configuration calls NEW.

    For an index that got another name and another address at once; with the same logical_address and the same host in
    its url it is noticed, and the lanes go on by themselves. Stop the workers first.
    """
    loaded = settings()
    if new not in loaded.engagement_index:
        raise click.UsageError(f"NEW: expected an index of the configuration: {', '.join(loaded.engagement_index)}")

    def work(tx: Transaction) -> int:
        if indexes.has_lanes(tx, new):
            text = f"{new} has lanes already; nothing was changed: rename before a worker has started with the new name"
            raise click.ClickException(text)
        number = indexes.rename(tx, old, new)
        if number:
            audit.note(tx, who(), "lanes rename", f"{old} {new}", reason)
        return number

    number = open_store(loaded).transact(work)
    if not number:
        nothing_matched(f"no lane is of an index {old}: see `ei-relay lanes list`")
    click.echo(f"{number} lanes of {old} are now of {new}")


def _resumed(name: LaneName, before: Row[Any], after: Row[Any], now: datetime) -> dict[str, object]:
    """What a resume did to a lane, in words."""
    was = overview.state_of_lane(before, now)
    waits = after.next_call_at if after.next_call_at > now else None
    may = f"may call at {clock(waits, now, seconds=True)}" if waits else "may call"
    paused = "was paused and " if before.paused else ""
    if after.blocked_code is not None:
        done = f"{paused}is blocked by {after.blocked_code}: a probe goes out now, and its success opens the lane"
    elif after.failures and before.next_call_at > now:
        calls = f"{after.failures} failed calls" if after.failures > 1 else "a failed call"
        sooner = "" if waits is None else ", as soon as R-35 allows after the last one (--force calls at once)"
        done = f"{paused}rested after {calls}: it {may}{sooner}"
    elif before.paused:
        done = f"was paused: it {may}"
    else:
        done = f"was not held: it {may}"
    return {"lane": str(name), "was": was, "next_call_at": waits, "done": done}


def _pause(names: tuple[str, ...], all_: bool, reason: str | None) -> list[LaneName]:
    def work(tx: Transaction) -> list[LaneName]:
        chosen = _chosen(tx, names, all_)
        lane_store.pause(tx, chosen, paused=True)
        for name in chosen:
            audit.note(tx, who(), "lanes pause", str(name), reason)
        return chosen

    return open_store(settings()).transact(work)


def _chosen(tx: Transaction, names: tuple[str, ...], all_: bool) -> list[LaneName]:
    """The lanes that are named, in whatever case, or all; exits where one is not there."""
    if bool(names) == all_:
        raise click.UsageError("name lanes, or say --all")
    there = {str(name): name for name in (LaneName(r.engagement_index, r.source_system) for r in overview.lanes(tx))}
    in_any_case: dict[str, list[str]] = {}
    for name in there:
        in_any_case.setdefault(name.upper(), []).append(name)
    alike = {name: [name] if name in there else in_any_case.get(name.upper(), []) for name in names}
    if unknown := [name for name in names if len(alike[name]) != 1]:
        nothing_matched(f"no such lane: {', '.join(unknown)}; nothing was changed, see `ei-relay lanes list`")
    return list(there.values()) if all_ else [there[alike[name][0]] for name in names]
