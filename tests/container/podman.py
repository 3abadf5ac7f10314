"""Containers of the image, run by podman with runc as the chart runs its pods."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from pathlib import Path
from typing import Final, Self

from tests.container.builder import BASE, IMAGE, CannotBeTried, Failed, run

_PODMAN: Final = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
_RESTRICTED: Final = (
    "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges",
    "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "host",
)  # fmt: skip
_numbers = count(1)


def check_that_containers_run() -> None:
    """Run a container of the base, in which nothing is ours, and a second command in it. Raises CannotBeTried."""
    name = f"ei-relay-probe-{os.getpid()}"
    try:
        run(*_PODMAN, "run", *_RESTRICTED, "--detach", "--name", name, BASE,
            "sh", "-c", "touch /tmp/here && exec sleep 60", timeout=120)  # fmt: skip
        run(*_PODMAN, "exec", name, "sh", "-c", "until test -e /tmp/here; do sleep 0.1; done", timeout=120)
    except Failed as failed:
        raise CannotBeTried(f"containers do not run as they should: {failed.last_line}") from failed
    finally:
        _remove(name)


def _remove(name: str) -> None:
    subprocess.run(["podman", "rm", "--force", "--time", "0", name], capture_output=True, check=False)


class Container:
    """The image at work as the chart runs it: read-only, without rights; `config` is the TOML file it sees. A platform
    may run it as another `user`, given by number."""

    def __init__(self, config: Path, *command: str, log: Path | None = None, user: str | None = None) -> None:
        self.name = f"ei-relay-tested-{os.getpid()}-{next(_numbers)}"
        self._log = log
        self._probed = ""
        self._command = [
            *_PODMAN, "run", *_RESTRICTED, *(() if user is None else ("--user", user)),
            "--env", "WORKER_PULSE_FILE=/tmp/pulse", "--volume", f"{config}:/etc/ei-relay/config/ei-relay.toml:ro",
            "--name", self.name, IMAGE, *command,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def output(self) -> str:
        """Run the command to its end; what it wrote to stdout."""
        return run(*self._command, timeout=120)

    def start(self) -> Self:
        """Start it; returns at once."""
        assert self._log is not None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        return self

    def has_pulse(self) -> bool:
        """What the chart's probes ask."""
        probe = [*_PODMAN, "exec", self.name, "sh", "-c", 'test -n "$(find /tmp/pulse -mmin -1)"']
        probed = subprocess.run(probe, capture_output=True, text=True, timeout=60, check=False)
        self._probed = probed.stderr
        return probed.returncode == 0

    def log(self) -> str:
        """What it has written so far, and what the last look at its pulse complained of."""
        said = self._log.read_text(encoding="utf-8", errors="replace") if self._log else ""
        return f"{said}\n{self._probed}"

    def stop(self, within: int) -> int:
        """SIGTERM; its exit code, 137 if it had to be killed."""
        assert self._process is not None
        run("podman", "kill", "--signal", "TERM", self.name)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            return 137

    def kill(self) -> None:
        """End it, whatever it does."""
        _remove(self.name)
        if self._process is not None:
            self._process.wait(30)
