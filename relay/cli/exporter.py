"""`ei-relay exporter`: metrics and health over HTTP, for Prometheus."""

from __future__ import annotations

import signal
from functools import partial
from threading import Event
from typing import Final

import click
from prometheus_client import CollectorRegistry

from relay.cli.common import settings
from relay.exporter.families import Families
from relay.exporter.looks import Looks
from relay.flow.relay import Relay
from relay.observe import systemd
from relay.observe.server import MetricsServer
from relay.report.probe import ping_broker

LONGEST_LOOK: Final = 180  # every wait on a database is over by then, retries counted


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of the configuration's exporter_port.")
def exporter(port: int | None) -> None:
    """Serve the state of everything as metrics, until told to stop (SIGTERM, SIGINT).

    /metrics is what was last seen: a scrape asks no database. /healthz answers while every look comes to an end;
    /readyz as soon as each has.
    """
    loaded = settings()
    relay = Relay(loaded)
    broker = partial(ping_broker, loaded) if loaded.names_a_broker else None
    looks = Looks(relay, broker)
    registry = CollectorRegistry()
    registry.register(Families(looks))
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = MetricsServer(port or loaded.exporter_port, registry, partial(healthy, looks), partial(ready, looks))
    except OSError as error:
        raise click.ClickException(f"port {port or loaded.exporter_port} cannot be served: {error.strerror}") from None
    looks.start()
    systemd.ready()  # it answers; /readyz tells when there is something to tell
    while not stop.is_set():
        stop.wait(1)
    looks.stop()
    server.close()
    relay.close()


def healthy(looks: Looks, longest: float = LONGEST_LOOK) -> str | None:
    """Why the exporter should be started again, or None. A database that is away is no reason."""
    for look in looks.all():
        if look.overdue_seconds() > longest:
            return f"{look.name} has been looked at for {look.overdue_seconds():.0f} s without an end"
    return None


def ready(looks: Looks) -> str | None:
    """What has not been looked at yet, or None. It stays ready while a database is away: that is what is to be seen."""
    waits = [look.name for look in looks.all() if not look.looks]
    return f"not looked at yet: {', '.join(waits)}" if waits else None
