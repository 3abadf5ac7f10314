"""The demo's configuration: a real one, as a file, only with pauses that fit into half a minute."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urljoin

from relay.demo.author import RESIDENTS
from relay.demo.cast import ORGANISATION, System, care_units_csv
from relay.demo.sign_in import GROUP, GROUPS_HEADER, USER_HEADER
from relay.sandbox.contract import FIND_PATH, MOUNT

KEY_SPACING: Final = 3.0  # seconds; in real life five minutes
RETRY_AFTER_FAULT: Final = 3.0  # as above
LONE_DELETE_WAIT: Final = 2 * KEY_SPACING  # as in real life: what is played must be over before the show is
COLLECT_QUIET: Final = 0.5  # the sandbox gathers single posts as the index does, on the same shrunken scale
COLLECT_MESSAGES: Final = 4
BULK_CALL_INTERVAL: Final = 1.0  # as above
APPLY_AFTER: Final = 0.1  # seconds after which the index has stored what it does not gather, as measured
MAX_POSTS: Final = 25  # so that the morning's load takes more than one call


class Ports(NamedTuple):
    """Where figures are served to a Prometheus, and the console's pages, on 127.0.0.1; 0: they are not."""

    exporter: int = 0
    worker: int = 0
    console: int = 0


def write(folder: Path, systems: Sequence[System], *, database_url: str, update_url: str,
          outbox_urls: Mapping[str, str], broker_url: str = "memory://",
          ports: Ports | None = None) -> Path:  # fmt: skip
    """Write the configuration and its lists into `folder`, for the owner's eyes only; the path of the TOML file.

    A system without an outbox URL has its outbox in the relay's own database. With `ports`, figures and pages are
    served there, and a lane that is blocked waits as long as in real life: there is somebody to mend it.
    """
    _write(folder / "residents.txt", "\n".join(RESIDENTS) + "\n")
    for system in systems:
        write_units(folder, system)
    head = f"""\
environment = "qa"
database_url = "{database_url}"
broker_url = "{broker_url}"
spool_dir = "{folder / "spool"}"
poll_interval = "500ms"
worker_threads = 8
log_format = "text"
{_served(ports)}
[surge_guard]
{_guarded(ports)}
[engagement_index.practice]
url = "{update_url}"
find_content_url = "{urljoin(update_url, MOUNT + FIND_PATH)}"  # it may be asked: the demo ends by reading back
logical_address = "5565594230"
max_posts_per_call = {MAX_POSTS}
key_spacing = "{KEY_SPACING:g}s"
lone_delete_wait = "{LONE_DELETE_WAIT:g}s"
retry_after_fault = "{RETRY_AFTER_FAULT:g}s"
split_call_interval = "1s"
bulk_call_interval = "{BULK_CALL_INTERVAL:g}s"
"""
    if ports is None:
        head += f'retry_after_fault_max = "{2 * RETRY_AFTER_FAULT:g}s"\n'
    path = folder / "relay.toml"
    _write(path, head + "".join(_source(system, outbox_urls.get(system.name, "")) for system in systems))
    return path


def environment(config: Path) -> dict[str, str]:
    """This process's environment for a process of the demo: with this configuration and no other."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("EI_RELAY_", "CELERY_"))}
    here = str(Path(__file__).resolve().parents[2])  # found also where the project is run without being installed
    paths = [here, *filter(None, [inherited.get("PYTHONPATH")])]
    return inherited | {"EI_RELAY_CONFIG": str(config), "PYTHONPATH": os.pathsep.join(paths)}


def _served(ports: Ports | None) -> str:
    if ports is None or not ports.worker:
        served = "worker_metrics_port = 0\n"  # nobody would read them
    else:
        served = f"exporter_port = {ports.exporter}\nworker_metrics_port = {ports.worker}\n"
    if ports is None or not ports.console:
        return served
    return f"""{served}
[console]
port = {ports.console}
trusted_proxies = ["127.0.0.1", "::1"]
user_header = "{USER_HEADER}"
groups_header = "{GROUPS_HEADER}"
support = ["{GROUP}"]
operators = ["{GROUP}"]
"""


def _guarded(ports: Ports | None) -> str:
    """A day is played in minutes here, so only what is to be seen on the console's pages is held: half a list."""
    return "least = 4" if ports is not None and ports.console else "enabled = false"


def _source(system: System, outbox_url: str) -> str:
    return f"""
[[source]]
name = "{system.name}"
title = "{system.title}"
source_systems = ["{system.hsa_id}"]
data_controller = "{ORGANISATION}"
engagement_index = "practice"
outbox_url = "{outbox_url}"
care_units = "{system.name}.csv"
test_residents = "residents.txt"
"""


def write_units(folder: Path, system: System) -> None:
    """Write the system's list of care units, at once: a half list would be a change of its own."""
    new = folder / f"{system.name}.csv.new"
    _write(new, care_units_csv(system))
    new.replace(folder / f"{system.name}.csv")


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
