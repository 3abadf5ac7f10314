"""How often the surge guard asks a region, by its defaults: what docs/guarantees.md says is computed here.

A region of twenty booking systems with 40 000 new bookings a working day, the largest with more than a fifth of them,
made three weeks (fifteen working days) ahead. A tenth of the bookings is cancelled again and a tenth moved to another
unit, in the hours of the day at random. A clinic has forty bookings a day, and twice a year it falls ill: all of its
next day is cancelled within ten minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from random import Random
from typing import Final

from relay.settings import SurgeGuard
from relay.surge import Guard, Hour

SOURCES, A_DAY, AHEAD_DAYS = 20, 40_000, 15
BATCH: Final = timedelta(minutes=10)
BATCHES_A_DAY, DAYS, DAYS_A_YEAR = 54, 50, 250
CLINIC, ILL_A_YEAR = 40, 2
DEFAULTS: Final = SurgeGuard.model_validate({})
GUARD: Final = Guard(DEFAULTS.enabled, DEFAULTS.percent, DEFAULTS.least)


def some(random: Random, mean: float) -> int:
    return max(round(random.gauss(mean, sqrt(mean))), 0)


def asked(a_day: float, random: Random, *, ill: float, days: int = DAYS, guard: Guard = GUARD) -> int:
    """How often a source with so many bookings a day is asked, where a day begins with `ill` clinics ill on average."""
    present, questions = round(a_day * AHEAD_DAYS), 0
    now, text = datetime(2026, 1, 5, 7, tzinfo=UTC), None
    for _ in range(days):
        sick = some(random, ill) if ill > 1 else int(random.random() < ill)
        for number in range(BATCHES_A_DAY):
            each = a_day / BATCHES_A_DAY
            gone = some(random, each / 10) + some(random, each / 10) + (sick * CLINIC if number == 3 else 0)
            hour = Hour.of(text, now)
            hour.saw(some(random, each) + gone, gone)
            taken = hour.gone_within + gone
            # as `relay.flow.intake.hold` decides
            if hour.mostly_takes_away and taken >= guard.least and guard.stops(taken, present + hour.gone_within):
                questions += 1
            else:
                hour.take(gone, now)
            text, now = hour.text(), now + BATCH
        now += timedelta(hours=24) - BATCH * BATCHES_A_DAY
    return questions


def sizes() -> list[float]:
    """New bookings a day of each source, the largest first."""
    whole = sum(1 / rank for rank in range(1, SOURCES + 1))
    return [A_DAY / rank / whole for rank in range(1, SOURCES + 1)]


def test_a_region_is_not_asked_by_an_ordinary_year() -> None:
    random = Random(12)
    a_year = sum(
        asked(a_day, random, ill=a_day / CLINIC * ILL_A_YEAR / DAYS_A_YEAR) * DAYS_A_YEAR / DAYS for a_day in sizes()
    )
    assert (round(max(sizes())), round(min(sizes()))) == (11_118, 556)
    assert a_year == 0


def test_nor_would_it_be_by_a_hundredth_for_cancellations_come_among_other_changes() -> None:
    random, few = Random(12), Guard(percent=1, least=10)
    assert sum(asked(a_day, random, ill=a_day / CLINIC * 2 / DAYS_A_YEAR, days=20, guard=few) for a_day in sizes()) == 0


def test_a_small_source_is_asked_when_two_clinics_are_ill_at_once() -> None:
    """With 200 present posts a tenth is less than fifty, so from fifty on somebody is asked."""
    small = 200 / AHEAD_DAYS
    assert asked(small, Random(12), ill=1, days=20) == 0  # forty of two hundred
    assert asked(small, Random(12), ill=2.0, days=20) >= 10


def test_what_is_meant_to_be_asked_about_is() -> None:
    """The largest source loses a tenth and more at once; a lower share asks of the same day nothing."""
    a_day = max(sizes())
    clinics = a_day * AHEAD_DAYS / 10 / CLINIC
    assert asked(a_day, Random(12), ill=clinics * 1.2, days=5) == 5
    assert asked(a_day, Random(12), ill=clinics * 0.8, days=5) == 0
