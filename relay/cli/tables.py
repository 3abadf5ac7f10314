"""How lists and single things look on a terminal; scripts take --json, which has everything.

A column in which no line says anything is left out. On a terminal that is too narrow the columns with sentences are
wrapped; in a file or a pipe each line stays one, for grep.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final

_GAP: Final = "  "
_NARROWEST: Final = 24  # of a column with sentences


def table(rows: Sequence[Mapping[str, object]], width: int | None = None) -> str:
    """Rows of one shape as aligned columns under their names, numbers to the right; no wider than so, if it can be."""
    if not rows:
        return ""
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)] or list(rows[0])
    right = [_is_of_numbers([row[name] for row in rows if row[name] is not None]) for name in names]
    decimals = [max(_decimals(row[name]) for row in rows) for name in names]
    texts = [[cell(row[name], places) for name, places in zip(names, decimals, strict=True)] for row in rows]
    lines = [[[name] for name in names], *([[text] for text in line] for line in texts)]
    widths = [max(len(name), *(len(line[at]) for line in texts)) for at, name in enumerate(names)]
    fits = _fitted(widths, [any(" " in text for text in _sentences(rows, name)) for name in names], width or _screen())
    if fits != widths:
        lines = [[_wrapped(column[0], fit) for column, fit in zip(line, fits, strict=True)] for line in lines]
        widths = fits
    return "\n".join(
        _GAP.join(
            part.rjust(w) if to_right else part.ljust(w) for part, w, to_right in zip(parts, widths, right, strict=True)
        ).rstrip()
        for line in lines
        for parts in zip_longest(*line, fillvalue="")
    )


def sheet(facts: Mapping[str, object]) -> str:
    """One thing: a name and its value a line."""
    indent = max(map(len, facts), default=0) + len(_GAP)
    return "\n".join(f"{name:{indent}}{cell(value)}" for name, value in facts.items())


def cell(value: object, decimals: int = 0) -> str:
    """A value as it stands in a line, which stays one."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, float) and decimals:
        return f"{value:.{decimals}f}"
    return "".join(char if char.isprintable() else " " for char in str(value))


def _is_of_numbers(values: Sequence[object]) -> bool:
    return bool(values) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _decimals(value: object) -> int:
    return len(str(value).partition(".")[2]) if isinstance(value, float) and "e" not in str(value) else 0


def _sentences(rows: Sequence[Mapping[str, object]], name: str) -> list[str]:
    return [value for row in rows if isinstance(value := row[name], str)]


def _screen() -> int | None:
    """How wide the terminal is; None: what is written goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _fitted(widths: Sequence[int], may_wrap: Sequence[bool], room: int | None) -> list[int]:
    """The widths, with those of the columns that may be wrapped taken back until all fit, the widest first."""
    fits = list(widths)
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - (room or sys.maxsize)
    while over > 0:
        wide = [at for at, wraps in enumerate(may_wrap) if wraps and fits[at] > _NARROWEST]
        if not wide:
            break
        fits[max(wide, key=lambda at: fits[at])] -= 1
        over -= 1
    return fits


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) if len(text) > width else [text]
