"""Dates and times as the index's parser reads them: yyyyMMddHHmmss, in Swedish wall-clock time.

It is strict about the calendar and lax about the text: a blank may stand for a leading zero, the seconds may be one
digit, and what follows them is not looked at. An hour that does not exist (the spring gap) is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

_ZONE: Final = ZoneInfo("Europe/Stockholm")
_PLAIN: Final = re.compile(r"[0-9]{14}")
# Four digits or two, blanks in the place of leading ones; the seconds take all digits that are left.
_LAX: Final = re.compile(r"(\d{4})(\d\d| \d)(\d\d| \d)(\d\d| \d)(\d\d| \d) *(\d+)")


def read_time(text: str) -> str | None:
    """The fourteen digits of the time that this text names; None where the index cannot read it."""
    parts = _LAX.match(text)
    if parts is None:
        return None
    try:
        time = datetime(*map(int, parts.groups()))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None
    if not _exists(time):
        return None
    return text if _PLAIN.fullmatch(text) else f"{time.year:04}{time:%m%d%H%M%S}"


def _exists(time: datetime) -> bool:
    try:
        there = time.replace(tzinfo=_ZONE).astimezone(UTC).astimezone(_ZONE)
    except OverflowError:
        return True  # the first and the last day that there are
    return there.replace(tzinfo=None) == time
