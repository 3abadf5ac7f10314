"""What systemd hears of a service."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

import pytest

from relay.observe import systemd


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "_told", set())


@pytest.mark.parametrize("abstract", [False, True])
def test_it_hears_once_that_a_service_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = secrets.token_hex(8) if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}" if abstract else name)
        heard.setblocking(False)
        monkeypatch.setenv(systemd.SOCKET, f"@{name}" if abstract else name)
        systemd.ready()
        systemd.ready()
        systemd.stopping()
        assert [heard.recv(100), heard.recv(100)] == [b"READY=1", b"STOPPING=1"]
        with pytest.raises(BlockingIOError):
            heard.recv(100)


def test_where_nobody_listens_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd.ready()
    monkeypatch.setenv(systemd.SOCKET, str(tmp_path / "nobody"))
    systemd.stopping()
