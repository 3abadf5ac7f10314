"""`ei-relay console`: where it may listen, and the page in a real browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from relay.cli.main import cli
from relay.console.serving import is_loopback, refusal
from relay.demo.throwaway import free_port
from relay.settings import Console
from tests.cli.configuration import RIGHT
from tests.waiting import PATIENCE, wait_until

BROWSER: Final = shutil.which("chromium") or shutil.which("chromium-browser")
SIGNED_IN: Final = Console(trusted_proxies=("10.1.2.3",), viewers=("*",))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(RIGHT.format(folder=tmp_path))
    assert CliRunner().invoke(cli, ["db", "upgrade"], env={"EI_RELAY_CONFIG": str(path)}).exit_code == 0
    return path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "relay.example", ""])
def test_it_refuses_to_be_reached_by_whom_nobody_signed_in(host: str) -> None:
    said = refusal(host, Console())
    assert said is not None
    assert "trusted_proxies" in said
    assert "viewers" in said
    only_proxy = refusal(host, Console(trusted_proxies=("10.1.2.3",))) or ""
    assert "viewers" in only_proxy
    assert "trusted_proxies" not in only_proxy
    assert refusal(host, SIGNED_IN) is None


def test_this_machine_is_known_by_all_its_names() -> None:
    assert [name for name in ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1") if not is_loopback(name)] == []
    assert refusal("localhost", Console()) is None


def test_the_command_refuses_with_what_to_set(config: Path) -> None:
    run = CliRunner().invoke(cli, ["console", "--host", "0.0.0.0"], env={"EI_RELAY_CONFIG": str(config)})
    assert (run.exit_code, "set trusted_proxies" in run.stderr) == (2, True)


def test_without_its_parts_it_says_what_to_install(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    run = CliRunner().invoke(cli, ["console"], env={"EI_RELAY_CONFIG": str(config)})
    assert (run.exit_code, "ei-relay[console]" in run.stderr) == (1, True)


def test_one_process_does_the_work_and_serves_the_page(config: Path, tmp_path: Path) -> None:
    # Given a site of one process, in a service of the type notify
    port, heard = free_port(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with heard:
        heard.bind(f"{tmp_path}/notify")
        heard.settimeout(PATIENCE)
        environ = os.environ | {
            "EI_RELAY_CONFIG": str(config), "EI_RELAY_CONSOLE__PORT": str(port), "NOTIFY_SOCKET": f"{tmp_path}/notify",
            "EI_RELAY_WORKER_METRICS_PORT": "0",
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-m", "relay", "run", "--console"], env=environ,
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        try:
            # when it says that it is ready, then the page is there, and it knows of the process that works
            assert heard.recv(100) == b"READY=1"
            with urlopen(f"http://127.0.0.1:{port}/") as answer:
                assert answer.status == 200
        finally:
            process.terminate()
            said = process.communicate(timeout=PATIENCE)[1]
        assert (process.returncode, heard.recv(100)) == (0, b"STOPPING=1"), said
        heard.setblocking(False)
        with pytest.raises(BlockingIOError):  # each is said once
            heard.recv(100)


def test_one_process_whose_page_would_be_open_does_not_start(config: Path) -> None:
    environ = {"EI_RELAY_CONFIG": str(config), "EI_RELAY_CONSOLE__HOST": "0.0.0.0"}
    run = CliRunner().invoke(cli, ["run", "--console"], env=environ)
    assert (run.exit_code, "set trusted_proxies" in run.stderr) == (2, True)


@pytest.fixture
def served(config: Path) -> Iterator[str]:
    """The address of a console that runs as an operator starts it."""
    port = free_port()
    environ = os.environ | {"EI_RELAY_CONFIG": str(config)}
    command = [sys.executable, "-m", "relay", "console", "--port", str(port)]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)

    def listens() -> bool:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    try:
        wait_until(listens, "a console that listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def test_it_serves_until_it_is_told_to_stop(served: str) -> None:
    with urlopen(f"{served}/") as answer:
        assert answer.status == 200
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    with pytest.raises(HTTPError) as missing:
        urlopen(f"{served}/bookings?q=nope")
    assert missing.value.code == 404
    missing.value.close()


@pytest.mark.skipif(BROWSER is None, reason="no chromium (apt install chromium): the console is not seen in a browser")
def test_a_real_browser_shows_it(served: str, tmp_path: Path) -> None:
    # Given a console, when a browser in Swedish opens it, then the page is there, and its style is let in by the CSP
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
        "--lang=sv-SE", "--accept-lang=sv-SE", "--enable-logging=stderr", "--dump-dom", f"{served}/",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert '<main id="main">' in run.stdout
    assert "Sändköer" in run.stdout
    assert "Content Security Policy" not in run.stderr
