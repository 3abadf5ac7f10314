"""What counts as a change of many posts at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relay.surge import LATELY, Arrival, Guard, Hour

NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken", "present", "stops"), [(49, 100, False), (50, 100, True), (100, 1000, False), (101, 1000, True)]
)
def test_a_share_and_at_least_so_many_stop(taken: int, present: int, stops: bool) -> None:
    assert Guard(percent=10, least=50).stops(taken, present) is stops
    assert not Guard(enabled=False).stops(taken, present)


def test_cancellations_among_other_changes_are_ordinary_life() -> None:
    # Given an hour of many changes, a third of which take a post away
    hour = Hour()
    for _ in range(100):
        hour.saw(changed=3, lost=1)
    assert not hour.mostly_takes_away
    # When one cancellation follows the other
    hour.saw(changed=LATELY // 2 + 1, lost=LATELY // 2 + 1)
    # Then it is a mass change, whatever the hour had before
    assert hour.mostly_takes_away


def test_one_large_batch_speaks_for_itself() -> None:
    hour = Hour()
    hour.saw(changed=1000, lost=0)
    hour.saw(changed=200, lost=200)
    assert hour.mostly_takes_away


def test_an_hour_is_remembered_for_an_hour() -> None:
    hour = Hour()
    hour.take(7, NOW)
    hour.saw(changed=9, lost=7)
    again = Hour.of(hour.text(), NOW + timedelta(minutes=59))
    assert (again.gone_within, again.changed, again.lost) == (7, 9, 7)
    assert Hour.of(hour.text(), NOW + timedelta(minutes=62)).gone_within == 0


def arrivals(number: int, *, resident: str | None = None, content: str | None = None, start: int = 0) -> list[Arrival]:
    return [
        Arrival(f"b-{n}", resident or f"r-{n}", content or f"2026122410{n % 60:02}{n % 59:02}")
        for n in range(start, start + number)
    ]


def test_many_new_posts_of_one_resident_are_too_many() -> None:
    hour = Hour()
    assert hour.alike(arrivals(500) + arrivals(100, resident="x", start=500), 100, NOW) == set()
    over = hour.alike(arrivals(1, resident="x", start=600) + arrivals(5, start=601), 100, NOW)
    assert over == {"b-600"}
    # Another hour counts anew
    later = Hour.of(hour.text(), NOW + timedelta(minutes=61))
    assert later.alike(arrivals(1, resident="x", start=700), 100, NOW) == set()


def test_many_new_posts_in_one_second_are_too_many_where_they_are_most_of_what_is_new() -> None:
    second = "20261224100000"
    assert len(Hour().alike(arrivals(101, content=second), 100, NOW)) == 101
    assert len(Hour().alike(arrivals(150, content=second) + arrivals(140, start=200), 100, NOW)) == 150
    assert Hour().alike(arrivals(150, content=second) + arrivals(160, start=200), 100, NOW) == set()
    assert Hour().alike(arrivals(100, content=second), 100, NOW) == set()


def test_among_a_million_residents_no_more_is_remembered_and_nobody_is_counted_too_high() -> None:
    hour = Hour()
    for start in range(0, 20_000, 1000):
        assert hour.alike(arrivals(1000, start=start), 100, NOW) == set()
    assert len(hour.text()) < 3_000
