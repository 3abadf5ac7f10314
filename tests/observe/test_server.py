from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge

from relay.observe import progress
from relay.observe.server import MetricsServer, process_registry


class Health:
    """What the checks say."""

    healthy: str | None = None
    ready: str | None = None


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[MetricsServer]:
    registry = CollectorRegistry()
    Gauge("ei_relay_answer", "The answer.", registry=registry).set(42)
    with MetricsServer(0, registry, lambda: health.healthy, lambda: health.ready) as server:
        yield server


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def get(server: MetricsServer, path: str) -> requests.Response:
    return requests.get(f"http://localhost:{server.port}{path}", timeout=10)


def test_metrics_are_served_where_prometheus_looks(server: MetricsServer) -> None:
    assert "ei_relay_answer 42.0" in get(server, "/metrics").text
    assert get(server, "/").status_code == 404


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_they_are_served_over_ipv4_and_ipv6(server: MetricsServer, address: str) -> None:
    if ":" in address and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    assert requests.get(f"http://{address}:{server.port}/healthz", timeout=10).status_code == 200


def test_health_is_what_the_checks_say(server: MetricsServer, health: Health) -> None:
    assert (get(server, "/healthz").status_code, get(server, "/healthz").text) == (200, "ok\n")

    health.healthy, health.ready = "no step for 301 s", "not looked at yet: the broker"

    assert (get(server, "/healthz").status_code, get(server, "/healthz").text) == (503, "no step for 301 s\n")
    assert (get(server, "/readyz").status_code, get(server, "/readyz").text) == (503, "not looked at yet: the broker\n")


def test_a_worker_whose_port_is_taken_works_without_and_says_so(
    server: MetricsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    assert progress.serve_own_metrics(server.port, ["nord"]) is None

    (said,) = caplog.messages
    assert f"port {server.port} cannot be served: " in said
    assert "EI_RELAY_WORKER_METRICS_PORT" in said


def test_a_worker_without_a_port_serves_nothing() -> None:
    assert progress.serve_own_metrics(0, ["nord"]) is None


def test_a_worker_is_well_until_it_has_made_no_step_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    check = progress.check()
    assert check() is None, "it has just begun"
    now += progress.SILENT_SECONDS
    progress.step()
    now += progress.SILENT_SECONDS
    assert check() is None
    now += 1
    assert check() == f"no step for {progress.SILENT_SECONDS + 1} s: no tick arrives, or a step hangs"
    progress.step()
    assert check() is None


def test_what_other_processes_counted_is_added_up_whenever_they_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two processes that have counted and ended, and one killed before it had written anything
    program = "from prometheus_client import Counter; Counter('ei_relay_seen_total', 'Seen.').inc(2)"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], check=True)
    (tmp_path / "counter_1.db").touch()

    with MetricsServer(0, process_registry(), lambda: None) as server:
        assert "ei_relay_seen_total 4.0" in get(server, "/metrics").text
