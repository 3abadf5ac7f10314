"""`ei-relay run`: everything in one process."""

from __future__ import annotations

import signal

import click

from relay.cli.common import settings
from relay.console.serving import Beside
from relay.flow.process.heartbeat import Heartbeat
from relay.flow.process.runner import Runner
from relay.flow.process.stop_deadline import StopDeadline, longest_stop
from relay.flow.relay import Relay
from relay.observe import systemd
from relay.observe.memory import keep_small
from relay.observe.progress import serve_own_metrics


@click.command()
@click.option("--console", is_flag=True, help="Serve the web page too, as `ei-relay console` does (docs/console.md).")
def run(console: bool) -> None:
    """Run everything in one process, without a broker, until told to stop (SIGTERM, SIGINT).

    For a site of one machine. A stop finishes the calls that are out and records them; at most
    call_timeout and five seconds after it the process is gone.
    """
    keep_small()
    loaded = settings()
    page = Beside(loaded) if console else None
    relay = Relay(loaded)
    runner = Runner(relay, looked=systemd.ready)
    deadline = StopDeadline(longest_stop(relay.settings.engagement_index.values()))

    def stop(*_: object) -> None:
        systemd.stopping()
        runner.stop()
        deadline.begin()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server = serve_own_metrics(relay.settings.worker_metrics_port, relay.source_names)
    heartbeat = Heartbeat(relay)
    heartbeat.start()
    runner.run()
    heartbeat.stop()
    if page is not None:
        page.close()
    relay.close()
    if server is not None:
        server.close()
