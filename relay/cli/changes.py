"""`ei-relay changes`: what the surge guard holds, and an operator's decision on it."""

from __future__ import annotations

import json
from typing import Any

import click
from sqlalchemy import Row

from relay.cli.common import (
    as_json,
    json_option,
    nothing_matched,
    open_store,
    prepared,
    required_reason_option,
    settings,
    show_list,
    who,
)
from relay.cli.tables import table
from relay.flow.intake import hold
from relay.flow.relay import Relay
from relay.report.facts import change_facts
from relay.store import changes as change_store
from relay.store.transaction import Store

_number = click.argument("number", type=click.IntRange(min=1), metavar="NUMBER")


@click.group()
def changes() -> None:
    """Held changes: what would have removed, moved or brought many posts at once."""


@changes.command("list")
@click.option("--all", "all_", is_flag=True, help="Also those that are over.")
@json_option
def list_(all_: bool, json_: bool) -> None:
    """Show what is held, and what was rejected and still keeps posts as they are."""
    rows = open_store(settings()).transact(lambda tx: change_store.every(tx, ended=all_))
    show_list([change_facts(row) for row in rows], json_, "no change is held")


@changes.command()
@_number
@json_option
def show(number: int, json_: bool) -> None:
    """Show what would happen if a change were approved."""
    store = open_store(settings())
    row = _demand(store, number)
    units = json.loads(row.details) if row.details else []
    waiting = store.transact(lambda tx: change_store.still_held(tx, number))
    facts = change_facts(row) | {"bookings_held": waiting, "units": units}
    if json_:
        click.echo(as_json(facts))
        return
    click.echo("\n".join(f"{name}: {_said(value)}" for name, value in facts.items() if name != "units"))
    if units:
        click.echo(f"\n{table(units)}")


@changes.command()
@_number
@required_reason_option
@json_option
def approve(number: int, reason: str, json_: bool) -> None:
    """Have a held change done, as bulk. Done again it does what is left."""
    relay = prepared(settings())
    row = _open(relay.store, number)
    rules = relay.source(row.source).policies.rules() if row.source in relay.source_names else None
    done = hold.approve(relay.store, number, rules, who(), reason)
    _tell(relay, number, json_, f"{done} bookings are followed now; what differs is sent in bulk"
          if row.kind != change_store.LISTS else "the workers re-evaluate the source's bookings now")  # fmt: skip


@changes.command()
@_number
@required_reason_option
@json_option
def reject(number: int, reason: str, json_: bool) -> None:
    """Leave the posts as they are.

    A change of the lists is not asked about again until the lists are others. Posts of bookings stay until the booking
    is changed again or its time passes.
    """
    relay = prepared(settings())
    row = _open(relay.store, number)
    if row.status == change_store.APPROVED:
        raise click.ClickException(f"change {number} was approved already")
    hold.reject(relay.store, number, who(), reason)
    _tell(relay, number, json_, "the posts stay as they are")


def _demand(store: Store, number: int) -> Row[Any]:
    row = store.transact(lambda tx: change_store.by_id(tx, number))
    if row is None:
        nothing_matched(f"there is no change {number}: see `ei-relay changes list --all`")
    return row


def _open(store: Store, number: int) -> Row[Any]:
    row = _demand(store, number)
    if row.ended_at is not None:
        raise click.ClickException(f"change {number} is over: it was {row.status}")
    return row


def _tell(relay: Relay, number: int, json_: bool, text: str) -> None:
    row = _demand(relay.store, number)
    click.echo(as_json(change_facts(row)) if json_ else f"change {number} is {row.status}: {text}")


def _said(value: object) -> str:
    return "-" if value is None else str(value)
