"""`ei-relay onboarding units|inbox|ntjp`: the orders, as text to look at and as mails to send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from relay.cli.common import as_json, chosen_sources, json_option, nothing_matched, open_store, said, settings, who
from relay.identity import mask
from relay.index.certificate import subject
from relay.onboarding import inbox as of_inbox
from relay.onboarding import look, process
from relay.onboarding import ntjp as of_ntjp
from relay.onboarding import units as of_units
from relay.onboarding.gate import doubts
from relay.onboarding.letter import Letter, as_csv, lacking, message, preview
from relay.onboarding.steps import ORDERED, entry_of, missing_units
from relay.settings import ALL, EngagementIndex, Region, Settings, Source
from relay.settings.files import key_password
from relay.store import audit
from relay.store import onboarding as said_of
from relay.store.transaction import Transaction

_eml = click.option("--eml", "file", type=click.Path(dir_okay=False, path_type=Path),
                    help="Write the mail to FILE, for a mail program to open and send.")  # fmt: skip


@click.command()
@click.option("--source", "only", help="Only this source; left out, every source.")
@_eml
@click.option("--mail", is_flag=True, help="Print the mail as text instead of the CSV.")
@click.option("--since-last", is_flag=True, help="Only what is new or different since the last order; with --source.")
@json_option
def units(only: str | None, file: Path | None, mail: bool, since_last: bool, json_: bool) -> None:
    """Print the order to activate care units in 1177, as CSV: every active unit once.

    Exits with 1 where a unit lacks what 1177 asks for; the order is printed all the same.
    """
    loaded = settings()
    chosen = chosen_sources(loaded, only)
    if (file or mail or since_last) and len(chosen) > 1:
        raise click.UsageError("a mail is about one booking system: name it with --source")
    found = of_units.order(unit for source in chosen for unit in look.units_of(source))
    for source in chosen:
        if source.care_units == ALL:
            click.echo(
                f'{source.name} publishes every unit (care_units = "*"): which they are is not known here', err=True
            )
    rows, since = found.rows, None
    if since_last and (before := _last_order(loaded, chosen[0], process.UNITS_ORDER)) is not None:
        rows, since = of_units.changed_since(rows, before.document or ()), before.date
    if json_:
        click.echo(as_json([dict(zip(of_units.COLUMNS, row, strict=True)) for row in rows]))
    if not rows:
        nothing_matched("there is no active care unit to order" + (f" since {since}" if since else ""))
    if file is not None or mail:
        letter = of_units.letter(loaded.environment, chosen[0].title, rows, loaded.region, since)
        _deliver(loaded, chosen[0], process.UNITS_ORDER, letter, file, found.rows)
    elif not json_:
        click.echo(as_csv(of_units.COLUMNS, rows), nl=False)
    for mistake in found.mistakes:
        click.echo(mistake, err=True)
    if found.mistakes:
        raise SystemExit(1)


@click.command()
@click.option("--source", "only", required=True, help="The booking system.")
@_eml
@click.option("--anyway", is_flag=True, help="Also where something stands in the way; the mail then says what.")
@click.option("--reason", callback=said, help="Why it is ordered anyway; kept in the audit log.")
def inbox(only: str, file: Path | None, anyway: bool, reason: str | None) -> None:
    """Write the mail that orders inbox messages for a booking system.

    For production the region must have made sure that the system keeps the rules: what speaks against it is said on
    stderr, and without --anyway the mail is not written then (exit code 1).
    """
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    store = open_store(loaded)
    observed = store.transact(lambda tx: look.observed(tx, loaded, source))
    against = doubts(loaded, source, observed, datetime.now(UTC))
    for doubt in against:
        click.echo(f"{source.name}: {doubt.text}", err=True)
    in_production = loaded.environment == "production"
    if against and in_production:
        if not anyway:
            click.echo("not written: wrong updates put wrong information into residents' inboxes (--anyway)", err=True)
            raise SystemExit(1)
        if reason is None:
            raise click.UsageError("--anyway needs --reason: it is kept in the audit log")
        said_against = f"inbox order anyway: {source.name}, {len(against)} doubts"
        store.transact(lambda tx: audit.note(tx, who(), "onboarding inbox", said_against, reason))
    points = [doubt.not_assured for doubt in against] if in_production else []
    letter = of_inbox.order(loaded.environment, source, loaded.region, points)
    _deliver(loaded, source, process.INBOX_ORDER, letter, file, list(source.source_systems))


@click.command()
@click.option("--source", "only", required=True, help="The booking system.")
@_eml
def ntjp(only: str, file: Path | None) -> None:
    """Write the order to connect a booking system to the national service platform (NTjP).

    In production not before every care unit in use is confirmed as activated in 1177 (exit code 1).
    """
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    store = open_store(loaded)
    facts = store.transact(lambda tx: look.facts(tx, loaded.environment, source))
    if loaded.environment == "production" and (missing := missing_units("production", source.name, facts)):
        click.echo(f"not before these care units are activated in 1177 production: {', '.join(missing)}", err=True)
        raise SystemExit(1)
    index = loaded.engagement_index[source.engagement_index]
    letter = of_ntjp.order(loaded.environment, source, index, loaded.region, sorted(facts.units), _subject(index))
    _deliver(loaded, source, process.NTJP_ORDER, letter, file, sorted(facts.units))


def _deliver(
    loaded: Settings, source: Source, step: str, letter: Letter, file: Path | None, ordered: Sequence[object]
) -> None:
    """Print the mail; with a file, write it there too and remember what was ordered."""
    if file is None:
        click.echo(preview(letter, loaded.region), nl=False)
        return
    _write(letter, loaded.region, file)
    today = datetime.now(UTC).astimezone().date().isoformat()

    def work(tx: Transaction) -> None:
        noted = entry_of(said_of.latest(tx), loaded.environment, source.name, step)
        if noted is None or noted.state == ORDERED:  # what a person said of it stands
            said_of.add(
                tx, loaded.environment, source.name, step, ORDERED, by=who(), date=today, document=ordered
            )  # fmt: skip
        said_of.add(
            tx, loaded.environment, source.name, f"{step} document", ORDERED, by=who(), date=today, document=ordered
        )  # fmt: skip

    open_store(loaded).transact(work)
    click.echo(preview(letter, loaded.region), nl=False)
    click.echo(f"written to {mask(str(file))}; when sent: `ei-relay onboarding done {step} --source {source.name}`",
               err=True)  # fmt: skip


def _write(letter: Letter, region: Region, file: Path) -> None:
    if missing := lacking(region):
        raise click.UsageError(f"a mail needs a sender: set {', '.join(missing)} in the configuration")
    try:
        file.write_bytes(message(letter, region, datetime.now(UTC).astimezone()))
    except ValueError:
        raise click.UsageError("region.contact_email: expected a mail address, such as kim.holm@nord.example") from None


def _last_order(loaded: Settings, source: Source, step: str) -> said_of.Entry | None:
    said_so_far = open_store(loaded).transact(said_of.latest)
    return entry_of(said_so_far, loaded.environment, source.name, f"{step} document")


def _subject(index: EngagementIndex) -> str | None:
    try:
        return subject(str(index.client_certificate), key_password(index)) if index.client_certificate else None
    except (OSError, ValueError):
        return None
