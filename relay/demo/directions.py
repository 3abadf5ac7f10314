"""What whoever watches the demo is told: where to look, how to break the index, and how to mend it by the runbook."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from relay.demo.monitoring import Monitoring, can_build_the_page

NOT_AUTHORISED: Final = {"answer": "fault", "text": "VP007: Authorization missing"}


def directions(config: Path, sandbox_url: str, watched: Monitoring) -> list[str]:
    """The lines; those indented are addresses, each after its name, and commands for a second terminal."""
    orders = f"{sandbox_url}/api/orders"
    return [
        "The demo goes on: a few changes a second, and Prometheus watches. Ctrl-C ends it and leaves nothing behind.",
        "",
        "LOOK",
        *_dashboard(watched),
        f"    alerts       {watched.prometheus.page('alerts')}",
        f"    graph        {watched.prometheus.page('graph')}",
        f"    exporter     http://127.0.0.1:{watched.ports.exporter}/metrics",
        f"    worker       http://127.0.0.1:{watched.ports.worker}/metrics",
        f"    the index    {sandbox_url}/",
        "",
        "IN A SECOND TERMINAL, so that the commands of docs/runbook.md are about this demo",
        f"    export EI_RELAY_CONFIG={shlex.quote(str(config))}",
        *_search_path(),
        "    ei-relay status",
        "",
        "BREAK: every call is answered VP007, not authorised",
        *_ask(orders, NOT_AUTHORISED),
        "When that has lasted a minute, EiRelayLaneBlocked fires: see the lines below, and `alerts` above.",
        "",
        "MEND: the authorisation is given; then as docs/runbook.md says under EiRelayLaneBlocked",
        *_ask(orders, None),
        "    ei-relay lanes list",
        '    ei-relay lanes resume --all --reason "authorisation is in place, order 4711"',
        "Within half a minute the alert is gone, and what has waited is in the index.",
        "",
        "EiRelayRowsRejected fires already, and is right: the story had a row that cannot be understood.",
        "It goes by itself when that is a quarter of an hour ago.",
    ]


def _dashboard(watched: Monitoring) -> list[str]:
    if watched.page is not None:
        return [f"    dashboard    {watched.page}"]
    if can_build_the_page():
        return ["    dashboard    not built yet: `./run picture` builds its page, then start this demo again"]
    return [
        "    dashboard    import config/grafana/ei-relay.json into a Grafana of yours that has the address below as a",
        "                 Prometheus data source (or install node and npm: `./run picture` then builds a page of it)",
        f"    Prometheus   {watched.prometheus.url}",
    ]


def _search_path() -> list[str]:
    """How the second terminal finds `ei-relay`, where it does not already find the one that plays here."""
    ours = Path(sys.executable).with_name("ei-relay")
    if not ours.exists() or shutil.which("ei-relay") == str(ours):
        return []
    return [f"    export PATH={shlex.quote(str(ours.parent))}{os.pathsep}$PATH"]


def _ask(url: str, order: dict[str, str] | None) -> list[str]:
    """The command that orders this answer to every call; None: withdraws all orders."""
    body = json.dumps(order)
    if shutil.which("curl"):
        return [f"    curl -d {shlex.quote(body)} {url}" if order else f"    curl -X DELETE {url}"]
    asked = f"r.Request({url!r}, {body.encode()!r})" if order else f"r.Request({url!r}, method='DELETE')"
    return [f"    python3 -c {shlex.quote(f'import urllib.request as r; r.urlopen({asked})')}"]
