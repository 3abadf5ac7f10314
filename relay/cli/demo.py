"""`ei-relay demo`: the main job, for real."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import click

from relay.cli.common import Seconds
from relay.demo import config, monitoring, stage
from relay.demo.afterwards import carry_on
from relay.demo.cast import LEADING, SYSTEMS, System
from relay.demo.directions import directions
from relay.demo.processes import StartFailed
from relay.demo.screen import Screen, screen
from relay.demo.show import play, report
from relay.demo.throwaway import free_port
from relay.system import ENDING


@click.command()
@click.option("--single", is_flag=True, help="One process on SQLite: no PostgreSQL, no broker, no workers.")
@click.option("--seconds", type=Seconds(2, 600), default=26, show_default=True, help="How long bookings are written.")
@click.option(
    "--sources", type=click.IntRange(LEADING, len(SYSTEMS)), default=LEADING, show_default=True,
    help="How many booking systems there are, each with an outbox of its own.",
)  # fmt: skip
@click.option(
    "--dashboard", is_flag=True,
    help="With a Prometheus that watches; goes on until Ctrl-C, and says how to break the index and mend it.",
)  # fmt: skip
def demo(single: bool, seconds: float, sources: int, dashboard: bool) -> None:
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
    ports = config.Ports(free_port(), free_port()) if dashboard else None
    shown = screen()
    try:
        with _stage(shown.say, SYSTEMS[:sources], ports, single=single) as built:
            good = _show(built, shown, seconds) if ports is None else _show_on(built, ports, shown, seconds)
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
    """The same while Prometheus watches, and traffic afterwards until Ctrl-C."""
    with monitoring.watching(built.config, ports, built.sandbox_url, shown.say) as watched:
        shown.say(f"Prometheus watches: {watched.sights.alerts}")
        good = _show(built, shown, seconds)
        click.echo("\n" + "\n".join(directions(built.config, watched.sights)) + "\n")
        with suppress(KeyboardInterrupt):
            carry_on(built, watched, click.echo)
        click.echo("stopping …")
    return good
