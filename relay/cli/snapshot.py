"""`ei-relay snapshot`: bring a source in line with its booking system's full list of bookings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from relay.catalogue import CatalogueError
from relay.cli.common import as_json, json_option, no_such_source, reason_option, settings, who
from relay.cli.full_list import query
from relay.flow.actions import snapshot as flow
from relay.flow.actions.snapshot import Applied, Progress, Rejection
from relay.flow.relay import Relay
from relay.listing import ListingError
from relay.snapshot import Comparison, Fate, refusal
from relay.store.snapshots import Run, RunIsOver
from relay.wallclock import SWEDEN

LONGEST_EXPORT: Final = timedelta(hours=1)  # a file is dated when it was finished; the list is from when it was begun
CLOCKS_DIFFER: Final = timedelta(minutes=1)  # by no more than this, the relay's database's and the list's

_IN_WORDS: Final = {
    Fate.CREATED: "on the list, and not known or removed before",
    Fate.CHANGED: "on the list otherwise than it is known",
    Fate.GONE: "not on the list, though it is upcoming: will be removed",
    Fate.UNCHANGED: "as it is known",
    Fate.NEWER: "left as it is: what the outbox said of it is later than the list",
    Fate.REJECTED: "left as it is: its line cannot be read",
}


@click.group()
def snapshot() -> None:
    """A booking system's full list of current bookings."""


snapshot.add_command(query)


@snapshot.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Whose list it is.")
@click.option("--taken-at", help="When the list was taken, Swedish time or with an offset; see docs/snapshot.md. "
              "Default: an hour before the file was finished.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--allow-removals", is_flag=True, help="Also where the list lacks a great part of the bookings.")
