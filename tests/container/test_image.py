"""The image built from the Dockerfile, run as the chart runs it: read-only, without rights, ended by SIGTERM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
import requests

from relay.demo.throwaway import free_port
from tests.container.builder import BASE, IMAGE, run
from tests.container.podman import Container
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site
from tests.waiting import PATIENCE, wait_until

PACE = Pace(latency=2, says_lone_posts_again=False)
ASSIGNED: Final = "1000680000:0"  # a user id as OpenShift gives one to a namespace
LARGEST_BYTES = 150_000_000  # what the relay adds to its base


@pytest.fixture
def site(running: None, new_site: NewSite) -> Site:
    """A site whose relay is in containers."""
    site = new_site(PACE)
    site.config.chmod(0o644)
    return site


@pytest.fixture
def containers() -> Iterator[ExitStack]:
    """Whatever was started is ended."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.usefixtures("running")
def test_it_is_small_and_runs_as_nobody_in_particular() -> None:
    base, inspected = (json.loads(run("podman", "image", "inspect", name))[0] for name in (BASE, IMAGE))

    assert inspected["Config"]["User"] == "10001:10001"
    assert inspected["Config"]["Cmd"] == ["celery", "-A", "workers", "worker"]
    assert inspected["Size"] - base["Size"] < LARGEST_BYTES
    assert not [variable for variable in inspected["Config"]["Env"] if variable.startswith("PIP_")]


def test_nothing_can_be_built_or_written_in_it(site: Site) -> None:
    # Given a shell in it
    look = "id -u; touch /opt/ei-relay/x /etc/x 2>&1; command -v gcc cc make git; ls /opt/ei-relay/bin | grep -c pip"
    look += "; ls -A /etc/xdg/pip"
    said = Container(site.config, "sh", "-c", f"{look}; true").output().splitlines()
    # then it is not root, its file system is read-only, and there are neither tools nor the builder's settings
    assert said[0] == "10001"
    assert [line.rpartition(": ")[2] for line in said[1:3]] == ["Read-only file system"] * 2
    assert said[3:] == ["0"]


@pytest.mark.parametrize("user", [None, ASSIGNED])
def test_the_audit_log_gets_a_name_from_it(site: Site, user: str | None) -> None:
    command = ("python", "-c", "import getpass; print(getpass.getuser())")
    assert Container(site.config, *command, user=user).output() == "ei-relay\n"


def test_worker_and_beat_publish_a_booking_and_end_in_order(site: Site, tmp_path: Path, containers: ExitStack) -> None:
    # Given a database that the image has migrated, and a worker (its default command) and beat at work
    assert "from version none" in Container(site.config, "ei-relay", "db", "upgrade").output()
    Container(site.config, "ei-relay", "outbox", "create").output()
    worker = Container(site.config, log=tmp_path / "worker.log")
    beat = Container(site.config, "celery", "-A", "workers", "beat", log=tmp_path / "beat.log", user=ASSIGNED)
    for container in (worker, beat):
        containers.callback(container.kill)
        container.start()
    for container in (worker, beat):
        wait_until(container.has_pulse, container.log)

    # when a booking is made, and the worker is told to stop while the index has not answered yet
    site.insert(
        TIDBOK.name, operation="upsert", booking_id="b-1", resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at=datetime(2040, 5, 4, 8, 15),
    )  # fmt: skip
    wait_until(lambda: site.index.calls(), worker.log)
    ended = worker.stop(within=PATIENCE)

    # then the call was finished and is known of, and both have ended by themselves
    assert ended == 0
    assert [call["outcome"] for call in site.index.calls()] == ["accepted"]
    (lane,) = site.status()["lanes"]
    assert (lane["state"], lane["pending"], lane["failures"]) == ("open", 0, 0)
    assert beat.stop(within=PATIENCE) == 0


@pytest.mark.usefixtures("running")
def test_one_process_ends_in_order(new_site: NewSite, tmp_path: Path, containers: ExitStack) -> None:
    site = new_site(PACE, broker=False).prepare()
    site.config.chmod(0o644)
    container = Container(site.config, "ei-relay", "run", log=tmp_path / "run.log")
    containers.callback(container.kill)
    container.start()
    site.insert(TIDBOK.name, operation="remove", booking_id="b-1")
    wait_until(lambda: site.unread() == 0, container.log)

    assert container.stop(within=PATIENCE) == 0


def test_as_whatever_user_the_exporter_is_ready_and_ends_in_order(
    site: Site, tmp_path: Path, containers: ExitStack
) -> None:
    site.prepare()
    port = free_port()
    command = ("ei-relay", "exporter", "--port", str(port))
    container = Container(site.config, *command, log=tmp_path / "exporter.log", user=ASSIGNED)
    containers.callback(container.kill)
    container.start()

    def ready() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    wait_until(ready, container.log)
    assert "ei_relay_build_info" in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).text
    assert container.stop(within=PATIENCE) == 0


def test_as_whatever_user_the_web_page_is_there_and_ends_in_order(
    site: Site, tmp_path: Path, containers: ExitStack
) -> None:
    site.prepare()
    port = free_port()
    command = ("ei-relay", "console", "--port", str(port))
    container = Container(site.config, *command, log=tmp_path / "console.log", user=ASSIGNED)
    containers.callback(container.kill)
    container.start()

    def there() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/style.css", timeout=5).ok
        except requests.RequestException:
            return False

    wait_until(there, container.log)
    assert TIDBOK.name in requests.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).text
    assert container.stop(within=PATIENCE) == 0
