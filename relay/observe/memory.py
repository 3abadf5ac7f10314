"""Keeps a process with many threads small.

glibc gives each thread that allocates an arena of its own, up to eight a core, and what one has freed no other uses: a
worker of sixteen threads holds some tens of MiB for nothing. Two are enough, since Python's own lock lets one thread
allocate at a time.
"""

from __future__ import annotations

import os
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of <malloc.h>
ARENAS: Final = 2


def few_arenas() -> bool:
    """Have this process's C library use few arenas, whatever threads come; before they do. Whether it could be told:
    other libraries than glibc have none, and whoever sets MALLOC_ARENA_MAX has decided."""
    if os.environ.get("MALLOC_ARENA_MAX"):
        return False
    import ctypes  # of no use to whoever only imports this

    try:
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, ARENAS))
    except (OSError, AttributeError):
        return False
