"""HSA-ids and resident identities: read strictly, kept in one spelling, masked wherever they could be seen.

Pure. The index compares keys byte by byte (R-08), so an identity that is read twice must come out the same
both times: HSA-ids in upper case, resident identities as twelve characters without a separator.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["IdentityError", "is_national", "mask", "parse_hsa_id", "parse_resident_id", "shape"]  # docs/api.md

_HSA_ID = re.compile(r"[\x21-\x7e]{1,64}")
_RESIDENT_ID = re.compile(r"[0-9]{8}[0-9A-Zptf]{4}")
_SEPARATED = re.compile(r"([0-9]{8})[-+]([0-9A-Zptf]{4})")

_LENGTH: Final = 12
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the sum of the digits of twice a digit
# The sum of two digits by Luhn's rule.
_PAIRS: Final = {f"{a}{b}": _DOUBLED[a] + b for a in range(10) for b in range(10)}
_COORDINATION_DAY: Final = 60  # a samordningsnummer is the birth day + 60
_DAYS: Final = (31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # by month
_CENTURIES: Final = ("18", "19", "20")  # of birth; 21 is not yet in use
# The first two of a national reserve number: a century of birth to which 3, or a multiple of 3 up to 78, was added, so
# that none looks like a personnummer; 00 where the birthday is unknown. Others with letters are one region's own.
_RESERVE_SERIES: Final = frozenset(f"{first:02d}" for first in (0, *range(21, 99)))

# What might be an identity in a text: ten or twelve digits with a possible month and day, or a reserve
# number, which has a letter among its last four. Digit boundaries leave fourteen-digit times alone, and
# the month leaves organisation numbers (third digit at least 2) alone. An escape in what repr(), JSON or a
# URL made of a text ends before the identity, although it ends in digits.
_AFTER_ESCAPE: Final = r"(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\U[0-9A-Fa-f]{8})|(?<=%[0-9A-Fa-f]{2})"
_START = rf"(?:(?<!\d)|{_AFTER_ESCAPE})"
# What people and programs put before the last four: a hyphen of any kind, a plus, a space, or these in a URL.
_SPACE: Final = r"[ \t\u00a0]"
_SEPARATOR = rf"(?:{_SPACE}?[-+\u2010-\u2015\u2212]{_SPACE}?|{_SPACE}|%2[0BDbd])"
_MONTH: Final = r"(?:0\d|1[0-2])"
_DAY: Final = r"(?:0\d|[12]\d|3[01]|[678]\d|9[01])"
_DIGITS_IN_TEXT = re.compile(
    rf"{_START}(?:(?:1[89]|20)?\d{{2}}{_MONTH}{_DAY}{_SEPARATOR}?|(?:1[89]|20)\d{{2}}-{_MONTH}-{_DAY}{_SEPARATOR})\d{{4}}(?!\d)"
)
_LAST_FOUR: Final = r"(?=[0-9]{0,3}[A-Zptf])[0-9A-Zptf]{4}(?![0-9A-Za-z])"
_WITH_A_DIGIT: Final = r"(?=[A-Zptf]{0,3}[0-9])"  # behind a separator: else any number before a word would be one
_RESERVE_IN_TEXT = re.compile(rf"{_START}\d{{8}}(?:[-+]?|{_SEPARATOR}{_WITH_A_DIGIT}){_LAST_FOUR}")
_MASKED: Final = "[identity]"


class IdentityError(ValueError):
    """The identity is not of the expected form."""


@lru_cache(maxsize=4096)  # a region has some thousand care units
def parse_hsa_id(text: str) -> str:
    """The HSA-id in its one spelling, upper case (R-08).

    No prefix and no check digit is demanded: test systems have ids of other shapes.
    Raises IdentityError, whose text says what was expected and holds nothing of the value.
    """
    if not _HSA_ID.fullmatch(text):
        raise IdentityError("expected 1 to 64 visible ASCII characters without white space")
    return text.upper()


def parse_resident_id(text: str) -> str:
    """The twelve characters of a personnummer, samordningsnummer or national reserve number (R-07).

    A `-` or `+` before the last four is dropped. With digits only, the date must be possible (an unknown
    month or day, 00, passes) and the check digit right. With a letter it must begin as a national reserve number does,
    with 00 or 21 to 98: one that begins with 18 to 20 is a region's own, and means nobody elsewhere.
    Raises IdentityError, whose text says what was expected and holds nothing of the value.
    """
    separated = _SEPARATED.fullmatch(text) if len(text) != _LENGTH else None
    identity = separated[1] + separated[2] if separated else text
    if not _RESIDENT_ID.fullmatch(identity):
        raise IdentityError(
            "expected 12 characters, eight digits and then four digits or letters (A-Z, p, t, f); "
            "a - or + before the last four is tolerated"
        )
    if identity.isdigit():
        if not _is_possible_date(identity[:8]):
            raise IdentityError("expected a possible birth date (YYYYMMDD, day + 60 for a samordningsnummer)")
        if not _has_right_check_digit(identity[2:]):
            raise IdentityError("expected a right check digit (the last of the twelve)")
    elif identity[:2] not in _RESERVE_SERIES:
        raise IdentityError(
            "expected a national reserve number, which begins with 00 or 21 to 98; "
            "this is a local one, which the source's local_identities does not cover"
        )
    return identity


def is_national(resident_id: str) -> bool:
    """Whether twelve characters have the form that may be sent (R-07)."""
    if not _RESIDENT_ID.fullmatch(resident_id):
        return False
    return _is_possible_date(resident_id[:8]) if resident_id.isdigit() else resident_id[:2] in _RESERVE_SERIES


def mask(text: str) -> str:
    """The text with everything that looks like a resident's identity replaced."""
    # Reserve numbers first: the beginning of one may look like ten digits of another kind.
    return _DIGITS_IN_TEXT.sub(_MASKED, _RESERVE_IN_TEXT.sub(_MASKED, text))


def shape(text: str) -> str:
    """What a value looks like without what it says: digits as 9, letters as A, clipped to 20 characters.

    For error texts on resident identities: enough to see what is wrong with the form, nothing of the person.
    """
    drawn = "".join("9" if c.isnumeric() else "A" if c.isalpha() else c if c.isprintable() else "?" for c in text[:20])
    return f'"{drawn}"' + (f" and {len(text) - 20} more characters" if len(text) > 20 else "")


@lru_cache(maxsize=4096)  # asked when an identity is read, and when its post is made
def _is_possible_date(digits: str) -> bool:
    month, day = int(digits[4:6]), int(digits[6:8])
    if day >= _COORDINATION_DAY:
        day -= _COORDINATION_DAY
    if digits[:2] not in _CENTURIES or month > 12 or day > 31:
        return False
    if month == 0 or day == 0:  # unknown; what is known of it was bounded above
        return True
    return day <= _DAYS[month] and (day < 29 or month != 2 or _is_leap(int(digits[:4])))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _has_right_check_digit(ten_digits: str) -> bool:
    """Luhn's rule over the ten digits YYMMDDNNNC."""
    t = ten_digits
    return (_PAIRS[t[:2]] + _PAIRS[t[2:4]] + _PAIRS[t[4:6]] + _PAIRS[t[6:8]] + _PAIRS[t[8:]]) % 10 == 0
