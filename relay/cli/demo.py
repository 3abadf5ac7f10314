"""`ei-relay demo`: the main job, for real."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NoReturn

import click

from relay.cli.common import Seconds
from relay.demo import config, monitoring, page, stage
from relay.demo.afterwards import carry_on, write_on
from relay.demo.cast import LEADING, SYSTEMS, System
from relay.demo.directions import directions
from relay.demo.processes import StartFailed
from relay.demo.screen import Screen, screen
from relay.demo.show import play, report
from relay.demo.throwaway import free_port
from relay.demo.trouble import make_trouble
from relay.system import ENDING


@click.command()
@click.option("--single", is_flag=True, help="One process on SQLite: no PostgreSQL, no broker, no workers.")
@click.option("--seconds", type=Seconds(2, 600), default=14, show_default=True, help="How long bookings are written.")
@click.option(
    "--sources", type=click.IntRange(LEADING, len(SYSTEMS)), default=LEADING, show_default=True,
    help="How many booking systems there are, each with an outbox of its own.",
)  # fmt: skip
@click.option(
    "--dashboard", is_flag=True,
    help="With a Prometheus that watches; goes on until Ctrl-C, and says how to break the index and mend it.",
)  # fmt: skip
@click.option(
    "--console", is_flag=True,
    help="With the web page, and things going wrong on purpose to look at there; goes on until Ctrl-C.",
)  # fmt: skip
def demo(single: bool, seconds: float, sources: int, dashboard: bool, console: bool) -> None:
    """Show the main job, for real, in under a minute: booking systems, the relay, and an index to practise on.

    In the end the index is compared with the bookings: exit code 0 says that they are equal. Nothing is left behind.
    """
    for number in set(ENDING) - {signal.SIGINT}:
        signal.signal(number, lambda *_: sys.exit(1))  # unwinds, so that everything started is stopped
    if dashboard:
        try:
            monitoring.require()
        except monitoring.CannotWatch as missing:
            raise click.ClickException(str(missing)) from None
    if console and (lacking := page.missing()):
        raise click.ClickException(lacking)
    ports = config.Ports(*(free_port() if wanted else 0 for wanted in (dashboard, dashboard, console)))
    shown = screen()
    try:
        with _stage(shown.say, SYSTEMS[:sources], ports if any(ports) else None, single=single) as built:
            good = _show_on(built, ports, shown, seconds) if any(ports) else _show(built, shown, seconds)
    except StartFailed as error:
        shown.say(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        shown.close()
    sys.exit(0 if good else 1)


@contextmanager
def _stage(
    say: stage.Say, cast: Sequence[System], ports: config.Ports | None, *, single: bool
) -> Iterator[stage.Stage]:
    """The stage that was asked for; where its servers cannot be had, the small one."""
    with ExitStack() as stack:
        built = None
        if not single:
            try:
                built = stack.enter_context(stage.full(say, cast, ports))
            except stage.NoServers as reason:
                say(f"The servers of the full demo cannot run here: {reason}")
                say("Going on with one process on SQLite, as with --single.")
        yield built or stack.enter_context(stage.single(say, cast, ports))


def _show(built: stage.Stage, shown: Screen, seconds: float) -> bool:
    """Play the story and say what came of it; whether all is well."""
    result = play(built, shown, seconds)
    shown.close()
    click.echo("\n" + "\n".join(report(result)))
    return result.good


def _show_on(built: stage.Stage, ports: config.Ports, shown: Screen, seconds: float) -> bool:
    """The same while Prometheus watches or a console shows it, and traffic afterwards until Ctrl-C."""
    with ExitStack() as stack:
        watched = seen = None
        if ports.exporter:
            watched = stack.enter_context(monitoring.watching(built.config, ports, built.sandbox_url, shown.say))
            shown.say(f"Prometheus watches: {watched.sights.alerts}")
        if ports.console:
            seen = stack.enter_context(page.serving(built.config, ports.console, shown.say))
            shown.say(f"the console shows it: {seen.url}/")
        good = _show(built, shown, seconds)
        with suppress(KeyboardInterrupt):
            _go_on(built, watched, seen)
        click.echo("stopping …")
    return good


def _go_on(built: stage.Stage, watched: monitoring.Monitoring | None, seen: page.Page | None) -> NoReturn:
    """Say what to look at, break what is to be seen broken, and carry on until interrupted."""
    if watched is not None:
        click.echo("\n" + "\n".join(directions(built.config, watched.sights)) + "\n")
    if seen is not None:
        make_trouble(built)
        click.echo("\n" + "\n".join(page.sights(seen, built.sandbox_url)) + "\n")
    if watched is not None:
        carry_on(built, watched, click.echo)

    def look() -> None:
        built.check()
        if seen is not None:
            seen.check()

    write_on(built, look)
