"""Where the page is served: in a process of its own, or beside the work in that of `ei-relay run`."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Final

import click

from relay.flow.relay import Relay
from relay.sessions import Bounds
from relay.settings import Console, Settings

if TYPE_CHECKING:
    import uvicorn

PATIENCE: Final = Bounds(connect=3, statement=5)  # somebody sits at a screen
USAGE: Final = 2
GRACE_SECONDS: Final = 5  # for pages that are being made


class Beside:
    """The page beside the work of this process, with connections and threads of its own."""

    def __init__(self, loaded: Settings) -> None:
        """Exits, or raises ClickException, where the page may not or cannot be served there."""
        sockets = listen(loaded, loaded.console.host, loaded.console.port)
        self._relay = Relay(loaded, bounds=PATIENCE)
        self._server = server_of(self._relay)
        self._thread = Thread(target=self._server.run, args=(sockets,), name="console", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; pages that are being made are ended with it."""
        self._server.should_exit = True
        self._thread.join(GRACE_SECONDS + 1)
        self._relay.close()


def server_of(relay: Relay) -> uvicorn.Server:
    """What serves the pages of a relay. Raises ClickException where the parts for it are not installed."""
    try:
        import uvicorn

        from relay.console.app import application
    except ModuleNotFoundError as error:
        text = f"the package {error.name} is not installed; for the web page: pip install 'ei-relay[console]'"
        raise click.ClickException(text) from None
    # What the proxy says of an address is not believed: who is asked for is whoever is connected.
    return uvicorn.Server(uvicorn.Config(
        application(relay), proxy_headers=False, server_header=False, access_log=False, log_config=None, ws="none",
        lifespan="off", timeout_graceful_shutdown=GRACE_SECONDS, h11_max_incomplete_event_size=32768,
    ))  # fmt: skip


def listen(loaded: Settings, host: str, port: int) -> list[socket.socket]:
    """Sockets there, and a line that says so. Exits where the page would be open to whom nobody has signed in."""
    refused = refusal(host, loaded.console)
    if refused is not None:
        click.echo(refused, err=True)
        raise SystemExit(USAGE)
    sockets = _bind(host, port)
    click.echo(f"the console is at http://{f'[{host}]' if ':' in host else host}:{port}/", err=True)
    return sockets


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


def _bind(host: str, port: int) -> list[socket.socket]:
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
            opened.listen()
        except OSError as error:
            if each == "::1" and sockets:
                continue
            raise click.ClickException(f"{each}, port {port} cannot be listened on: {error.strerror}") from None
        sockets.append(opened)
    return sockets
