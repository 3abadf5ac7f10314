"""Who watches the demo: `ei-relay exporter`, a real Prometheus with the project's rules, and the dashboard's page.

The rules are a file of the project's checkout, or of `share/ei-relay` beside an installed wheel; the dashboard's page
is built in a checkout only.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from relay.demo import config
from relay.demo.directions import Sights
from relay.demo.processes import Process, StartFailed, undisturbed_at_the_end
from relay.demo.prometheus import Prometheus, find_binary
from relay.demo.throwaway import NoBinariesError

RULES: Final = Path("config", "prometheus", "ei-relay.rules.yml")
_PLACES: Final = (Path(__file__).resolve().parents[2], Path(sysconfig.get_path("data"), "share", "ei-relay"))
CHECKOUT: Final = next((place for place in _PLACES if (place / RULES).exists()), _PLACES[0])
PAGE: Final = Path("config", "grafana", "picture", "dist")

_SCRAPE_SECONDS: Final = 2
_SHOWN: Final = f"from=now-15m&refresh=10&scrape={_SCRAPE_SECONDS}s"  # of the dashboard
_PATIENCE: Final = 60.0  # seconds until Prometheus has seen the exporter and the worker


class CannotWatch(Exception):
    """What watching needs is not on this machine; the text says what, and how to have it."""


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A Prometheus that watches a stage, and where it is seen. `check` raises StartFailed when a part has died."""

    prometheus: Prometheus
    sights: Sights
    check: Callable[[], None]


def require(checkout: Path = CHECKOUT) -> None:
    """Raise CannotWatch where something is missing, before anything is started."""
    if not (checkout / RULES).exists():
        raise CannotWatch(
            f"--dashboard needs {RULES}, which is neither in a checkout here nor in share/ei-relay: "
            "install the wheel that `./run build` makes, or start `./run demo --dashboard` in a clone"
        )
    try:
        find_binary()
    except NoBinariesError as missing:
        raise CannotWatch(f"--dashboard needs Prometheus. {missing}") from missing


@contextmanager
def watching(path: Path, ports: config.Ports, sandbox_url: str, say: Callable[[str], None]) -> Iterator[Monitoring]:
    """Watch the relay whose configuration is at `path`; it serves its figures on `ports`. Raises StartFailed."""
    with undisturbed_at_the_end() as stack:
        say("starting ei-relay exporter and Prometheus …")
        command = [sys.executable, "-m", "relay", "exporter"]
        exporter = stack.enter_context(
            Process("ei-relay exporter", command, path.with_name("exporter.log"), config.environment(path))
        )
        prometheus = stack.enter_context(
            Prometheus(path.parent, [ports.exporter, ports.worker], CHECKOUT / RULES, _SCRAPE_SECONDS)
        )

        stack.callback(exporter.ask_to_stop)  # so that it ends while Prometheus does

        def check() -> None:
            exporter.check()
            prometheus.check()

        _await_first_figures(prometheus, check)
        folder = CHECKOUT / PAGE
        page = stack.enter_context(serving(folder)) if (folder / "index.html").exists() else None
        sights = Sights(
            dashboard=page and f"{page}/?prometheus={prometheus.url}&{_SHOWN}",
            prometheus=prometheus.url,
            alerts=prometheus.page("alerts"),
            graph=prometheus.page("graph"),
            exporter=f"http://127.0.0.1:{ports.exporter}/metrics",
            worker=f"http://127.0.0.1:{ports.worker}/metrics",
            sandbox=sandbox_url,
        )
        yield Monitoring(prometheus, sights, check)


def _await_first_figures(prometheus: Prometheus, check: Callable[[], None]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        check()
        if len(prometheus.query("up == 1")) == 2:
            return
        time.sleep(0.1)
    raise StartFailed("Prometheus did not get figures from the exporter and the worker in time")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address at which the files of a folder are served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, name="dashboard page", daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A page that is read is no event."""
