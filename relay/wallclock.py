"""Swedish wall-clock time: from the texts booking systems write, to the index's format, to instants.

Pure. A booking's time is kept as the naive time that stands on the clinic's wall, because that is what the
index wants (R-05) and what a resident reads. Only expiry needs an instant, and there the two nights of the
year matter: a time that does not exist (spring) is refused, a time that comes twice (autumn) is taken as
the later instant, so that no booking disappears an hour before it starts.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SWEDEN: Final = ZoneInfo("Europe/Stockholm")

_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:[.,](?P<fraction>\d+))?"
    r" ?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FIRST_DAY: Final = 1  # the first that datetime knows: an hour before it is none
_FIRST_YEAR: Final = 1000  # the index's time format wants a year of four digits that does not begin with 0


class WallClockError(ValueError):
    """The text is not a time that a Swedish clock can show."""


_PLAIN_TIME: Final = re.compile(r"[1-9]\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", re.ASCII)


@lru_cache(maxsize=1024)  # bookings begin at even minutes, many at the same one
def parse_wall_time(text: str) -> datetime:
    """A naive Swedish time, whole seconds, from ISO 8601 text with any offset or none.

    `2026-12-24 10:30`, `2026-12-24T10:30:00.000` are Swedish time as they stand; `2026-12-24T09:30Z` and
    `2026-12-24 04:30:00-05` are converted. It is rounded to the nearest second: spreadsheets and floating-point clocks
    write 10:20 as `10:19:59.999`, and the resident would be told 10:19.
    Raises WallClockError, whose text says what was expected.
    """
    plain = _plain(text) if _PLAIN_TIME.fullmatch(text) else None
    if plain is not None and _offset_of_day(plain.toordinal()) is not None:
        return plain  # as nearly all are
    match = _TIME.fullmatch(text)
    if match is None:
        raise WallClockError("expected a time as YYYY-MM-DD hh:mm:ss, with an offset or without")
    try:
        stated = _stated(match)
        zone = match["zone"]
        wall = _from_offset(stated + _rounding(match), zone) if zone else _rounded(stated, _rounding(match))
    except (ValueError, OverflowError):
        raise WallClockError("expected a real date and time as YYYY-MM-DD hh:mm:ss") from None
    if wall.year < _FIRST_YEAR:
        raise WallClockError("expected a year of four digits")
    if not _exists(wall):
        raise WallClockError("expected a time that exists: Swedish clocks skip it on the night summer time begins")
    return wall


def parse_date(text: str) -> date:
    """A date from `YYYY-MM-DD`. Raises WallClockError."""
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None  # not the ISO form of weeks
    except ValueError:
        day = None
    if day is None or day.year < _FIRST_YEAR:
        raise WallClockError("expected a real date as YYYY-MM-DD")
    return day


@lru_cache(maxsize=256)  # rows of one transaction have one
def parse_instant(text: str) -> datetime:
    """An aware UTC time, to the microsecond, from ISO text with an offset; without one it is UTC already.

    Raises WallClockError.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise WallClockError("expected a time as YYYY-MM-DD hh:mm:ss with an offset")
    try:
        stated = _stated(match)
        exact = stated.replace(microsecond=int((match["fraction"] or "")[:6].ljust(6, "0")))
        return exact.replace(tzinfo=_offset(match["zone"] or "Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WallClockError("expected a real date and time") from None


@lru_cache(maxsize=4096)  # what expires when is asked several times of a booking, and bookings begin at even minutes
def instant_of(wall: datetime) -> datetime:
    """The aware UTC instant at which a Swedish clock shows `wall`; the later one where it does so twice."""
    offset = _offset_of_day(wall.toordinal())
    if offset is not None:
        return wall.replace(tzinfo=UTC) - offset
    return wall.replace(tzinfo=SWEDEN, fold=1).astimezone(UTC)


def content_of_time(wall: datetime) -> str:
    """mostRecentContent for a booked time: `YYYYMMDDhhmmss` (R-05)."""
    text = wall.isoformat("T", "seconds")
    return f"{text[:4]}{text[5:7]}{text[8:10]}{text[11:13]}{text[14:16]}{text[17:]}"


def content_of_date(day: date) -> str:
    """mostRecentContent for an open invitation: midnight of its date (R-05)."""
    return day.strftime("%Y%m%d000000")


def _rounding(match: re.Match[str]) -> timedelta:
    """What rounding adds to the whole seconds of the text."""
    return timedelta(seconds=int((match["fraction"] or "0")[0] >= "5"))


def _rounded(stated: datetime, rounding: timedelta) -> datetime:
    """The wall-clock time with the rounding. In the night summer time begins, 02:00 follows as 03:00."""
    wall = stated + rounding
    if not _exists(stated):
        return stated
    if _exists(wall):
        return wall
    return wall.replace(tzinfo=SWEDEN).astimezone(UTC).astimezone(SWEDEN).replace(tzinfo=None)


def _from_offset(stated: datetime, zone: str) -> datetime:
    return stated.replace(tzinfo=_offset(zone)).astimezone(SWEDEN).replace(tzinfo=None, fold=0)


def _offset(zone: str) -> timezone:
    if zone in "Zz":
        return UTC
    digits = zone[1:].replace(":", "")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-shift if zone[0] == "-" else shift)


def _stated(match: re.Match[str]) -> datetime:
    """The time of the text without its fraction and offset. Raises ValueError."""
    if match["clock"].startswith("24"):  # for Python 3.14 it is the next day's midnight, for earlier ones no time
        raise ValueError(match["clock"])
    return datetime.fromisoformat(f"{match['day']} {match['clock']}")


def _plain(text: str) -> datetime | None:
    if text[11:13] == "24":  # as above
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _offset_of_day(ordinal: int) -> timedelta | None:
    """How far Swedish clocks are ahead of UTC on that day; None where they are changed on it, or it cannot be told so:
    without a change every time of it exists, and none comes twice."""
    if ordinal <= _FIRST_DAY:
        return None
    begin = datetime.fromordinal(ordinal).replace(tzinfo=SWEDEN)
    offset = begin.utcoffset()
    return offset if offset == begin.replace(hour=23, minute=59, second=59, fold=1).utcoffset() else None


def _exists(wall: datetime) -> bool:
    there = wall.replace(tzinfo=SWEDEN).astimezone(UTC)
    return there.astimezone(SWEDEN).replace(tzinfo=None) == wall
