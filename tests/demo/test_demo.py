"""The command from end to end, as somebody runs it who wants to see the main job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


def start(tmp_path: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EI_RELAY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "relay", "demo", *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", cwd=tmp_path,
        env=inherited | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"} | environment,
    )  # fmt: skip


def assert_it_went_well(shown: str, code: int, tmp_path: Path) -> None:
    lines = shown.splitlines()
    assert (code, lines[-1]) == (0, "index equals bookings"), shown
    summary = dict(line.strip().split("  ", 1) for line in lines[-12:] if line.startswith("  ") and "  " in line[2:])
    assert summary["outcomes"].endswith("1 duplicate, 1 superseded, 1 rejected")
    assert "breaches of rules none" in shown
    assert "of which failed: 1 VP009" in summary["calls"]
    assert list(tmp_path.iterdir()) == []  # nothing is left behind


def test_in_one_process_the_index_equals_the_bookings(tmp_path):
    with start(tmp_path, "--single", "--seconds", "4") as process:
        shown, _ = process.communicate(timeout=2 * PATIENCE)

    assert_it_went_well(shown, process.returncode, tmp_path)


def test_with_many_booking_systems_the_index_equals_the_bookings(tmp_path):
    with start(tmp_path, "--single", "--sources", "20", "--seconds", "3") as process:
        shown, _ = process.communicate(timeout=2 * PATIENCE)

    assert "in 20 booking systems" in shown
    assert_it_went_well(shown, process.returncode, tmp_path)


def test_settings_of_the_environment_do_not_reach_it(tmp_path):
    with start(tmp_path, "--single", "--seconds", "2", EI_RELAY_DATABASE_URL="postgresql://elsewhere/x") as process:
        shown, _ = process.communicate(timeout=2 * PATIENCE)

    assert process.returncode == 0, shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left_behind(tmp_path, number):
    with start(tmp_path, "--single", "--seconds", "60") as process:
        assert process.stdout is not None
        assert any("booking" in line for line in process.stdout)  # to the end of what it says at most
        process.send_signal(number)
        process.communicate(timeout=PATIENCE)

    assert process.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_where_the_servers_cannot_start_it_says_so_and_goes_on_with_one_process(tmp_path):
    missing = tmp_path / "no-such-folder"
    with start(tmp_path, "--seconds", "2", PG_BINDIR=str(missing)) as process:
        shown, _ = process.communicate(timeout=2 * PATIENCE)

    assert "The servers of the full demo cannot run here" in shown
    assert_it_went_well(shown, process.returncode, tmp_path)


@pytest.mark.integration
def test_with_real_servers_and_workers_the_index_equals_the_bookings(tmp_path):
    with start(tmp_path, "--seconds", "6") as process:
        shown, _ = process.communicate(timeout=2 * PATIENCE)

    assert "cannot run here" not in shown
    assert_it_went_well(shown, process.returncode, tmp_path)


def test_with_a_console_it_goes_on_and_shows_what_is_wrong(tmp_path):
    with start(tmp_path, "--single", "--seconds", "2", "--console") as process:
        assert process.stdout is not None
        addresses = {}
        for line in process.stdout:
            name, _, address = line.strip().partition("   ")
            if address.strip().startswith("http"):
                addresses[name] = address.split()[0]
            if "curl" in line or "urllib" in line:
                break
        # when somebody looks in Swedish, then each address shows what it promises, to somebody who may act on it
        shown = {}
        for name in ("the console", "a unit not connected", "a hidden booking", "a rejected row"):
            request = Request(addresses[name], headers={"Accept-Language": "sv"})
            with urlopen(request, timeout=PATIENCE) as answer:
                shown[name] = answer.read().decode()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=2 * PATIENCE)

    assert "Inloggad som demo (operatör, support, läsare)" in shown["the console"]
    for name in ("a unit not connected", "a hidden booking", "a rejected row"):
        assert "Den finns inte i indexet, eftersom" in shown[name]
    assert list(tmp_path.iterdir()) == []