@click.option("--skip-rejected", is_flag=True, help="Apply the rest where lines are rejected.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def apply_(
    file: Path,
    source: str,
    taken_at: str | None,
    dry_run: bool,
    allow_removals: bool,
    skip_rejected: bool,
    yes: bool,
    reason: str | None,
    json_: bool,
) -> None:
    """Apply FILE, CSV with a header or JSON lines, with the columns of the outbox table.

    Bookings that the list lacks are removed. What changes is shown first, and sent behind live changes.
    """
    if not dry_run and not reason:
        raise click.UsageError("say why with --reason; it is kept in the audit log")
    if json_ and not (dry_run or yes):
        raise click.UsageError("with --json say --dry-run or --yes: it cannot ask")
    asked = _Asked(source, file, _taken_at(taken_at, file), dry_run, allow_removals, skip_rejected, yes, reason or "")
    relay = Relay(settings())
    try:
        if source not in relay.source_names:
            no_such_source(source, relay.source_names)
        relay.prepare()
        (_report if json_ else _talk)(relay, asked)
    except (CatalogueError, ListingError, RunIsOver) as error:
        raise click.ClickException(str(error)) from None
    finally:
        relay.close()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command was asked to do."""

    source: str
    file: Path
    taken_at: datetime
    dry_run: bool
    allow_removals: bool
    skip_rejected: bool
    yes: bool
    reason: str

    def refusal(self, found: Comparison) -> str | None:
        return refusal(found, allow_removals=self.allow_removals, skip_rejected=self.skip_rejected)


def _talk(relay: Relay, asked: _Asked) -> None:
    """Show, ask, do, and say what was done."""
    with _compared(relay, asked, lambda r: click.echo(f"line {r.line}: {r.reason}")) as (run, found):
        _show(found, asked.taken_at)
        if (refused := asked.refusal(found)) is not None:
            raise click.ClickException(refused)
        if asked.dry_run or not found.anything:
            return
        if found.changes and not asked.yes:
            click.confirm(f"change {found.changes} bookings of {asked.source}?", abort=True, err=True)
        applied = _do(relay, asked, run, found)
        click.echo(f"{applied.changed} bookings changed; what differs is sent behind live changes")
        if applied.newer:
            click.echo(f"{applied.newer} more were changed through the outbox meanwhile, and left as they are")


def _report(relay: Relay, asked: _Asked) -> None:
    """The same as one JSON object, when all is done."""
    rejections: list[Rejection] = []
    with _compared(relay, asked, rejections.append) as (run, found):
        refused = asked.refusal(found)
        applied = None if refused or asked.dry_run or not found.anything else _do(relay, asked, run, found)
        facts = {
            "taken_at": asked.taken_at,
            **{fate.value: found.fates.get(fate, 0) for fate in Fate if fate is not Fate.VERSIONED},
            "versioned": found.versioned,
            "lie_ahead": found.upcoming,
            "rejected_lines": [{"line": each.line, "reason": each.reason} for each in rejections],
            "refused": refused,
            "applied": asdict(applied) if applied else None,
        }
        click.echo(as_json(facts))
        if refused is not None:
            raise SystemExit(1)


@contextmanager
def _compared(relay: Relay, asked: _Asked, reject: Callable[[Rejection], object]) -> Iterator[tuple[Run, Comparison]]:
    """What the list would change, noted for as long as it may be applied."""
    with asked.file.open("rb") as lines, _progress("reading", asked.file.stat().st_size) as progress:
        run, found = flow.compare(relay, asked.source, lines, asked.taken_at, reject, progress)
    try:
        yield run, found
    finally:
        flow.forget(relay, run)


def _do(relay: Relay, asked: _Asked, run: Run, found: Comparison) -> Applied:
    with _progress("applying", found.changes) as progress:
        return flow.apply(relay, run, asked.taken_at, who(), asked.reason, progress)


def _show(found: Comparison, taken_at: datetime) -> None:
    click.echo(f"taken at       {taken_at.astimezone(SWEDEN):%Y-%m-%d %H:%M:%S%z}")
    for fate, words in _IN_WORDS.items():
        if found.fates.get(fate, 0) or fate not in (Fate.NEWER, Fate.REJECTED):
            click.echo(f"{fate:10} {found.fates.get(fate, 0):>9}  {words}")
    if found.rejected_lines:
        click.echo(f"rejected lines: {found.rejected_lines}")
    if found.nameless:
        click.echo(f"of them without a readable booking_id: {found.nameless}; so nothing is taken for gone")


def _taken_at(text: str | None, file: Path) -> datetime:
    """The time that the list is held to be true of, rather too early than too late."""
    now = datetime.now(UTC)
    if text is None:
        return min(datetime.fromtimestamp(file.stat().st_mtime, UTC), now) - LONGEST_EXPORT
    try:
        stated = datetime.fromisoformat(text)
        stated = stated.replace(tzinfo=SWEDEN) if stated.tzinfo is None else stated
        taken = stated.astimezone(UTC)
        held_for = taken - CLOCKS_DIFFER
    except (ValueError, OverflowError):
        raise click.BadParameter("expected a time as YYYY-MM-DD hh:mm:ss", param_hint="--taken-at") from None
    if taken > now:
        raise click.BadParameter("expected a time that has been", param_hint="--taken-at")
    return held_for


@contextmanager
def _progress(label: str, length: int) -> Iterator[Progress]:
    """A bar on a terminal, elsewhere a line each tenth; on stderr, so that the output stays what was asked for."""
    if sys.stderr.isatty():
        with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
            yield _moves(lambda _, step: bar.update(step))
        return
    tenths = [0]

    def tell(done: int, _step: int) -> None:
        tenth = 10 * done // max(length, 1)
        if tenth > tenths[0]:
            tenths[0] = tenth
            click.echo(f"{label}: {10 * tenth} %", err=True)

    yield _moves(tell)


def _moves(move: Callable[[int, int], object]) -> Progress:
    """A progress that tells `move` how far it is and how far it went since the last time."""
    before = [0]

    def progress(done: int) -> None:
        step, before[0] = done - before[0], done
        move(done, step)

    return progress
