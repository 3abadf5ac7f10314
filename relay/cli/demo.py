"""`ei-relay demo`: the main job, for real."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click

from relay.demo import stage
from relay.demo.cast import LEADING, SYSTEMS, System
from relay.demo.processes import StartFailed
from relay.demo.screen import Screen, screen
from relay.demo.show import Result, play, report


@click.command()
@click.option("--single", is_flag=True, help="One process on SQLite: no PostgreSQL, no broker, no workers.")
@click.option(
    "--seconds", type=click.FloatRange(2, 600), default=26, show_default=True, help="How long bookings are written."
)
@click.option(
    "--sources", type=click.IntRange(LEADING, len(SYSTEMS)), default=LEADING, show_default=True,
    help="How many booking systems there are, each with an outbox of its own.",
)  # fmt: skip
def demo(single: bool, seconds: float, sources: int) -> None:
    """Show the main job, for real, in under a minute: booking systems, the relay, and an index to practise on.

    In the end the index is compared with the bookings: exit code 0 says that they are equal. Nothing is left behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # unwinds, so that everything started is stopped
    shown = screen()
    try:
        result = _play(shown, seconds, SYSTEMS[:sources], single=single)
    except StartFailed as error:
        shown.say(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        shown.close()
    click.echo("\n" + "\n".join(report(result)))
    sys.exit(0 if result.good else 1)


def _play(shown: Screen, seconds: float, cast: Sequence[System], *, single: bool) -> Result:
    if not single:
        try:
            with stage.full(shown.say, cast) as built:
                return play(built, shown, seconds)
        except stage.NoServers as reason:
            shown.say(f"The servers of the full demo cannot run here: {reason}")
            shown.say("Going on with one process on SQLite, as with --single.")
    with stage.single(shown.say, cast) as built:
        return play(built, shown, seconds)
