"""`ei-relay console`: serve the web page; refuses to be reachable by whom nobody has signed in."""

from __future__ import annotations

import click

from relay.cli.common import settings
from relay.console.serving import PATIENCE, listen, server_of
from relay.flow.relay import Relay
from relay.observe import systemd
from relay.store.migrate import check


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of the configuration's console.port.")
@click.option("--host", help="Instead of the configuration's console.host.")
def console(port: int | None, host: str | None) -> None:
    """Serve the web page, until told to stop (SIGTERM, SIGINT).

    On this machine only, unless [console] in the configuration names the proxies that sign users in and the groups
    that may look: docs/console.md.
    """
    loaded = settings()
    relay = Relay(loaded, bounds=PATIENCE)
    try:
        server = server_of(relay)
        sockets = listen(loaded, host or loaded.console.host, port or loaded.console.port)
        check(relay.store.engine)
        systemd.ready()
        server.run(sockets)
    finally:
        relay.close()
