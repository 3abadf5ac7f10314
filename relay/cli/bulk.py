"""What the commands that change many posts share: what will happen is shown, agreed to, noted, and then done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click

from relay.cli.tables import table
from relay.difference import Difference, Tally
from relay.flow.publishing import republish
from relay.flow.publishing.republish import RulesChanged
from relay.identity import mask
from relay.store import bookings
from relay.store.transaction import Store, Transaction

_UNITS_SHOWN = 50
QUIET_SECONDS: Final = 3.0  # without a word to whoever waits


def show(pages: Iterable[Difference]) -> dict[str, Tally]:
    """The tallies of all pages together, by care unit."""
    units: dict[str, Tally] = {}
    for page in pages:
        for unit, tally in page.units.items():
            units.setdefault(unit, Tally())
            units[unit] += tally
    return units


def told(store: Store, source: str, pages: Iterable[Difference]) -> Iterator[Difference]:
    """The pages of a source's bookings, with how far it is on stderr: a line every few seconds, none for what is done
    at once. A million bookings take a minute."""
    total = 0
    began = last = time.monotonic()
    for number, page in enumerate(pages, start=1):
        yield page
        if time.monotonic() - last >= QUIET_SECONDS:
            last = time.monotonic()
            total = total or store.transact(lambda tx: bookings.number(tx, source))
            done = min(number * republish.PAGE, total)
            click.echo(f"{source}: {done} of {total} bookings after {last - began:.0f} s", err=True)


def facts(units: dict[str, Tally]) -> list[dict[str, object]]:
    """The tallies for people and for JSON, the most changed unit first; an identity in place of a unit is masked."""
    rows: list[dict[str, object]] = []
    for unit, t in sorted(units.items(), key=lambda item: (-_size(item[1]), item[0])):
        counts = {"created": t.created, "removed": t.removed, "changed": t.changed, "moved": t.moved}
        rows.append({"care_unit": mask(unit), **counts})
    return rows


def in_words(units: dict[str, Tally]) -> str:
    """The sum of the tallies: "3 posts created, 0 removed, …"."""
    total = Difference(units=units).total
    return f"{total.created} posts created, {total.removed} removed, {total.changed} changed, {total.moved} moved"


def tell_plan(source: str, units: dict[str, Tally]) -> None:
    """Print what will happen to a source's posts."""
    rows = facts(units)
    click.echo(f"{source}: {in_words(units)}")
    if rows:
        click.echo(table(rows[:_UNITS_SHOWN]))
    if len(rows) > _UNITS_SHOWN:
        click.echo(f"and {len(rows) - _UNITS_SHOWN} more units")


def agree(yes: bool) -> None:
    """Ask, unless it was said already; no ends the command."""
    if not yes:
        click.confirm("Do this?", abort=True)


def do(
    store: Store, source: str, begin: Callable[[Transaction], None], pages: Callable[[], Iterable[Difference]]
) -> str:
    """Begin in one transaction, then go through the pages; what was done, in words. Exits where it could not go on."""
    store.transact(begin)
    try:
        return in_words(show(told(store, source, pages())))
    except RulesChanged as error:
        raise click.ClickException(f"{error}; see `ei-relay status`") from None


def _size(tally: Tally) -> int:
    return tally.created + tally.removed + tally.changed + tally.moved
