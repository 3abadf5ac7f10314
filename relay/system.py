"""What differs between operating systems, in one place. The relay is run and tested on Linux; docs/install.md says what
works elsewhere, and the rest says so politely."""

from __future__ import annotations

import os
import signal
from typing import Final

# What ends a process from outside. Windows has no SIGHUP.
ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # fmt: skip


def user_id() -> int | None:
    """The number of this process's user; None where users have none, as on Windows."""
    return os.getuid() if hasattr(os, "getuid") else None


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Have the names of a folder's files survive a power cut; Windows opens no folders, and needs it not."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
