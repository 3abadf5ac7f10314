"""Other operating systems, played by taking away what they lack: what works there works, and the rest says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.cli.configuration import RIGHT

ROOT: Final = Path(__file__).parents[1]
# As on Windows: names that are not there, modules that cannot be imported, and what processes are started without.
LACKING: Final = """
import os, signal, sys, time
for module, names in {
    os: "getuid geteuid getgid getegid killpg setsid chown fchmod O_DIRECTORY getpgid",
    signal: "SIGHUP SIGKILL SIGQUIT SIGSTOP SIGCONT SIGUSR1 SIGALRM",
    time: "clock_gettime CLOCK_MONOTONIC CLOCK_BOOTTIME",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("pwd", "grp", "fcntl", "resource", "termios"):
    sys.modules[name] = None
"""


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    """What `ei-relay ARGUMENTS` says there; every process that it starts lacks the same."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(LACKING, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("EI_RELAY_", "PYTHON"))}
    environment |= {"PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT)])}
    if (folder / "relay.toml").exists():
        environment["EI_RELAY_CONFIG"] = str(folder / "relay.toml")
    done = subprocess.run(
        [sys.executable, "-m", "relay", *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_what_is_taken_away_is_gone(tmp_path: Path) -> None:
    run(tmp_path, "--version")
    asked = "import os, signal; print(hasattr(os, 'getuid'), hasattr(signal, 'SIGHUP'))"
    said = subprocess.run(
        [sys.executable, "-c", asked], env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert said.stdout == "False False\n"


def test_the_commands_work(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text(RIGHT.format(folder=tmp_path), encoding="utf-8")

    assert "CREATE TABLE" in run(tmp_path, "outbox", "ddl", "--dialect", "mssql")
    run(tmp_path, "config", "check")
    run(tmp_path, "db", "upgrade")
    run(tmp_path, "outbox", "create")
    run(tmp_path, "units", "apply", "--source", "tidbok-nord", "--reason", "a try", "--yes")
    assert "a try" in run(tmp_path, "audit", "list")


@pytest.mark.heavy
@pytest.mark.parametrize("options", [("--single",), ()])
def test_the_demo_plays_in_one_process(tmp_path: Path, options: tuple[str, ...]) -> None:
    said = run(tmp_path, "demo", "--seconds", "2", *options)

    assert (
        options or "The servers of the full demo cannot run here: its PostgreSQL runs on Linux and macOS only" in said
    )
    assert options or "Going on with one process on SQLite" in said
