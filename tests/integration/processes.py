"""Real processes of the relay: started in a group of their own, killed whole, their output kept in files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.waiting import PATIENCE

ROOT: Final = Path(__file__).resolve().parents[2]


class Process:
    """`python ARGS…` with its output in FOLDER/NAME.out and .err, which a process of the same name goes on writing."""

    def __init__(self, name: str, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        self._command = [sys.executable, *arguments]
        self._folder = folder
        self._environment = dict(environment)
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> Process:
        """Start it; returns at once."""
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self._popen = subprocess.Popen(
                self._command, stdout=out, stderr=err, cwd=self._folder, env=self._environment, start_new_session=True
            )
        return self

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        """End it and whatever it has started, as a power cut would: nothing is finished."""
        if self._popen is not None and self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait(PATIENCE)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); returns at once."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP), with whatever it has started; `thaw` lets it go on."""
        assert self._popen is not None
        os.killpg(self._popen.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if no time had passed."""
        assert self._popen is not None
        os.killpg(self._popen.pid, signal.SIGCONT)

    def wait(self, within: float) -> int:
        """Wait for its end; its exit code."""
        assert self._popen is not None
        return self._popen.wait(within)

    def log(self) -> str:
        """The lines that it has written to stderr so far; not the beginning of one that it is writing."""
        return whole_lines(self.err)

    def output(self) -> str:
        """What it has written to stdout so far."""
        return self.out.read_text(encoding="utf-8", errors="replace")


def whole_lines(file: Path) -> str:
    """What a file holds whose writer may be in the middle of a line: a page of it may be seen without the next."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return text[: text.rfind("\n") + 1]


def environment(config: Path) -> dict[str, str]:
    """What the relay's processes are started with: nothing of ours but the search path and their configuration."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "EI_RELAY_CONFIG": str(config),
    }
