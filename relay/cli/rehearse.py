"""`ei-relay onboarding rehearse`: the guided script in QA, and its protocol."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
from sqlalchemy.exc import SQLAlchemyError

from relay.catalogue import read_test_residents
from relay.cli.common import Seconds, as_json, chosen_sources, json_option, open_store, settings, who
from relay.cli.tables import table
from relay.database import connect, describe
from relay.flow.intake import hold
from relay.flow.publishing.policies import PolicyFiles
from relay.onboarding import look, process
from relay.onboarding.document import DocumentError, markdown
from relay.onboarding.document import write as write_document
from relay.onboarding.protocol import QUESTIONS, Answer, protocol, verdict
from relay.onboarding.rehearsal import BATCH, PASSED, Case, Plan, World, judge, run
from relay.onboarding.steps import FAILED
from relay.onboarding.steps import PASSED as STEP_PASSED
from relay.outbox.writer import write
from relay.settings import ALL, Settings, Source
from relay.store import changes
from relay.store import onboarding as said_of
from relay.store.transaction import Store

_POLL: Final = 1.0  # seconds between two looks
_MANY: Final = 1_000_000  # bookings; far more than a rehearsal makes


@click.command()
@click.option("--source", "only", required=True, help="The booking system.")
@click.option("--resident", help="The test identity to use; left out, the first of test_residents.")
@click.option("--unit", "units", multiple=True, help="A care unit to use, one or two; left out, the first listed.")
@click.option("--outbox-url", help="The outbox with an account that may insert; left out, as configured.")
@click.option(
    "--batch", type=click.IntRange(0), default=BATCH, show_default=True, help="Bookings made at once; 0: none."
)
@click.option(
    "--patience", type=Seconds(min=1), help="Longest wait for a phase; left out, three times key_spacing + 5 min."
)
@click.option("--tester", help="Who tests; left out, whoever runs this.")
@click.option(
    "--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="The protocol: FILE.md or FILE.docx."
)
@click.option("--yes", is_flag=True, help="Do not ask before it begins.")
@click.option("--no-questions", is_flag=True, help="Do not ask what 1177 showed.")
@json_option
def rehearse(
    only: str, resident: str | None, units: tuple[str, ...], outbox_url: str | None, batch: int, patience: float | None,
    tester: str | None, file: Path | None, yes: bool, no_questions: bool, json_: bool,
) -> None:  # fmt: skip
    """Make, change, move, cancel and outlive bookings of a test identity in QA, and write a protocol in Swedish.

    Writes real outbox rows, and waits for the workers that run; everything is removed at the end. Takes some four
    times key_spacing. Exits with 1 where a test case failed. Works against `ei-relay sandbox` as a dry run.
    """
    loaded = settings()
    (source,) = chosen_sources(loaded, only)
    if loaded.environment != "qa":
        raise click.UsageError(
            "a rehearsal is for QA: environment is production, where only real bookings belong (R-55)"
        )
    index = loaded.engagement_index[source.engagement_index]
    plan = _plan(loaded, source, resident, units, batch)
    tell = _teller(quiet=json_)
    tell(
        f"writes {8 + 2 * batch} rows to the outbox of {source.name}: bookings {plan.prefix}…, removed again at the end"
    )
    if not yes:
        click.confirm("go on?", abort=True, err=True)
    store, outbox = open_store(loaded), connect(outbox_url or loaded.outbox_url_of(source))
    bound = patience or (3 * index.key_spacing + timedelta(minutes=5)).total_seconds()
    world = World(
        write=lambda rows: write(outbox, source.outbox_table, rows),
        posts=lambda: store.transact(lambda tx: said_of.posts_of(tx, source.name, plan.prefix)),
        wait=lambda condition: _wait(condition, bound),
        now=lambda: datetime.now(UTC),
        tell=tell,
        release=partial(release, loaded, store, source, plan.prefix),
    )
    began = store.transact(lambda tx: tx.now)
    try:
        phases = run(plan, world)
    except SQLAlchemyError as error:
        click.echo(f"the rows could not be written: {describe(error)}; --outbox-url names an account that may insert",
                   err=True)  # fmt: skip
        raise SystemExit(1) from None
    calls = store.transact(lambda tx: said_of.calls_since(tx, source.name, began))
    cases = judge(plan, phases, calls, index)
    answers = _ask(no_questions or json_)
    today = datetime.now(UTC).astimezone().date()
    paper = protocol(loaded.environment, source, loaded.region, cases, answers, tester or who(), today)
    passed = verdict(cases) == PASSED
    note = ", ".join(f"{case.number or case.title}: {case.result}" for case in cases)
    store.transact(
        lambda tx: said_of.add(
            tx, "qa", source.name, process.TEST, STEP_PASSED if passed else FAILED, by=tester or who(),
            date=today.isoformat(), note=note, document=[case._asdict() for case in cases],
        )
    )  # fmt: skip
    _show(cases, json_)
    if file is not None:
        try:
            write_document(paper, file)
        except DocumentError as error:
            click.echo(markdown(paper))
            raise click.UsageError(str(error)) from None
    elif not json_:
        click.echo("\n" + markdown(paper))
    raise SystemExit(0 if passed else 1)


def release(loaded: Settings, store: Store, source: Source, prefix: str) -> None:
    """Approve what the surge guard holds of the source, where nothing but this rehearsal's bookings is in it."""
    for change in store.transact(changes.every):
        if change.source != source.name or change.kind == changes.LISTS or change.status != changes.HELD:
            continue
        held = store.transact(lambda tx, id_=change.id: changes.bookings_of(tx, id_, _MANY))  # type: ignore[misc]
        if held and all(booking.startswith(prefix) for booking in held):
            hold.approve(store, change.id, PolicyFiles(loaded, source).rules(), who(), "a rehearsal ends")


def _plan(loaded: Settings, source: Source, resident: str | None, units: tuple[str, ...], batch: int) -> Plan:
    if resident is None:
        if source.test_residents in (ALL, None):
            raise click.UsageError("which test identity? Give --resident, or a list in test_residents (R-55)")
        resident = min(read_test_residents(Path(str(source.test_residents))))
    chosen = units or tuple(unit.hsa_id for unit in look.units_of(source) if unit.active)[:2]
    if not chosen:
        raise click.UsageError("which care unit? Give --unit, or a list in care_units")
    spacing = loaded.engagement_index[source.engagement_index].key_spacing
    now = datetime.now(ZoneInfo("Europe/Stockholm")).replace(tzinfo=None)
    noon = (now + timedelta(days=14)).replace(hour=8, minute=0, second=0, microsecond=0)
    passes = (now + 2 * spacing + timedelta(seconds=30)).replace(microsecond=0)
    prefix = f"REH-{now:%Y%m%d%H%M%S}-"
    return Plan(prefix, resident, chosen[:2], source.source_systems[0], noon, passes, batch)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    ends = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < ends:
        time.sleep(_POLL)
    return met


def _ask(skip: bool) -> list[Answer]:
    """What the tester saw in 1177."""
    if skip or not sys.stdin.isatty():
        return [Answer(question, "") for question in QUESTIONS]
    return [Answer(question, click.prompt(question, default="", show_default=False)) for question in QUESTIONS]


def _teller(*, quiet: bool) -> Callable[[str], None]:
    return lambda text: click.echo(text, err=True) if not quiet else None


def _show(cases: list[Case], json_: bool) -> None:
    facts = [case._asdict() for case in cases]
    click.echo(as_json(facts) if json_ else table(facts))
