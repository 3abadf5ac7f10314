"""`ei-relay console`: serve the web page; refuses to be reachable by whom nobody has signed in."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Final

import click

from relay.cli.common import settings
from relay.flow.relay import Relay
from relay.sessions import Bounds
from relay.settings import Console
from relay.store.migrate import check

PATIENCE: Final = Bounds(connect=3, statement=5)  # somebody sits at a screen
USAGE: Final = 2


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of the configuration's console.port.")
@click.option("--host", help="Instead of the configuration's console.host.")
def console(port: int | None, host: str | None) -> None:
    """Serve the web page, until told to stop (SIGTERM, SIGINT).

    On this machine only, unless [console] in the configuration names the proxies that sign users in and the groups
    that may look: docs/console.md.
    """
    loaded = settings()
    host, port = host or loaded.console.host, port or loaded.console.port
    refused = refusal(host, loaded.console)
    if refused is not None:
        click.echo(refused, err=True)
        raise SystemExit(USAGE)
    try:
        import uvicorn

        from relay.console.app import application
    except ModuleNotFoundError as error:
        text = f"the package {error.name} is not installed; for the web page: pip install 'ei-relay[console]'"
        raise click.ClickException(text) from None
    relay = Relay(loaded, bounds=PATIENCE)
    check(relay.store.engine)
    sockets = _listen(host, port)
    # What the proxy says of an address is not believed: who is asked for is whoever is connected.
    config = uvicorn.Config(
        application(relay), proxy_headers=False, server_header=False, access_log=False, log_config=None, ws="none",
        lifespan="off", timeout_graceful_shutdown=5, h11_max_incomplete_event_size=32768,
    )  # fmt: skip
    click.echo(f"the console is at http://{_shown(host)}:{port}/", err=True)
    try:
        uvicorn.Server(config).run(sockets)
    finally:
        relay.close()


def refusal(host: str, console: Console) -> str | None:
    """Why the page may not be served there, and what to set; None: it may."""
    if is_loopback(host) or console.signs_in:
        return None
    missing = [] if console.trusted_proxies else ["trusted_proxies (the addresses of the proxy that signs users in)"]
    if not (console.viewers or console.support or console.operators):
        missing.append("viewers, support or operators (groups)")
    return (
        f"the console shows patients' bookings and listens on {host} only behind a proxy that signs users in: "
        f"set {' and '.join(missing)} in [console], or leave host at localhost (docs/console.md)"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _listen(host: str, port: int) -> list[socket.socket]:
    """Sockets there; "localhost" is both of its addresses, the second where this machine has it."""
    local = host.lower() == "localhost"
    sockets: list[socket.socket] = []
    for each in ["127.0.0.1", "::1"] if local else [host]:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(each, port, type=socket.SOCK_STREAM)[0]
            opened = socket.socket(family, kind, protocol)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind(address)
        except OSError as error:
            if each == "::1" and sockets:
                continue
            raise click.ClickException(f"{each}, port {port} cannot be listened on: {error.strerror}") from None
        sockets.append(opened)
    return sockets


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
