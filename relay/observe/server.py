"""Metrics and health over HTTP: `/metrics`, `/healthz` and `/readyz`, from a thread of their own.

A health check is asked and answers None for well, or in one line why not. `/healthz` means: restarting me would
help. `/readyz` means: what I say is worth reading.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app, multiprocess
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

Check = Callable[[], str | None]

_SOCKET_SECONDS: Final = 10.0  # a client that says nothing holds a thread no longer


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


class _Server(ThreadingWSGIServer):
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

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no event of ours."""


class _Handler(WSGIRequestHandler):
    timeout = _SOCKET_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""
