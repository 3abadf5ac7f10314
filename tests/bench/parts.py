"""The servers and processes of a run. Each is a context manager, and ends with it whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from relay.demo.postgres import Postgres
from tests.bench.revision import THIS, Program

T = TypeVar("T")


class NotInTimeError(Exception):
    """Something that was waited for did not come; the text says what."""


def await_(what: str, probe: Callable[[], T | None], seconds: float = 60) -> T:
    """What `probe` gives once it gives something true, asked ten times a second. Raises NotInTimeError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.1)
    raise NotInTimeError(f"{what}: not within {seconds:.0f} s")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that counts its statements (BEGIN and COMMIT apart); otherwise as it comes, fsync included."""
    with Postgres("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_utility=off") as server:
        yield server


@contextmanager
def process(
    log: Path, module: str, *args: str, program: Program = THIS, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module args` of a program, with what it says in `log`. All that it starts ends with it."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [program.python, "-m", module, *args],
            stdout=output, stderr=output, cwd=program.root, env=program.environment(**env), start_new_session=True,
        )  # fmt: skip
    try:
        yield child
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)


def cpu_seconds(pid: int) -> float | None:
    """What a process has had of the processors up to now, all its threads; None where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    user, system = stat.rpartition(")")[2].split()[11:13]  # the name before it may hold blanks
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float | None:
    """The memory that a process holds, in MiB; None where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), None)
