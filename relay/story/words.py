"""How times, contents and values are said to people: Swedish wall-clock time, everything else masked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from relay.identity import mask
from relay.language.said import Quoted, Said, say
from relay.post import ABSENT, UNKNOWN
from relay.wallclock import SWEDEN

HOW_TO_WRITE = {
    "operation": say("upsert or remove"),
    "booking_id": say("the booking's id, at most 128 characters, no white space around it"),
    "event_id": say("at most 64 characters, another one for each event"),
    "version": say("a whole number that grows with each change of the booking"),
    "source_system": say("one of the HSA-ids in the source's source_systems, or nothing"),
    "resident_id": say("a personnummer, samordningsnummer or national reserve number: 12 characters, YYYYMMDDNNNC"),
    "care_unit": say("the care unit's HSA-id, such as SE2321000016-1HZ5"),
    "kind": say("booking, invitation or open_invitation"),
    "starts_at": say("Swedish wall-clock time, YYYY-MM-DD hh:mm:ss"),
    "invited_on": say("a date, YYYY-MM-DD"),
    "valid_until": say("Swedish wall-clock time, YYYY-MM-DD hh:mm:ss"),
    "presentable": say("true or false"),
    "data_controller": say("an organisation number or HSA-id, at most 64 characters"),
}
"""How each column is written right; a rejected row is told so."""

_FIELD = re.compile(rf"(?:^|; )({'|'.join(HOW_TO_WRITE)}): ")


def clock(at: datetime, now: datetime, *, seconds: bool = False) -> Said:
    """A time of today as 10:43, of another day with its date; Swedish time."""
    local, today = at.astimezone(SWEDEN), now.astimezone(SWEDEN).date()
    time = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return say("{time}", time=time) if local.date() == today else say("{date} {time}", date=local.date(), time=time)


def by(at: datetime, now: datetime) -> Said:
    """The minute by which something will have happened, rounded up."""
    up = at + timedelta(minutes=1) - timedelta(microseconds=1)
    return clock(up.replace(second=0, microsecond=0), now)


def lasting(length: timedelta) -> Said:
    """How long, as a person says it: 40 seconds, 12 minutes, 3 hours, 2 days."""
    seconds = max(round(length.total_seconds()), 0)
    if seconds < 120:
        return say("1 second") if seconds == 1 else say("{number} seconds", number=seconds)
    if seconds < 7200:
        return say("{number} minutes", number=seconds // 60)
    return say("{number} hours", number=seconds // 3600) if seconds < 48 * 3600 else say(
        "{number} days", number=seconds // 86400
    )  # fmt: skip


def content(text: str) -> Said:
    """What is wanted or known of a post, in words."""
    if text == ABSENT:
        return say("absent")
    if text == UNKNOWN:
        return say("unknown")
    return say("{date} {clock}", date=f"{text[:4]}-{text[4:6]}-{text[6:8]}", clock=f"{text[8:10]}:{text[10:12]}")


def fields_of(reason: str) -> list[str]:
    """The columns that a rejection names."""
    return list(dict.fromkeys(_FIELD.findall(reason)))


def plain(text: str | None) -> Said:
    """A text of somebody else's as part of a sentence: masked, on one line, without a full stop at its end."""
    line = " ".join(mask(text or "").split())
    return Quoted(line.rstrip("."))


def coded(code: str | None, text: str | None) -> Said:
    """A code and its text, in which the code often stands already: VP007: not authorised."""
    said = plain(text)
    if code and said.startswith(f"{code}: {code}"):  # as a discarded post keeps it
        return plain(said.removeprefix(f"{code}: "))
    if code and said.startswith(code):
        return said
    return say("{code}: {text}", code=code, text=said) if said else Quoted(code or "")


def one_after_the_other(parts: Iterable[Said], message: str) -> Said:
    """Several things said as one, by a message that joins two of them: `first` and `rest`."""
    first, *rest = parts
    return say(message, first=first, rest=one_after_the_other(rest, message)) if rest else first
