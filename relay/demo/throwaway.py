"""Servers that are thrown away: they answer from the moment their block is entered, and are gone when it is left."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Self

_PORTS: Final = range(20_000, 30_000)
_given: Final[set[int]] = set()


class NoBinariesError(Exception):
    """No server binaries were found; the text says what to install."""


class ThrowAway(ABC):
    """A server, as a context manager. It can also be started and closed by hand."""

    @abstractmethod
    def start(self) -> Self:
        """Start, and wait until it answers."""

    @abstractmethod
    def close(self) -> None:
        """End it, whatever state it is in, and remove what it kept."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()


def comes_to_answer(process: subprocess.Popen[bytes], answers: Callable[[], bool], timeout: float) -> bool:
    """Wait until the server `answers`, while its process lives, at most `timeout` seconds: whether it does."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        if answers():
            return True
        time.sleep(0.02)
    return False


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now, and that this process was not given before, while there
    are others.

    It lies below those that systems give to connections: one of these could have it by the time it is listened on, or,
    while its server is away, be connected to itself.
    """
    in_any_order = random.sample(_PORTS, len(_PORTS))
    for port in sorted(in_any_order, key=_given.__contains__):  # False comes before True
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise OSError(errno.EADDRINUSE, f"no port is free from {_PORTS[0]} to {_PORTS[-1]}")
