from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge

from relay.observe import progress
from relay.observe.server import HEADER_BYTES, MOST_CONNECTIONS, REQUEST_SECONDS, MetricsServer, process_registry
from tests.waiting import PATIENCE, wait_until


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
    return requests.get(f"http://localhost:{server.port}{path}", timeout=PATIENCE)


def test_metrics_are_served_where_prometheus_looks(server: MetricsServer) -> None:
    assert "ei_relay_answer 42.0" in get(server, "/metrics").text
    assert get(server, "/").status_code == 404


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_they_are_served_over_ipv4_and_ipv6(server: MetricsServer, address: str) -> None:
    if ":" in address and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    assert requests.get(f"http://{address}:{server.port}/healthz", timeout=PATIENCE).status_code == 200


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


# --- clients that take their time


def threads() -> int:
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def dial(server: MetricsServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def test_300_clients_that_say_next_to_nothing_leave_it_answering_with_a_few_threads(server: MetricsServer) -> None:
    with ExitStack() as clients:
        for _ in range(300):
            client = clients.enter_context(dial(server))
            client.sendall(b"G")
            wait_until(lambda: threads() <= MOST_CONNECTIONS + 8, "the end of those that it makes room for")
        for _ in range(20):
            assert get(server, "/healthz").text == "ok\n"
            assert "ei_relay_answer" in get(server, "/metrics").text
    wait_until(lambda: threads() == 0, "the end of every thread")


def test_a_client_that_drips_is_ended_when_its_time_is_up(server: MetricsServer) -> None:
    with dial(server) as client:
        began = time.monotonic()
        with suppress(OSError):
            while client.send(b"G") and time.monotonic() - began < 60:
                time.sleep(0.2)
        assert REQUEST_SECONDS - 1 < time.monotonic() - began < 60
    wait_until(lambda: threads() == 0, "the end of its thread")


def test_a_client_that_does_not_read_its_answer_is_ended_too(health: Health) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("ei_relay_many", "Many.", ["number"], registry=registry)
    for number in range(100_000):
        gauge.labels(str(number)).set(1)
    with MetricsServer(0, registry, lambda: health.healthy) as server, dial(server) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: threads() == 1, "its thread")
        wait_until(lambda: threads() == 0, "the end of its thread")


@pytest.mark.parametrize("head", [b"GET /" + b"x" * HEADER_BYTES, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * HEADER_BYTES])
def test_a_request_that_is_too_long_is_not_answered(server: MetricsServer, head: bytes) -> None:
    with dial(server) as client, suppress(ConnectionError):
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(100)[:12] in (b"", b"HTTP/1.0 431")
    assert get(server, "/healthz").status_code == 200
