"""What a process keeps for all its life, the garbage collector need not go through again and again.

Modules, statements and their compiled forms are some hundred thousand objects; a batch of rows makes enough new ones
for the collector to look at all of them, and that took a tenth of intake's time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

# New objects between two looks for some that only hold each other, which are few here. A batch of rows makes tens of
# thousands that live until it is over: looked at after each 700, as Python does by itself, they took 3 µs a row.
YOUNG: Final = 20_000


@cache
def spare(stage: str) -> None:
    """Leave out of all later rounds whatever is there when a stage is reached for the first time; `stage` names it."""
    del stage
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


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
