"""Durations as operators write them: `"5m"`, `"90s"`, `"1.5s"`, `"250ms"`, `"2h"`. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

EXPECTED: Final = 'expected a duration with its unit (ms, s, m, h or d), such as "5m", "90s", "1.5s" or "250ms"'
LONGEST: Final = timedelta(days=365)

_MICROSECONDS: Final = {"ms": 1_000, "s": 10**6, "m": 60 * 10**6, "h": 3_600 * 10**6, "d": 86_400 * 10**6}
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>ms|s|m|h|d)")


def parse_duration(text: str) -> timedelta:
    """The duration that the text says, to the microsecond.

    A number without a unit is refused: nobody can tell whether 30 means seconds or minutes.
    Raises ValueError, whose text says what was expected.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(EXPECTED)
    microseconds = Decimal(match["number"]) * _MICROSECONDS[match["unit"]]
    if microseconds > LONGEST // timedelta(microseconds=1):
        raise ValueError(f"expected at most {format_duration(LONGEST)}")
    return timedelta(microseconds=round(microseconds))


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads as this duration: whole units where there are any."""
    microseconds = duration // timedelta(microseconds=1)
    if microseconds == 0:
        return "0s"
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(microseconds, _MICROSECONDS[unit])
        if rest == 0:
            return f"{count}{unit}"
    unit = "s" if microseconds >= _MICROSECONDS["s"] else "ms"
    number = Decimal(microseconds) / _MICROSECONDS[unit]
    return f"{number:f}{unit}"
