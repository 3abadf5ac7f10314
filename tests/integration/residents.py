"""Made-up residents: identities of the right form and check digit, born when nobody alive was."""

from __future__ import annotations

from random import Random
from typing import Final

TOLVAN: Final = "191212121212"  # the official test identity that everybody knows


def make(random: Random) -> str:
    """A personnummer, samordningsnummer or national reserve number, twelve characters."""
    year, month, day = random.randint(1880, 1899), random.randint(1, 12), random.randint(1, 28)
    form = random.random()
    if form < 0.1:
        return f"{year // 100 + 3}{year % 100:02}{month:02}{day:02}" + random.choice(["TF01", "AB12", "R4Z9", "0K77"])
    if form < 0.3:
        day += 60
    nine = f"{year % 100:02}{month:02}{day:02}{random.randint(0, 999):03}"
    return f"{year // 100}{nine}{_check_digit(nine)}"


def spell(resident: str, random: Random) -> str:
    """One of the spellings that an outbox takes."""
    return random.choice([resident, resident, f"{resident[:8]}-{resident[8:]}", f"{resident[:8]}+{resident[8:]}"])


def spellings(resident: str) -> list[str]:
    """Every way in which an identity could stand in a log, the short ones included."""
    date, last = resident[:8], resident[8:]
    return [f"{day}{sign}{last}" for day in (date, date[2:]) for sign in ("", "-", "+")]


def _check_digit(nine: str) -> int:
    """Luhn's, over YYMMDDNNN."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(nine))
    return -sum(n // 10 + n % 10 for n in doubled) % 10
