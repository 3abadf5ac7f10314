"""What a process keeps for all its life, the garbage collector need not go through again and again.

Modules, statements and their compiled forms are some hundred thousand objects; a batch of rows makes enough new ones
for the collector to look at all of them, and that took a tenth of intake's time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@cache
def spare(stage: str) -> None:
    """Leave out of all later rounds whatever is there when a stage is reached for the first time; `stage` names it."""
    del stage
    gc.freeze()


@contextmanager
def loading() -> Iterator[None]:
    """While modules are imported nothing is garbage, and the collector would look for it all the same: with what it
    later looks at again, a third of what a short command took."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
