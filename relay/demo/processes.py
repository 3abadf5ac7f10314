"""Processes of the demo: each in a group of its own with a log, watched, and gone in the end whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from relay.system import ENDING

T = TypeVar("T")

TAIL: Final = 15  # lines of a log that are shown
_PATIENCE: Final = 8.0  # seconds a process gets to end by itself after SIGTERM


class StartFailed(Exception):
    """A part of the demo did not start, or ended by itself; the text says which, with the tail of its log."""


class Process:
    """A running command. Its output goes to `log`; it leads a process group, so that its children end with it."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start it."""
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=dict(environment),
                cwd=log.parent, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its number, and its group's."""
        return self._process.pid

    def check(self) -> None:
        """Raise StartFailed if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise StartFailed(f"{self.name} ended by itself with code {code}; the end of its log:\n{tail(self.log)}")

    def wait_for_line(self, beginning: str, timeout: float) -> str:
        """The rest of the first line of output that begins so. Raises StartFailed."""

        def look() -> str | None:
            for line in self.log.read_text(errors="replace").splitlines(keepends=True):
                if line.startswith(beginning) and line.endswith("\n"):
                    return line.removeprefix(beginning).strip()
            return None

        return self.wait_for(look, timeout)

    def wait_for(self, look: Callable[[], T | None], timeout: float) -> T:
        """What `look` sees as soon as that is not None. Raises StartFailed."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if (seen := look()) is not None:
                return seen
            self.check()
            time.sleep(0.02)
        raise StartFailed(f"{self.name} was not ready after {timeout:.0f} s; the end of its log:\n{tail(self.log)}")

    def ask_to_stop(self) -> None:
        """Send SIGTERM, so that several processes can stop at once."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Have it end by SIGTERM, else by SIGKILL, and its whole group with it."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)


@contextlib.contextmanager
def undisturbed_at_the_end() -> Iterator[contextlib.ExitStack]:
    """A stack that is unwound with signals turned off, so that a second Ctrl-C leaves no process behind."""
    stack = contextlib.ExitStack()
    try:
        yield stack
    finally:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
        stack.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def tail(log: Path) -> str:
    """The last lines of a log."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"    {line}" for line in lines[-TAIL:]) or "    (empty)"
