"""`ei-relay run`: everything in one process."""

from __future__ import annotations

import signal

import click

from relay.cli.common import settings
from relay.flow.relay import Relay
from relay.flow.runner import Runner


@click.command()
def run() -> None:
    """Run everything in one process, without a broker, until told to stop (SIGTERM, SIGINT).

    For a site of one machine. A stop finishes the calls that are out and records them.
    """
    relay = Relay(settings())
    runner = Runner(relay)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runner.stop())
    runner.run()
    relay.close()
