"""Keeps a process with many threads small.

glibc gives each thread that allocates an arena of its own, up to eight a core, and what one has freed no other uses: a
worker of sixteen threads holds some tens of MiB for nothing. Two are enough, since Python's own lock lets one thread
allocate at a time. And once a large block was freed, glibc takes the next ones of that size from the heap, which
shrinks only from its end: the room for a message of a thousand posts would stay in it for good. With a threshold that
is told it lies beside the heap, and goes back when it is done with.
"""

from __future__ import annotations

import os
from typing import Final

ARENAS: Final = 2
LARGE: Final = 128 * 1024  # bytes of a block that lies beside the heap
LEFT: Final = 128 * 1024  # bytes at the heap's end that are kept for the next
_TOLD: Final = (  # its number in <malloc.h>, the variable by which somebody else may have decided, what it is here
    (-8, "MALLOC_ARENA_MAX", ARENAS),
    (-3, "MALLOC_MMAP_THRESHOLD_", LARGE),
    (-1, "MALLOC_TRIM_THRESHOLD_", LEFT),
)


def keep_small() -> bool:
    """Tell this process's C library so, before there are threads. Whether it could be told all: other libraries than
    glibc have no such thing, and what the environment says stands."""
    import ctypes  # of no use to whoever only imports this

    try:
        tell = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    told = [tell(what, value) for what, variable, value in _TOLD if not os.environ.get(variable)]
    return all(told)
