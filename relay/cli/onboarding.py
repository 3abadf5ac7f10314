"""`ei-relay onboarding`: what the region's process of getting connected asks for, written from what the relay knows."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from relay.catalogue import CareUnit, read_care_units
from relay.cli.common import as_json, chosen_sources, json_option, nothing_matched, open_store, settings, table
from relay.onboarding import inbox as order_of_inbox
from relay.onboarding import units as order_of_units
from relay.onboarding.declaration import declaration as declare
from relay.onboarding.doubts import doubts
from relay.onboarding.steps import steps as list_steps
from relay.settings import ALL, Settings, Source
from relay.store.evidence import Evidence, by_source

source_option = click.option("--source", "only", help="Only this source; left out, every source.")


@click.group()
def onboarding() -> None:
    """Getting connected: the steps, and what is ordered and declared on the way."""


@onboarding.command()
@source_option
@json_option
def steps(only: str | None, json_: bool) -> None:
    """Show the steps of the configured environment, and which of them can be seen to be done."""
    loaded = settings()
    chosen = chosen_sources(loaded, only)
    seen = _seen(loaded)
    found = [
        step._asdict()
        for source in chosen
        for step in list_steps(loaded, source, _number_of_units(source), seen[source.name])
    ]
    click.echo(as_json(found) if json_ else table(found))


@onboarding.command()
@source_option
@json_option
def units(only: str | None, json_: bool) -> None:
    """Print the order to activate care units in 1177, as CSV: every active unit once.

    Exits with 1 where a unit lacks what 1177 asks for; the order is printed all the same.
    """
    loaded = settings()
    chosen = chosen_sources(loaded, only)
    found = order_of_units.order(unit for source in chosen for unit in _units(source))
    for source in chosen:
        if source.care_units == ALL:
            click.echo(
                f'{source.name} publishes every unit (care_units = "*"): which they are is not known here', err=True
            )
    if json_:
        click.echo(as_json([dict(zip(order_of_units.COLUMNS, row, strict=True)) for row in found.rows]))
    if not found.rows:
        nothing_matched("there is no active care unit to order")
    if not json_:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(order_of_units.COLUMNS)
        writer.writerows(found.rows)
    for mistake in found.mistakes:
        click.echo(mistake, err=True)
    if found.mistakes:
        raise SystemExit(1)


@onboarding.command()
@click.option("--source", "only", required=True, help="The booking system.")
@click.option("--anyway", is_flag=True, help="Also where something stands in the way.")
def inbox(only: str, anyway: bool) -> None:
    """Write the mail that orders inbox messages for a booking system.

    For production the region must have made sure that the system keeps the rules: what speaks against it is said on
    stderr, and without --anyway the mail is not written then (exit code 1).
    """
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    against = doubts(loaded, source, _seen(loaded)[source.name])
    for doubt in against:
        click.echo(f"{source.name}: {doubt}", err=True)
    if against and loaded.environment == "production" and not anyway:
        click.echo("not written: wrong updates put wrong information into residents' inboxes (--anyway)", err=True)
        raise SystemExit(1)
    click.echo(order_of_inbox.mail(loaded.environment, source), nl=False)


@onboarding.command()
@click.option("--source", "only", required=True, help="The booking system.")
@json_option
def declaration(only: str, json_: bool) -> None:
    """Answer the self-declaration's items from the configuration and from the calls made so far."""
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    seen = _seen(loaded)[source.name]
    items = declare(loaded, source, seen, datetime.now(UTC).astimezone().date())
    if json_:
        click.echo(as_json([item._asdict() for item in items]))
        return
    for item in items:
        rule = f" ({item.rule})" if item.rule else ""
        click.echo(f"{item.item}{rule}\n    {item.answer}")


def _seen(loaded: Settings) -> Mapping[str, Evidence]:
    store = open_store(loaded)
    try:
        return store.transact(by_source)
    finally:
        store.engine.dispose()


def _units(source: Source) -> list[CareUnit]:
    return list(read_care_units(source.care_units).values()) if source.care_units != ALL else []


def _number_of_units(source: Source) -> int | None:
    return None if source.care_units == ALL else sum(unit.active for unit in _units(source))
