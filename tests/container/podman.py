"""The image, really built and run: a stand-in for its base made with mmdebstrap, buildah and podman with runc.

The stand-in is a Debian with its own Python: the registry that has the real base cannot be reached from everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ("mmdebstrap", "buildah", "podman", "runc")
BASE: Final = "localhost/ei-relay-stand-in"
IMAGE: Final = "localhost/ei-relay-tested"
PACKAGES: Final = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates,passwd"
_numbers = count(1)
AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")


def missing() -> str:
    """Why the image cannot be built here, or nothing."""
    if os.geteuid() != 0:
        return "it takes root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(absent)} (apt install)" if absent else ""


def run(*command: str | Path, timeout: float = 600) -> str:
    """Run a command to its end; what it wrote to stdout. An AssertionError with all it said if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build() -> None:
    """Build the stand-in, and the Dockerfile on it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        system = Path(folder) / "system.tar"
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", _release(), system)
        container = run("buildah", "from", "scratch").strip()
        run("buildah", "add", "--quiet", container, system, "/")
    if AUTHORITIES.exists():  # a package index behind a company's proxy is trusted as it is here
        run("buildah", "copy", "--quiet", container, AUTHORITIES, str(AUTHORITIES))
        run("buildah", "config", "--env", f"PIP_CERT={AUTHORITIES}", container)
    run("buildah", "commit", "--quiet", "--rm", container, BASE)
    run("buildah", "bud", "--pull-never", "--isolation", "chroot", "--network", "host",
        "--build-arg", f"BASE={BASE}", "--tag", IMAGE, ".")  # fmt: skip


def remove() -> None:
    """Remove both images."""
    subprocess.run(["buildah", "rmi", "--force", IMAGE, BASE], capture_output=True, check=False)


def _release() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    known = dict(line.split("=", 1) for line in lines if "=" in line)
    return known.get("VERSION_CODENAME", "bookworm").strip('"')


class Container:
    """The image at work as the chart runs it: read-only, without rights; `config` is the TOML file it sees."""

    def __init__(self, config: Path, *command: str, log: Path | None = None) -> None:
        self.name = f"ei-relay-tested-{os.getpid()}-{next(_numbers)}"
        self._log = log
        self._command = [
            "podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "run", "--rm",
            "--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges",
            "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "host",
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
        probe = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "exec", self.name,
                 "sh", "-c", 'test -n "$(find /tmp/pulse -mmin -1)"']  # fmt: skip
        return subprocess.run(probe, capture_output=True, timeout=60, check=False).returncode == 0

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log else ""

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
        subprocess.run(["podman", "rm", "--force", "--time", "0", self.name], capture_output=True, check=False)
        if self._process is not None:
            self._process.wait(30)
