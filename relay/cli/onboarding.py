"""`ei-relay onboarding`: the steps of getting connected, what is said of them, and the declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import click

from relay.cli import orders, rehearse
from relay.cli.common import as_json, chosen_sources, json_option, nothing_matched, open_store, settings, who
from relay.cli.tables import table
from relay.onboarding import declaration as form
from relay.onboarding import look, process
from relay.onboarding.document import DocumentError, markdown, write
from relay.onboarding.letter import as_csv
from relay.onboarding.protocol import summary
from relay.onboarding.steps import NOT_APPLICABLE, OPEN, SAID, Facts, State, missing_units, states
from relay.report.facts import step_facts
from relay.settings import Settings, Source
from relay.store import audit
from relay.store import onboarding as said_of
from relay.store.evidence import by_source
from relay.store.transaction import Transaction

T = TypeVar("T")

source_option = click.option("--source", "only", help="Only this source; left out, every source.")
_environment = click.option("--environment", type=click.Choice(process.ENVIRONMENTS), help="Default: as configured.")
_by = click.option("--by", help="Who says so; left out, whoever runs this.")
_date = click.option("--date", "on", type=click.DateTime(["%Y-%m-%d"]), help="Of which day; left out, today.")
_units = click.option(
    "--unit", "units", multiple=True, help="Of `units`: a care unit that is confirmed; may be repeated."
)


@click.group()
def onboarding() -> None:
    """Getting connected: the steps, and what is ordered, rehearsed and declared on the way."""


onboarding.add_command(orders.units)
onboarding.add_command(orders.inbox)
onboarding.add_command(orders.ntjp)
onboarding.add_command(rehearse.rehearse)


@onboarding.command()
@source_option
@click.option("--environment", type=click.Choice(process.ENVIRONMENTS), help="Only this one; left out, both.")
@click.option("--csv", "csv_", is_flag=True, help="Print CSV.")
@click.option("--summary", "file", type=click.Path(dir_okay=False, path_type=Path),
              help="Write a summary in Swedish for a project meeting: FILE.md or FILE.docx.")  # fmt: skip
@json_option
def steps(only: str | None, environment: str | None, csv_: bool, file: Path | None, json_: bool) -> None:
    """Show every step of both environments: seen by the relay, said by a person, not applicable, or open."""
    loaded = settings()
    found = [
        state
        for place in ([environment] if environment else process.ENVIRONMENTS)
        for source in chosen_sources(loaded, only)
        for state in states(place, source.name, _facts(loaded, place, source))
    ]
    if file is not None:
        titles = {source.name: source.title for source in loaded.source}
        _write(lambda: write(summary(loaded.region, found, titles, _today()), file))
    if json_:
        click.echo(as_json([state._asdict() for state in found]))
    elif csv_:
        click.echo(as_csv(State._fields, [[_cell(value) for value in state] for state in found]), nl=False)
    else:
        click.echo(table([step_facts(state) for state in found]))


@onboarding.command()
@click.argument("step")
@click.option("--source", "only", required=True, help="The booking system.")
@_environment
@_by
@_date
@click.option("--note", help="What it rests on: a case number, a name, a document.")
@_units
def done(
    step: str, only: str, environment: str | None, by: str | None, on: datetime | None, note: str | None,
    units: tuple[str, ...],
) -> None:  # fmt: skip
    """Write down that a person says that STEP is done. It is kept, with who and when, and can be undone.

    The care units are confirmed one by one (`done units --unit …`). The order to NTjP in production waits for that.
    """
    loaded, source, place = _chosen(step, only, environment)
    if step == process.UNITS and not units:
        raise click.UsageError("units are confirmed one by one: give --unit for each that 1177 has activated")
    if units and step != process.UNITS:
        raise click.UsageError(f"--unit belongs to the step {process.UNITS}")
    known = _facts(loaded, place, source)
    if unconfirmed := missing_units(place, source.name, known) if _waits_for_units(place, step) else []:
        click.echo(f"not before these care units are activated in 1177 {place}: {', '.join(unconfirmed)}", err=True)
        raise SystemExit(1)
    for unit in sorted({unit.upper() for unit in units} - set(known.units)):
        click.echo(f"{unit} is neither listed nor in use; written down all the same", err=True)
    _say(loaded, place, source, step, SAID, by, on, note, [unit.upper() for unit in units] or [said_of.THE_STEP])


@onboarding.command()
@click.argument("step")
@click.option("--source", "only", required=True, help="The booking system.")
@_environment
@_by
@_units
@click.option("--note", help="Why.")
def undo(
    step: str, only: str, environment: str | None, by: str | None, units: tuple[str, ...], note: str | None
) -> None:
    """Take back what was said of STEP; the history keeps both. Exits with 3 where nothing was said."""
    loaded, source, place = _chosen(step, only, environment)
    subjects = [unit.upper() for unit in units] or [said_of.THE_STEP]
    noted = {
        (entry.subject, entry.state)
        for entry in _asked(loaded, said_of.latest)
        if (entry.environment, entry.source, entry.step) == (place, source.name, step)
    }
    if not any((subject, state) in noted for subject in subjects for state in (SAID, NOT_APPLICABLE)):
        nothing_matched(f"nothing was said of {step} of {source.name} in {place}")
    _say(loaded, place, source, step, OPEN, by, None, note, subjects)


@onboarding.command("not-applicable")
@click.argument("step")
@click.option("--source", "only", required=True, help="The booking system.")
@_environment
@_by
@click.option("--note", required=True, help="Why it does not apply.")
def not_applicable(step: str, only: str, environment: str | None, by: str | None, note: str) -> None:
    """Write down that STEP does not apply to this booking system, and why."""
    loaded, source, place = _chosen(step, only, environment)
    _say(loaded, place, source, step, NOT_APPLICABLE, by, None, note, [said_of.THE_STEP])


@onboarding.command()
@click.argument("step")
@json_option
def history(step: str, json_: bool) -> None:
    """Show all that was ever said of STEP, oldest first."""
    found = [entry._asdict() for entry in _asked(settings(), lambda tx: said_of.history(tx, step))]
    if not found:
        nothing_matched(f"nothing was ever said of {step}")
    shown = [{key: value for key, value in entry.items() if key != "document"} for entry in found]
    click.echo(as_json(found) if json_ else table(shown))


@onboarding.command()
@click.option("--source", "only", required=True, help="The booking system.")
@click.option("--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write FILE.md or FILE.docx.")
@json_option
def declaration(only: str, file: Path | None, json_: bool) -> None:
    """Answer the self-declaration's items: measured, by construction, or left for the region to fill in."""
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    seen = _asked(loaded, lambda tx: by_source(tx, loaded.environment))[source.name]
    items = form.declaration(loaded, source, seen, _today())
    if file is not None:
        _write(lambda: write(form.document(source, items), file))
    elif json_:
        click.echo(as_json([item._asdict() for item in items]))
    else:
        click.echo(markdown(form.document(source, items)), nl=False)


