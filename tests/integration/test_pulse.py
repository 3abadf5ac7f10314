"""The sign of life that probes read: there while a worker or beat has its broker, and silent without."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from relay.demo.valkey import Valkey
from tests.integration.conftest import NewSite
from tests.integration.processes import Process, environment
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_the_pulse_beats_while_the_broker_answers(new_site: NewSite, valkey: Valkey, tmp_path: Path, part: str) -> None:
    # given a process that names a pulse file, and beats
    site, pulse = new_site().prepare(), tmp_path / "pulse"
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.settimeout(PATIENCE)
    variables = environment(site.config) | {"WORKER_PULSE_FILE": str(pulse), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    process = Process(part, ["-m", "celery", "-A", "workers", part], tmp_path, variables)
    site.processes.append(process.start())

    def beats() -> bool:
        """Whether the file, taken away, comes again within three seconds."""
        pulse.unlink(missing_ok=True)
        try:
            wait_until(pulse.exists, "a beat", within=3)
        except AssertionError:
            return False
        return True

    wait_until(beats, process.log)
    # and systemd, where it asks, has heard that the service is at work
    with heard:
        assert heard.recv(100) == b"READY=1"

    # when the broker goes away, it falls silent
    valkey.close()
    wait_until(lambda: not beats(), process.log)
    # and beats again when the broker is back
    valkey.start()
    wait_until(beats, process.log)
    assert process.is_alive
