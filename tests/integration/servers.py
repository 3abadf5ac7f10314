"""A PostgreSQL server that can be frozen, as a machine that hangs is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.demo.postgres import Postgres


class Server(Postgres):
    """A PostgreSQL server that can also be frozen."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every one of its processes is stopped where it stands, and goes on afterwards."""
        assert self._process is not None
        stopped: list[int] = []
        try:
            _stop_family(self._process.pid, stopped)
            yield
        finally:
            for pid in stopped:
                _signal(pid, signal.SIGCONT)


def _stop_family(pid: int, stopped: list[int]) -> None:
    """Parents before children, so that none is born meanwhile."""
    if _signal(pid, signal.SIGSTOP):
        stopped.append(pid)
        for child in _children(pid):
            _stop_family(child, stopped)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
