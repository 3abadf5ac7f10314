"""Metrics and health over HTTP: `/metrics`, `/healthz` and `/readyz`, from a thread of their own.

A health check is asked and answers None for well, or in one line why not. `/healthz` means: restarting me would
help. `/readyz` means: what I say is worth reading.

Whoever can reach the port can keep it from nobody: there are at most MOST_CONNECTIONS at a time, each has
REQUEST_SECONDS from its beginning to its end and HEADER_BYTES for its request, and a new one takes the place of the
oldest that has not said yet what it wants.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Final, Self, cast
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app, multiprocess
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Check = Callable[[], str | None]

MOST_CONNECTIONS: Final = 16
REQUEST_SECONDS: Final = 5.0
HEADER_BYTES: Final = 8 * 1024


def well() -> str | None:
    """The check of one who is always well."""
    return None


def process_registry() -> CollectorRegistry:
    """What this process counts; with PROMETHEUS_MULTIPROC_DIR set, what all processes counted that share the folder
    (the children of a worker's pool of processes, also those that have died)."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return REGISTRY
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_CountsOfProcesses(Path(folder)))
    return registry


class _CountsOfProcesses(Collector):
    """The sum of what the files of a folder hold. The library's own collector fails on a file that is empty still,
    because its process is just beginning, or for ever, because it was killed then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Each metric of the folder, added up."""
        files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
        metrics: Iterable[Metric] = multiprocess.MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return metrics


class MetricsServer:
    """Serves until it is closed. Port 0 takes any free one; `port` says which. Raises OSError where it is taken."""

    def __init__(self, port: int, registry: CollectorRegistry, healthy: Check, ready: Check = well) -> None:
        self._metrics = make_wsgi_app(registry)
        self._checks = {"/healthz": healthy, "/readyz": ready}
        self._server = make_server("", port, self._answer, _Server, _Handler)  # on every address: scraped from afar
        self.port: int = self._server.server_port
        Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            body: Iterable[bytes] = self._metrics(environ, start_response)
            return body
        check = self._checks.get(path)
        if check is None:
            return _text(start_response, "404 Not Found", "there are /metrics, /healthz and /readyz")
        wrong = check()
        return _text(start_response, "200 OK" if wrong is None else "503 Service Unavailable", wrong or "ok")


def _text(start_response: Callable[..., Any], status: str, line: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{line}\n".encode()]


class _Connections:
    """The connections that are open, the oldest first, and which of them have said what they want."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._since: dict[socket.socket, float] = {}
        self._heard: set[socket.socket] = set()

    def add(self, connection: socket.socket) -> bool:
        """Whether there is a free connection for it, maybe in place of another."""
        with self._lock:
            if len(self._since) >= MOST_CONNECTIONS:
                silent = next((each for each in self._since if each not in self._heard), None)
                if silent is None:
                    return False
                self._drop(silent)
            self._since[connection] = time.monotonic()
            return True

    def heard(self, connection: socket.socket) -> None:
        """Its request has come."""
        with self._lock:
            self._heard.add(connection)

    def remove(self, connection: socket.socket) -> None:
        """It is over."""
        with self._lock:
            self._since.pop(connection, None)
            self._heard.discard(connection)

    def end_old(self) -> None:
        """Break off those whose time is up."""
        with self._lock:
            for each in [c for c, since in self._since.items() if time.monotonic() - since > REQUEST_SECONDS]:
                self._drop(each)

    def _drop(self, connection: socket.socket) -> None:
        """Its thread wakes up and ends: it reads an end, or cannot write."""
        del self._since[connection]
        self._heard.discard(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class _Head:
    """What a request is read from, no further than HEADER_BYTES."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._left = HEADER_BYTES

    def readline(self, limit: int = -1) -> bytes:
        """The next line. Raises ConnectionError where the request is too long."""
        line = self._file.readline(min(limit, self._left + 1) if limit >= 0 else self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ConnectionError("the request is too long")
        return line

    def read(self, _size: int = -1) -> bytes:
        """No request has a body."""
        return b""

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


class _Server(ThreadingWSGIServer):
    request_queue_size = 128  # a burst of connections is let in and cut down, instead of waiting with the others
    # both families from one socket: in a cluster of IPv6 alone, probes and scrapes come by that
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """Bind without asking a name server for our own name, which may take long."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def server_activate(self) -> None:
        """Begin to listen."""
        self.connections = _Connections()
        super().server_activate()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if one is free."""
        if self.connections.add(request):
            super().process_request(request, client_address)
        else:
            super().shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """It is over."""
        self.connections.remove(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Twice a second."""
        self.connections.end_old()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no event of ours."""


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS
    server: _Server

    def setup(self) -> None:
        """Bound what is read."""
        super().setup()
        self.rfile = cast(BufferedReader, _Head(self.rfile))

    def parse_request(self) -> bool:
        """Read the request."""
        well_formed = super().parse_request()
        self.server.connections.heard(self.connection)
        return well_formed

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""
