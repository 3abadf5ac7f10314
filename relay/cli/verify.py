"""`ei-relay verify`: compare the index with what it is known to hold, where it may be asked (R-39)."""

from __future__ import annotations

from collections import Counter
from typing import Final

import click

from relay.cli.common import as_json, json_option, nothing_matched, prepared, said, settings, who
from relay.cli.tables import table
from relay.flow.actions.operations import Request
from relay.flow.maintenance import verify as flow
from relay.flow.maintenance.verify import Difference
from relay.flow.relay import Relay
from relay.identity import mask
from relay.index.found import FindError
from relay.post import ABSENT, UNKNOWN
from relay.settings import Settings, parse_duration
from relay.store import verification
from relay.store.verification import RESULTS, Scope

_SHOWN: Final = 100  # differences in a table; as JSON all
_IN_WORDS: Final = {ABSENT: "absent", UNKNOWN: "unknown", None: "absent"}


def _pace(_context: click.Context, _option: click.Parameter, typed: str) -> float:
    try:
        return parse_duration(typed).total_seconds()
    except ValueError:
        raise click.BadParameter('expected a duration, such as "1s" or "250ms"') from None


@click.command()
@click.option("--sample", type=click.IntRange(1, 1_000_000), metavar="N", help="So many posts at random.")
@click.option("--booking", metavar="ID", help="All posts that a booking has or has had.")
@click.option("--all", "all_", is_flag=True, help="Every post that should be in the index.")
@click.option("--pace", default="1s", show_default=True, callback=_pace, help="Between two questions to the index.")
@click.option("--source", help="Only this source's posts.")
@click.option("--index", "index_name", help="Only this index; left out, every one that may be asked.")
@click.option("--repair", is_flag=True, help="Send again what differs, as it is wanted; delete ghosts.")
@click.option("--reason", callback=said, help="Why; kept in the audit log. Required with --repair.")
@json_option
def verify(
    sample: int | None, booking: str | None, all_: bool, pace: float, source: str | None, index_name: str | None,
    repair: bool, reason: str | None, json_: bool,
) -> None:  # fmt: skip
    """Compare what the index holds with what it is known to hold; exits 0 where they are equal, 1 where they differ.

    Asks FindContent for the residents of the posts that are chosen. Needs find_content_url, which the national index
    may not have in production.
    """
    if [sample is not None, booking is not None, all_].count(True) != 1:
        raise click.UsageError("give one of --sample N, --booking ID and --all")
    if booking == "":
        raise click.UsageError("--booking is empty")
    if repair and not reason:
        raise click.UsageError("say why with --reason")
    loaded = settings()
    names = _indexes(loaded, index_name)
    relay = prepared(loaded)
    lanes: dict[str, Counter[str]] = {}
    differences: list[Difference] = []
    repaired = residents = 0
    try:
        for name in names:
            mine, asked = _compare(relay, Scope(name, source), sample, booking, pace, lanes)
            residents += asked
            differences += mine
            if repair:
                repaired += flow.repair(relay.store, name, mine, Request(who(), "verify --repair", reason))
    except FindError as error:
        raise click.ClickException(f"the index could not be asked what it holds: {error}") from None
    finally:
        relay.close()
    _tell(lanes, differences, residents, repaired, repair, json_)
    if not residents:
        nothing_matched("no post matches")
    raise SystemExit(1 if differences else 0)


def _indexes(loaded: Settings, only: str | None) -> list[str]:
    if only is not None and only not in loaded.engagement_index:
        nothing_matched(f"no index is called {only}")
    asked = [
        name
        for name, index in loaded.engagement_index.items()
        if only in (None, name) and index.find_content_url
    ]  # fmt: skip
    if not asked:
        raise click.UsageError("no index may be asked: set find_content_url of one that allows it (R-39)")
    return asked


def _compare(
    relay: Relay, scope: Scope, sample: int | None, booking: str | None, pace: float, lanes: dict[str, Counter[str]]
) -> tuple[list[Difference], int]:
    """The differences at one index and how many residents it was asked for; the numbers of each lane go to `lanes`."""
    finder = relay.finder(scope.engagement_index)
    differences: list[Difference] = []
    total: Counter[str] = Counter()
    residents = 0
    try:
        pages = flow.choose(relay.store, scope, sample=sample, booking_id=booking)
        for outcome in flow.verify(relay, finder, scope, pages, pace):
            residents += 1
            total += outcome.numbers
            lanes.setdefault(f"{scope.engagement_index}:{outcome.source_system}", Counter()).update(outcome.numbers)
            differences += outcome.differences
    finally:
        finder.close()
    if residents and booking is None and scope.source is None:
        relay.store.transact(lambda tx: verification.note(tx, scope.engagement_index, total))
    return differences, residents


def _tell(
    lanes: dict[str, Counter[str]], differences: list[Difference], residents: int, repaired: int, repair: bool,
    json_: bool,
) -> None:  # fmt: skip
    numbers = [{"lane": lane} | {name: found[name] for name in RESULTS} for lane, found in sorted(lanes.items())]
    facts = [_facts(difference) for difference in differences]
    if json_:
        said = {"equal": not differences, "residents": residents, "lanes": numbers, "differences": facts}
        click.echo(as_json(said | ({"repaired": repaired} if repair else {})))
        return
    if numbers:
        click.echo(table(numbers))
    if facts:
        click.echo("\n" + table(facts[:_SHOWN]))
        if len(facts) > _SHOWN:
            click.echo(f"and {len(facts) - _SHOWN} more; --json shows all")
    if repair:
        click.echo(f"\n{repaired} posts will be sent again")


def _facts(difference: Difference) -> dict[str, object]:
    """What is shown of a difference: no resident, and what may hold one masked."""
    known = difference.held.known if difference.held is not None else None
    return {
        "result": difference.result,
        "source_system": difference.key.source_system,
        "post": difference.held.id if difference.held is not None else None,
        "booking_id": mask(difference.key.booking_id),
        "care_unit": mask(difference.key.care_unit),
        "known": _IN_WORDS.get(known, known),
        "in_index": _IN_WORDS.get(difference.found, difference.found) if difference.found != "" else "without a time",
        "can_be_repaired": difference.ours and (difference.held is None or not difference.held.parked),
    }
