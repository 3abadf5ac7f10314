"""Tells systemd how a service gets on (sd_notify), where it asks (`Type=notify`); elsewhere it does nothing.

A datagram to the socket that NOTIFY_SOCKET names is the whole of it, so it needs no library.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

SOCKET: Final = "NOTIFY_SOCKET"
_told: set[str] = set()


def ready() -> None:
    """The service does its work from now on. Said once, however often it is called."""
    _once("READY=1")


def stopping() -> None:
    """The service is on its way out: it ends what it has begun."""
    _once("STOPPING=1")


def _once(state: str) -> None:
    path = os.environ.get(SOCKET, "")
    if not path or state in _told:
        return
    _told.add(state)
    address = "\0" + path[1:] if path.startswith("@") else path  # @: a name that is no file
    # Whoever is not heard is started again by systemd: that is no reason to leave the work.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
        notifying.connect(address)
        notifying.send(state.encode())
