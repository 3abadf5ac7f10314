"""How times, contents and values are said to people: Swedish wall-clock time, everything else masked."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from relay.identity import mask
from relay.post import ABSENT, UNKNOWN
from relay.wallclock import SWEDEN

HOW_TO_WRITE = {
    "operation": "upsert or remove",
    "booking_id": "the booking's id, at most 128 characters, no white space around it",
    "event_id": "at most 64 characters, another one for each event",
    "version": "a whole number that grows with each change of the booking",
    "source_system": "one of the HSA-ids in the source's source_systems, or nothing",
    "resident_id": "a personnummer, samordningsnummer or national reserve number: 12 characters, YYYYMMDDNNNC",
    "care_unit": "the care unit's HSA-id, such as SE2321000016-1HZ5",
    "kind": "booking, invitation or open_invitation",
    "starts_at": "Swedish wall-clock time, YYYY-MM-DD hh:mm:ss",
    "invited_on": "a date, YYYY-MM-DD",
    "valid_until": "Swedish wall-clock time, YYYY-MM-DD hh:mm:ss",
    "presentable": "true or false",
    "data_controller": "an organisation number or HSA-id, at most 64 characters",
}
"""How each column is written right; a rejected row is told so."""

_FIELD = re.compile(rf"(?:^|; )({'|'.join(HOW_TO_WRITE)}): ")


def clock(at: datetime, now: datetime, *, seconds: bool = False) -> str:
    """A time of today as 10:43, of another day with its date; Swedish time."""
    local, today = at.astimezone(SWEDEN), now.astimezone(SWEDEN).date()
    shape = "%H:%M:%S" if seconds else "%H:%M"
    return local.strftime(shape if local.date() == today else f"%Y-%m-%d {shape}")


def by(at: datetime, now: datetime) -> str:
    """The minute by which something will have happened, rounded up."""
    up = at + timedelta(minutes=1) - timedelta(microseconds=1)
    return clock(up.replace(second=0, microsecond=0), now)


def lasting(length: timedelta) -> str:
    """How long, as a person says it: 40 seconds, 12 minutes, 3 hours, 2 days."""
    seconds = max(round(length.total_seconds()), 0)
    for size, name, most in ((1, "second", 120), (60, "minute", 7200), (3600, "hour", 48 * 3600)):
        if seconds < most:
            return _number(seconds // size, name)
    return _number(seconds // 86400, "day")


def content(text: str) -> str:
    """What is wanted or known of a post, in words."""
    if text == ABSENT:
        return "absent"
    if text == UNKNOWN:
        return "unknown"
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}"


def fields_of(reason: str) -> list[str]:
    """The columns that a rejection names."""
    return list(dict.fromkeys(_FIELD.findall(reason)))


def plain(text: str | None) -> str:
    """A text of somebody else's as part of a sentence: masked, on one line, without a full stop at its end."""
    line = " ".join(mask(text or "").split())
    return line.rstrip(".")


def coded(code: str | None, text: str | None) -> str:
    """A code and its text, in which the code often stands already: VP007: not authorised."""
    said = plain(text)
    return said if code and said.startswith(code) else f"{code}: {said}".removesuffix(": ")


def _number(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
