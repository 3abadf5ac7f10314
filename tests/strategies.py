"""What the property tests draw: identities, HSA-ids, times and outbox rows. All of it is made up."""

from __future__ import annotations

from datetime import date, datetime

from hypothesis import strategies as st

_RESERVE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZptf"
VISIBLE_ASCII = "".join(chr(c) for c in range(0x21, 0x7F))


def check_digit(nine: str) -> str:
    """The tenth digit after YYMMDDNNN: doubled and plain by turns, the digits of all products added up."""
    products = "".join(str(int(digit) * factor) for digit, factor in zip(nine, [2, 1] * 5, strict=False))
    return str(-sum(int(digit) for digit in products) % 10)


@st.composite
def personnummer(draw: st.DrawFn) -> str:
    """Twelve digits: of a person, or with 60 on the day a samordningsnummer."""
    born = draw(st.dates(date(1890, 1, 1), date(2099, 12, 31)))
    day = born.day + draw(st.sampled_from([0, 60]))
    eleven = f"{born:%Y%m}{day:02d}{draw(st.integers(0, 999)):03d}"
    return eleven + check_digit(eleven[2:])


@st.composite
def partly_unknown_dates(draw: st.DrawFn) -> str:
    """Twelve digits with month or day 00, as on samordningsnummer of people whose birthday nobody knows."""
    year = draw(st.integers(1890, 2026))
    month, day = draw(st.sampled_from([(0, 0), (0, 60), (0, 12), (7, 0), (7, 60)]))
    eleven = f"{year}{month:02d}{day:02d}{draw(st.integers(0, 999)):03d}"
    return eleven + check_digit(eleven[2:])


@st.composite
def reserve_numbers(draw: st.DrawFn) -> str:
    """A national reserve number: eight digits that begin with a series, and four characters, a letter among them."""
    last = draw(st.text("0123456789" + _RESERVE_LETTERS, min_size=3, max_size=3))
    place = draw(st.integers(0, 3))
    letter = draw(st.sampled_from(_RESERVE_LETTERS))
    series = draw(st.sampled_from(["00", *map(str, range(21, 99))]))
    return series + draw(st.text("0123456789", min_size=6, max_size=6)) + last[:place] + letter + last[place:]


def resident_ids() -> st.SearchStrategy[str]:
    """Every form of resident identity that may be sent (R-07)."""
    return st.one_of(personnummer(), partly_unknown_dates(), reserve_numbers())


def as_written(identities: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    """(how somebody writes it, the identity): with and without `-` or `+` before the last four."""
    return st.builds(lambda i, mark: (i[:8] + mark + i[8:], i), identities, st.sampled_from(["", "-", "+"]))


def hsa_ids() -> st.SearchStrategy[str]:
    """HSA-ids of any shape, also test systems'."""
    return st.text(VISIBLE_ASCII, min_size=1, max_size=64)


def whole_seconds() -> st.SearchStrategy[datetime]:
    """Naive times without fractions, of the years a relay may meet."""
    return st.datetimes(datetime(1990, 1, 1), datetime(2090, 12, 31)).map(lambda t: t.replace(microsecond=0))
