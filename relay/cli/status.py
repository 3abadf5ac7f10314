"""`ei-relay status`: one screen that says first whether anything is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from relay.cli.common import as_json, json_option, settings
from relay.cli.tables import table
from relay.report.health import Facts, worth_a_look, wrong
from relay.report.survey import look

FEW: Final = 5
LINES: Final = 10  # of each kind: three kinds and what stands around them are a screen of 40


@click.command()
@click.option("--all", "all_", is_flag=True, help="Every line, however many screens they fill.")
@json_option
def status(all_: bool, json_: bool) -> None:
    """Whether anything is wrong, and the state of everything.

    Exits with 0 also when something is wrong: the answer is in what it prints ("ok" in the JSON). Where there are many
    sources, those come first of which something is to be reported, and the rest is counted.
    """
    seen = look(settings())
    lines, look_at = wrong(seen), worth_a_look(seen)
    if json_:
        known = {
            name: getattr(seen, name)
            for name in (
                "sources", "lanes", "broker", "certificates", "changes", "workers", "full_lists", "verified",
            )
        }  # fmt: skip
        click.echo(as_json({"ok": not lines, "wrong": lines, "look_at": look_at, **known}))
        return
    most = None if all_ else LINES
    click.echo("nothing is wrong" if not lines else "\n".join(f"WRONG  {line}" for line in lines[:most]))
    _tell_of_rest(len(lines[:most]), len(lines), "lines like these")
    if look_at:
        few = None if all_ else FEW
        click.echo("\n".join(f"LOOK   {line}" for line in look_at[:few]))
        _tell_of_rest(len(look_at[:few]), len(look_at), "lines like these")
    _show(_without("set_aside", _rounded(seen.sources)), _speaks_of_source, most, "sources")
    _show(_without("text", seen.lanes), _speaks_of_lane, most, "lanes")
    for facts, what in ((_short(seen.full_lists), "full lists"), (seen.verified, "verified indexes")):
        if facts:
            _show(facts, lambda _: False, None if all_ else FEW, what)


def _short(full_lists: Sequence[Facts]) -> list[Facts]:
    """Without what the lines above say in words."""
    left_out = ("error", "reasons", "first_at", "tried_at")
    return [
        {"full_list" if k == "source" else k: v for k, v in each.items() if k not in left_out} for each in full_lists
    ]


def _show(facts: Sequence[Facts], speaks: Callable[[Facts], bool], most: int | None, what: str) -> None:
    """A table; where not all of it is shown, those first of which something is to be reported."""
    shown = list(facts)
    if most is not None and len(facts) > most:
        shown = sorted(facts, key=lambda each: not speaks(each))[:most]
    click.echo("\n" + table(shown))
    _tell_of_rest(len(shown), len(facts), what)


def _rounded(sources: Sequence[Facts]) -> list[Facts]:
    """With a figure that is an estimate told as one."""
    shown: list[Facts] = []
    for source in sources:
        number: Any = source["indexed"]
        shown.append({**source, "indexed": f"about {round(number, -3)}"} if source["indexed_about"] else source)
    return _without("indexed_about", shown)


def _without(key: str, facts: Sequence[Facts]) -> list[Facts]:
    return [{name: value for name, value in each.items() if name != key} for each in facts]


def _tell_of_rest(shown: int, there: int, what: str) -> None:
    if shown < there:
        click.echo(f"… and {there - shown} more {what}: ei-relay status --all")


def _speaks_of_source(source: Facts) -> bool:
    said = ("error", "unread", "pending", "parked", "rejected_last_hour", "rows_set_aside")
    return any(source.get(name) for name in said)


def _speaks_of_lane(lane: Facts) -> bool:
    return lane["state"] not in ("open", "calling") or bool(lane["pending"])
