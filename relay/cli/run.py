"""`ei-relay run`: everything in one process."""

from __future__ import annotations

import signal

import click

from relay.cli.common import settings
from relay.flow.heartbeat import Heartbeat
from relay.flow.parting import Parting, longest_stop
from relay.flow.relay import Relay
from relay.flow.runner import Runner
from relay.observe.memory import few_arenas
from relay.observe.progress import serve_own_metrics


@click.command()
def run() -> None:
    """Run everything in one process, without a broker, until told to stop (SIGTERM, SIGINT).

    For a site of one machine. A stop finishes the calls that are out and records them; at most
    call_timeout and five seconds after it the process is gone.
    """
    few_arenas()
    relay = Relay(settings())
    runner = Runner(relay)
    parting = Parting(longest_stop(relay.settings.engagement_index.values()))

    def stop(*_: object) -> None:
        runner.stop()
        parting.begin()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server = serve_own_metrics(relay.settings.worker_metrics_port, relay.source_names)
    heartbeat = Heartbeat(relay)
    heartbeat.start()
    runner.run()
    heartbeat.stop()
    relay.close()
    if server is not None:
        server.close()
