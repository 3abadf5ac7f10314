"""Processes of the demo: told of when they die, and gone with all their children in the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from relay.demo.processes import Process, StartFailed
from tests.waiting import PATIENCE, wait_until

PARENT = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
{extra}
print("child", child.pid, flush=True)
time.sleep(60)
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def start(tmp_path, code: str) -> Process:
    return Process("the part", [sys.executable, "-c", code], tmp_path / "log", os.environ)


def is_running(pid: int) -> bool:
    """Whether it lives; a zombie that nobody has collected yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter where it is collected between opening and reading
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc")
def test_its_children_end_with_it(tmp_path):
    with start(tmp_path, PARENT.format(extra="")) as process:
        child = int(process.wait_for_line("child", PATIENCE))
        assert is_running(child)

    wait_until(lambda: not is_running(child), "its child ended")


def test_one_that_is_deaf_to_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("relay.demo.processes._PATIENCE", 0.2)
    process = start(tmp_path, PARENT.format(extra=DEAF))
    process.wait_for_line("child", PATIENCE)

    process.stop()

    with pytest.raises(StartFailed, match="ended by itself with code -9"):
        process.check()


def test_one_that_fails_to_start_is_told_of_with_the_tail_of_its_log(tmp_path):
    with (
        start(tmp_path, "import sys; print('no such port', file=sys.stderr); sys.exit(7)") as process,
        pytest.raises(StartFailed, match=r"the part ended by itself with code 7(?s:.*)no such port"),
    ):
        process.wait_for_line("ready", PATIENCE)
