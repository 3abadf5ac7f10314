"""What the demo prints for its watchers: where to look, how to break the index, and how to mend it by the runbook."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.demo.cast import TAND

NOT_AUTHORISED: Final = {"answer": "fault", "text": "VP007"}


@dataclass(frozen=True, slots=True)
class Sights:
    """The addresses of what can be seen. `dashboard` is None where its page has not been built."""

    dashboard: str | None
    prometheus: str
    alerts: str
    graph: str
    exporter: str
    worker: str
    sandbox: str


def directions(config: Path, sights: Sights) -> list[str]:
    """The lines; those indented are addresses, each after its name, and commands for a second terminal.

    `config` is the configuration's path; the logs lie beside it.
    """
    orders = f"{sights.sandbox}/api/orders"
    return [
        "The demo goes on: a few changes a second, and Prometheus watches. Ctrl-C ends it and leaves nothing behind.",
        "",
        "LOOK",
        *_dashboard(sights),
        f"    alerts       {sights.alerts}",
        f"    graph        {sights.graph}",
        f"    exporter     {sights.exporter}",
        f"    worker       {sights.worker}",
        f"    the index    {sights.sandbox}/",
        f"    logs         {config.parent}/*.log",
        "",
        "IN A SECOND TERMINAL, so that the commands of docs/runbook.md are about this demo",
        f"    export EI_RELAY_CONFIG={shlex.quote(str(config))}",
        *_search_path(),
        "    ei-relay status",
        "",
        "BREAK: every call is answered VP007, not authorised",
        *asking(orders, NOT_AUTHORISED),
        "When that has lasted a minute, EiRelayLaneBlocked fires: see the lines below, and `alerts` above.",
        "",
        "MEND: the authorisation is given; then as docs/runbook.md says under EiRelayLaneBlocked",
        *asking(orders, None),
        "    ei-relay lanes list",
        '    ei-relay lanes resume --all --reason "authorisation is in place, order 4711"',
        "Within half a minute the alert is gone, and what has waited is in the index.",
        "",
        "EiRelayRowsRejected fires already, and is right: the story had a row that cannot be understood, as this says.",
        "It goes by itself an hour after.",
        f"    ei-relay outbox check --source {TAND.name}",
    ]


def _dashboard(sights: Sights) -> list[str]:
    if sights.dashboard is not None:
        return [f"    dashboard    {sights.dashboard}"]
    if shutil.which("node") and shutil.which("npm"):
        return ["    dashboard    not built yet: `./run picture` builds its page, then start this demo again"]
    return [
        "    dashboard    import config/grafana/ei-relay.json into a Grafana of yours that has the next address as a",
        "                 Prometheus data source (or install node and npm: `./run picture` then builds a page of it)",
        f"    Prometheus   {sights.prometheus}",
    ]


def _search_path() -> list[str]:
    """How the second terminal finds `ei-relay`, where it does not already find the one that plays here."""
    ours = Path(sys.executable).with_name("ei-relay")
    if not ours.exists() or shutil.which("ei-relay") == str(ours):
        return []
    return [f"    export PATH={shlex.quote(str(ours.parent))}{os.pathsep}$PATH"]


def asking(url: str, order: dict[str, str] | None) -> list[str]:
    """The command, indented, that orders this answer to every call; None: withdraws all orders."""
    body = json.dumps(order)
    if shutil.which("curl"):
        return [f"    curl -d {shlex.quote(body)} {url}" if order else f"    curl -X DELETE {url}"]
    data = f", b{json.dumps(body)}" if order else ', method="DELETE"'
    code = f'import urllib.request as r; r.urlopen(r.Request("{url}"{data}))'
    return [f"    {shlex.quote(sys.executable)} -c {shlex.quote(code)}"]
