"""`ei-relay calls`: what went out to an index and what came back, as long as calls are kept (`retention.calls`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from relay.cli.common import as_json, json_option, nothing_matched, open_store, settings, show_list
from relay.cli.selecting import selected
from relay.cli.tables import sheet
from relay.index.verdict import Kind
from relay.report.facts import call_facts
from relay.store import answered
from relay.store.answered import Asked
from relay.store.calls import LOST, NOT_MADE
from relay.store.lanes import LaneName
from relay.store.selection import BIGGEST_KEY

OUT: Final = "out"  # shown for a call whose answer is not recorded yet
_VERDICTS: Final = (*(kind.value for kind in Kind), LOST, NOT_MADE)


@click.group()
def calls() -> None:
    """Calls to the index: what went out and what came back."""


@calls.command("list")
@click.option("--lane", "lane_name", metavar="INDEX:SOURCE_SYSTEM", help="Calls of this lane.")
@click.option("--source", help="Calls for this source's posts.")
@click.option("--verdict", type=click.Choice(_VERDICTS), help="Calls that ended so.")
@click.option("--code", help="Calls whose answer has this code: VP009, EI004, TIMEOUT.")
@click.option("--correlation", metavar="ID", help="The call sent under this x-skltp-correlation-id.")
@click.option("--since", metavar="TIME", help="Begun at or after: ISO 8601 in UTC, or 2h: two hours ago.")
@click.option("--until", metavar="TIME", help="Begun before.")
@click.option(
    "--before", type=click.IntRange(1, BIGGEST_KEY), metavar="NUMBER", help="Older than this call: the next page."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many calls.")
@json_option
def list_(
    lane_name: str | None,
    source: str | None,
    verdict: str | None,
    code: str | None,
    correlation: str | None,
    since: str | None,
    until: str | None,
    before: int | None,
    limit: int,
    json_: bool,
) -> None:
    """Show calls, the newest first."""
    for option, said in (("lane", lane_name), ("correlation", correlation)):
        if said == "":
            raise click.UsageError(f"--{option} is empty")
    chosen = selected(source=source, code=code, since=since, until=until)
    asked = Asked(
        lane=LaneName.parse(lane_name) if lane_name else None,
        source=chosen.source,
        verdict=verdict,
        code=chosen.code.upper() if chosen.code else None,
        correlation_id=correlation,
        since=chosen.since,
        until=chosen.until,
        before=before,
    )
    rows = open_store(settings()).transact(lambda tx: answered.page(tx, asked, limit))
    facts = [call_facts(row) for row in rows]
    show_list(
        facts if json_ else [_short(fact) for fact in facts],
        json_,
        "no call is like that" if asked != Asked() else "no call has been made yet",
    )
    if len(rows) == limit and not json_:
        click.echo(f"more: --before {rows[-1].id}", err=True)


@calls.command()
@click.argument("call", metavar="NUMBER|CORRELATION_ID")
@json_option
def show(call: str, json_: bool) -> None:
    """Show one call with all that is known of its answer, by its number or its correlation id."""
    number = int(call) if call.isascii() and call.isdecimal() and len(call) <= len(str(BIGGEST_KEY)) else None
    store = open_store(settings())
    row = (
        store.transact(lambda tx: answered.by_number(tx, number))
        if number is not None and number <= BIGGEST_KEY
        else store.transact(lambda tx: answered.by_correlation_id(tx, call))
    )
    if row is None:
        nothing_matched("there is no such call, or it is kept no longer")
    facts = call_facts(row)
    if json_:
        click.echo(as_json(facts))
        return
    click.echo(sheet(facts))


def _short(fact: Mapping[str, object]) -> Mapping[str, object]:
    """For a table: the code once, and what was said besides it."""
    text = str(fact["text"] or "").removeprefix(str(fact["code"] or "")).removeprefix(":").strip()
    shown = ("call", "lane", "started_at", "seconds", "posts", "verdict", "code", "correlation_id")
    return {name: fact[name] for name in shown} | {"text": text or None, "detail": fact["detail"]}