def _chosen(step: str, only: str, environment: str | None) -> tuple[Settings, Source, str]:
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    place = environment or loaded.environment
    if process.step_named(place, step) is None and step != process.REJECTED_ROWS:
        known = ", ".join(each.key for each in process.steps_of(place))
        raise click.UsageError(f"{place} has no step {step}; it has {known}")
    return loaded, source, place


def _waits_for_units(environment: str, step: str) -> bool:
    found = process.step_named(environment, step)
    return found is not None and found.environment == "production" and process.UNITS in found.after


def _say(
    loaded: Settings, place: str, source: Source, step: str, state: str, by: str | None, on: datetime | None,
    note: str | None, subjects: Sequence[str],
) -> None:  # fmt: skip
    day = (on.date() if on else _today()).isoformat()

    def work(tx: Transaction) -> None:
        for subject in subjects:
            said_of.add(
                tx, place, source.name, step, state, by=by or who(), date=day, subject=subject, note=note
            )  # fmt: skip
        what = f"{state}: {place} {source.name} {step} {' '.join(subjects)}".strip()
        audit.note(tx, who(), "onboarding", what, note)

    _asked(loaded, work)
    click.echo(f"{step} of {source.name} in {place}: {state}")


def _asked(loaded: Settings, work: Callable[[Transaction], T]) -> T:
    store = open_store(loaded)
    try:
        return store.transact(work)
    finally:
        store.engine.dispose()


def _facts(loaded: Settings, environment: str, source: Source) -> Facts:
    return _asked(loaded, lambda tx: look.facts(tx, environment, source))


def _write(work: Callable[[], None]) -> None:
    try:
        work()
    except DocumentError as error:
        raise click.UsageError(str(error)) from None


def _cell(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _today() -> date:
    return datetime.now(UTC).astimezone().date()
