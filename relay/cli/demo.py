"""`ei-relay demo`: the main job, for real."""

from __future__ import annotations

import signal
import sys

import click

from relay.demo import stage
from relay.demo.processes import StartFailed
from relay.demo.screen import Screen, screen
from relay.demo.show import Result, play, report


@click.command()
@click.option("--single", is_flag=True, help="One process on SQLite: no PostgreSQL, no broker, no workers.")
@click.option(
    "--seconds", type=click.FloatRange(2, 600), default=26, show_default=True, help="How long bookings are written."
)
def demo(single: bool, seconds: float) -> None:
    """Show the main job, for real, in under a minute: booking systems, the relay, and an index to practise on.

    In the end the index is compared with the bookings: exit code 0 says that they are equal. Nothing is left behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # unwinds, so that everything started is stopped
    shown = screen()
    try:
        result = _play(shown, seconds, single=single)
    except StartFailed as error:
        shown.say(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        shown.close()
    click.echo("\n" + "\n".join(report(result)))
    sys.exit(0 if result.good else 1)


def _play(shown: Screen, seconds: float, *, single: bool) -> Result:
    if not single:
        try:
            with stage.full(shown.say) as built:
                return play(built, shown, seconds)
        except stage.NoServers as reason:
            shown.say(f"The servers of the full demo cannot run here: {reason}")
            shown.say("Going on with one process on SQLite, as with --single.")
    with stage.single(shown.say) as built:
        return play(built, shown, seconds)
