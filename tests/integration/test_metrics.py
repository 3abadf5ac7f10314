"""What workers serve of themselves: right counts, also in processes that have died, and health by progress."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from relay.demo.throwaway import free_port
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.processes import Process, environment
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration


def book(site: Site, *booking_ids: str) -> None:
    for booking_id in booking_ids:
        site.insert(
            TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
            starts_at=datetime(2040, 5, 4, 8, 15),
        )  # fmt: skip


def with_port(site: Site) -> int:
    """Have the site's worker serve its metrics; the port."""
    port = free_port()
    site.config.write_text(f"worker_metrics_port = {port}\n{site.config.read_text()}")
    return port


def total(port: int, name: str, **labels: str) -> float:
    """A sample a worker serves; 0 where it serves none, or does not answer."""
    try:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except requests.RequestException:
        return 0
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(s.value for s in samples if s.name == f"ei_relay_{name}" and labels.items() <= s.labels.items())


def children(pid: int) -> list[int]:
    """The processes a process has started."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in told.split()]


def test_a_worker_counts_what_it_did_and_is_well_while_ticks_come(new_site: NewSite) -> None:
    # given a worker and a beat
    site = new_site(Pace(says_lone_posts_again=False))
    port = with_port(site)
    site.prepare()
    worker = site.start_worker()
    site.start_beat()
    wait_until(lambda: total(port, "worker_last_step_timestamp_seconds"), worker.log)

    # when a booking is relayed
    book(site, "b-1")
    accepted = {"verdict": "accepted", "code": "OK"}
    wait_until(lambda: total(port, "calls_total", **accepted) == 1, worker.log)

    # then each count is right
    assert total(port, "outbox_rows_total", outcome="taken") == 1
    assert total(port, "outbox_rows_total", outcome="rejected") == 0
    assert total(port, "call_posts_sum") == 1
    assert total(port, "delivery_delay_seconds_count", source=TIDBOK.name) == 1
    assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE).status_code == 200


def start_processes(site: Site, counts: Path | None) -> Process:
    """A worker with a pool of one process, which counts in a folder or nowhere."""
    command = ["-m", "celery", "-A", "workers", "worker", "-P", "processes", "-c", "1"]
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(counts)} if counts else {}
    worker = Process("worker", command, site.folder, environment(site.config) | variables)
    site.processes.append(worker)
    return worker.start()


def test_the_counts_of_processes_outlive_them(new_site: NewSite, tmp_path: Path) -> None:
    # given a worker with a pool of processes, which count in a folder
    site = new_site()
    port = with_port(site)
    site.prepare()
    (tmp_path / "counts").mkdir()
    worker = start_processes(site, tmp_path / "counts")
    site.start_beat()
    book(site, "b-1")
    wait_until(lambda: total(port, "outbox_rows_total", outcome="taken") == 1, worker.log)

    # when the child that counted is killed, and another works on
    assert worker._popen is not None
    (child,) = children(worker._popen.pid)
    os.kill(child, signal.SIGKILL)
    book(site, "b-2", "b-3")

    # then what both counted is the sum
    wait_until(lambda: total(port, "outbox_rows_total", outcome="taken") == 3, worker.log)

    # and when the whole worker is killed, the next one counts on where it left off
    worker.kill()
    worker.start()
    wait_until(lambda: total(port, "outbox_rows_total", outcome="taken") == 3, worker.log)
    book(site, "b-4")
    wait_until(lambda: total(port, "outbox_rows_total", outcome="taken") > 3, worker.log)
    assert total(port, "outbox_rows_total", outcome="taken") == 4


def test_processes_that_count_nowhere_are_told_of(new_site: NewSite) -> None:
    site = new_site()
    with_port(site)
    worker = start_processes(site, None)
    wait_until(lambda: "PROMETHEUS_MULTIPROC_DIR" in worker.log(), worker.log)


def test_of_two_workers_with_one_port_one_shows_its_counts_and_both_work(new_site: NewSite) -> None:
    # given two workers on a host where nobody chose their ports
    site = new_site()
    port = with_port(site)
    site.prepare()
    first = site.start_worker("first")
    site.start_beat()
    wait_until(lambda: total(port, "worker_last_step_timestamp_seconds"), first.log)
    second = site.start_worker("second")

    # then the second says what to do about it, once
    wait_until(lambda: "EI_RELAY_WORKER_METRICS_PORT" in second.log(), second.log)
    assert second.log().count("this worker shows no metrics") == 1
    # and works
    first.kill()
    book(site, "b-1")
    wait_until(lambda: site.index.content_of("b-1"), second.log)
