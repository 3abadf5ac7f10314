"""What commands share: the settings, the store, JSON, and how a mask looks."""

from __future__ import annotations

import getpass
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, NoReturn

import click

from relay.cli.tables import table
from relay.flow.relay import Relay
from relay.identity import mask
from relay.observe.logging import configure
from relay.settings import Settings, Source, load
from relay.store import migrate, overview
from relay.store.transaction import Store
from relay.system import user_id

NOTHING_MATCHED: Final = 3


class Seconds(click.FloatRange):
    """A number of seconds between two bounds; what is no number at all ("nan") is between any two for click."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails as click's do."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


json_option: Final = click.option("--json", "json_", is_flag=True, help="Print JSON.")


def said(_context: click.Context, option: click.Parameter, typed: str | None) -> str | None:
    """The reason that was typed, None for none. An empty one, as a script's unset variable makes it, is none."""
    reason = (typed or "").strip() or None
    if option.required and reason is None:
        raise click.BadParameter("expected a reason; it is kept in the audit log")
    return reason


reason_option: Final = click.option("--reason", callback=said, help="Why; kept in the audit log.")
required_reason_option: Final = click.option(
    "--reason", required=True, callback=said, help="Why; kept in the audit log."
)


def settings() -> Settings:
    """The configuration, with logs as it says. Raises SettingsError."""
    loaded = load()
    configure(loaded.log_level, loaded.log_format)
    return loaded


def open_store(loaded: Settings) -> Store:
    """The relay's own database, at the version this program needs. Raises DatabaseNotReady."""
    store = migrate.open_store(loaded.database_url)
    _at_the_end(store.engine.dispose)
    return store


def prepared(loaded: Settings) -> Relay:
    """The relay, its sources and lanes as configured. Raises DatabaseNotReady."""
    relay = Relay(loaded)
    _at_the_end(relay.close)
    relay.prepare()
    return relay


def _at_the_end(close: Callable[[], None]) -> None:
    """Have something closed when the command ends."""
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(close)


def chosen_sources(loaded: Settings, only: str | None) -> list[Source]:
    """The source of that name, or every source; exits with the code for it where there is none."""
    chosen = [source for source in loaded.source if only in (None, source.name)]
    if not chosen:
        no_such_source(only or "", [source.name for source in loaded.source])
    return chosen


def demand_source(loaded: Settings, store: Store, name: str | None) -> set[str]:
    """Every source that is configured or ever was; exits with the code for it where `name` is none of them."""
    there = {source.name for source in loaded.source} | {row.name for row in store.transact(overview.sources)}
    if name is not None and name not in there:
        no_such_source(name, there)
    return there


def no_such_source(name: str, there: Iterable[str]) -> NoReturn:
    """Say that no source has this name, and which one may be meant; exits with the code for it."""
    near = get_close_matches(name, there := sorted(there), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"
    nothing_matched(f"no source is called {mask(name)}; {hint}")


def who() -> str:
    """Who runs this command, for the audit log: EI_RELAY_WHO where a job says so, else the system's user."""
    if name := os.environ.get("EI_RELAY_WHO"):
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run as a number that no name belongs to
        return f"uid {user_id()}"


def as_json(value: object) -> str:
    """JSON with times as ISO text."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_encode)


def nothing_matched(what: str) -> NoReturn:
    """Say so and exit with the code for it."""
    click.echo(what, err=True)
    raise SystemExit(NOTHING_MATCHED)


def show_list(facts: Sequence[Mapping[str, object]], json_: bool, nothing: str) -> None:
    """A list as a table or as JSON; an empty one exits with the code for it, as JSON or with `nothing` said instead."""
    if json_:
        click.echo(as_json(facts))
        raise SystemExit(0 if facts else NOTHING_MATCHED)
    if not facts:
        nothing_matched(nothing)
    click.echo(table(facts))


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
