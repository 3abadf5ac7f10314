"""Which of two words on a booking is the later one, and when a list is not believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.batch import Reading, settle
from relay.booking import REMOVED, Booking, succeed
from relay.snapshot import NO_ROW, Comparison, Fate, Known, is_gone, judge, refusal, removed, restated
from tests.made import OTHER_SYSTEM, OTHER_UNIT, SYSTEM, change, details, read_row, row

TAKEN_AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
BEFORE = TAKEN_AT - timedelta(microseconds=1)
AFTER = TAKEN_AT + timedelta(microseconds=1)
ROW = 100
OTHERWISE = {"care_unit": OTHER_UNIT}


def known(
    as_of: datetime = BEFORE, version: int | None = None, row_version: int | None = None, **also: object
) -> Known:
    booking = Booking("b-1", ROW, row_version, version, SYSTEM, details())
    return Known(replace(booking, **also), as_of)


def judged(current: Known | None, **listed: str | None) -> Fate:
    return judge(current, change(**listed), TAKEN_AT)


@pytest.mark.parametrize("as_of", [BEFORE, AFTER])
def test_what_is_the_same_is_unchanged_whatever_is_later(as_of: datetime) -> None:
    assert judged(known(as_of, 9, 9), version="5") is Fate.UNCHANGED


@pytest.mark.parametrize("version", [None, 6])
def test_what_is_unchanged_at_a_higher_version_takes_the_version(version: int | None) -> None:
    """So that an older row that comes later is superseded."""
    current = known(AFTER, version, version)
    assert judged(current, version="7") is Fate.VERSIONED
    after = restated(current.booking, change(version="7"))
    assert (after.version, after.row_version, after.row_id) == (7, 7, ROW)
    assert succeed(after, change(ROW + 1, version="6")) is None


def test_what_is_not_known_is_created() -> None:
    assert judged(None) is Fate.CREATED
    assert judged(known(details=None)) is Fate.CREATED


@pytest.mark.parametrize("listed", [OTHERWISE, {"source_system": OTHER_SYSTEM}, {"starts_at": "2026-12-24 10:31"}])
def test_without_versions_the_time_decides(listed: dict[str, str]) -> None:
    assert judged(known(BEFORE), **listed) is Fate.CHANGED
    assert judged(known(TAKEN_AT), **listed) is Fate.CHANGED
    assert judged(known(AFTER), **listed) is Fate.NEWER
    assert judged(known(AFTER, details=None), **listed) is Fate.NEWER


@pytest.mark.parametrize(
    ("version", "row_version", "listed", "before", "after"),
    [
        (5, 5, "6", Fate.CHANGED, Fate.CHANGED),
        (5, 5, "4", Fate.NEWER, Fate.NEWER),
        (5, 5, "5", Fate.CHANGED, Fate.NEWER),
        (5, 5, None, Fate.CHANGED, Fate.NEWER),
        (None, None, "6", Fate.CHANGED, Fate.NEWER),
        (5, None, "6", Fate.CHANGED, Fate.NEWER),  # a row without a version came after the fifth
        (5, None, "4", Fate.NEWER, Fate.NEWER),
    ],
)
def test_a_higher_version_is_later_and_equal_ones_tell_nothing(
    version: int | None, row_version: int | None, listed: str | None, before: Fate, after: Fate
) -> None:
    assert judged(known(BEFORE, version, row_version), version=listed, **OTHERWISE) is before
    assert judged(known(AFTER, version, row_version), version=listed, **OTHERWISE) is after


def test_what_the_list_lacks_is_gone_unless_it_is_later() -> None:
    assert is_gone(known(BEFORE), TAKEN_AT)
    assert is_gone(known(TAKEN_AT), TAKEN_AT)
    assert not is_gone(known(AFTER), TAKEN_AT)
    assert not is_gone(known(BEFORE, details=None), TAKEN_AT)


@pytest.mark.parametrize("listed", [None, "5", "6"])
@pytest.mark.parametrize("current", [known(), known(version=5, row_version=5), known(version=5)])
def test_a_list_changes_no_row_s_fate_but_that_of_lower_versions(current: Known, listed: str | None) -> None:
    """Every row that may still come stands or falls as it would have without the list."""
    before = current.booking
    after = restated(before, change(version=listed, **OTHERWISE))
    for row_id in (1, ROW - 1, ROW + 1):
        for version in (None, "4", "5", "6", "7"):
            falls = listed is not None and version is not None and int(version) < int(listed)
            late = change(row_id, version=version)
            would = succeed(before, late)
            does = succeed(after, late)
            if falls:
                assert does is None
            elif row_id > ROW:
                assert (does is None) == (would is None), (row_id, version)


@pytest.mark.parametrize("listed", [None, "5"])
def test_a_booking_known_from_a_list_alone_takes_any_row(listed: str | None) -> None:
    created = restated(None, change(version=listed))
    assert created.row_id == NO_ROW
    assert succeed(created, change(1)) is not None


def test_a_removed_booking_takes_its_next_row() -> None:
    gone = removed(known(version=5, row_version=5).booking)
    assert gone.details is None
    settled = settle([Reading(row(ROW + 1), read_row(ROW + 1, version="5"))], {}, (), {"b-1": gone},
                     lambda _: REMOVED, AFTER)  # fmt: skip
    assert [receipt.outcome for receipt in settled.receipts] == ["taken"]


def found(gone: int = 0, upcoming: int = 100, listed: int = 100, rejected: int = 0) -> Comparison:
    return Comparison({Fate.UNCHANGED: listed, Fate.GONE: gone}, rejected, 0, upcoming)


def refused(comparison: Comparison, *, allow_removals: bool = False, skip_rejected: bool = False) -> str | None:
    return refusal(comparison, allow_removals=allow_removals, skip_rejected=skip_rejected)


@pytest.mark.parametrize("right", [found(), found(gone=10), found(upcoming=0)])
def test_a_list_that_lacks_little_is_believed(right: Comparison) -> None:
    assert refused(right) is None


@pytest.mark.parametrize(
    ("doubtful", "says"),
    [
        (found(gone=11), "lacks 11 of 100 upcoming bookings, more than 10%"),
        (found(gone=1, upcoming=1), "lacks 1 of 1"),
        (found(gone=0, upcoming=0, listed=0), "the list has no bookings"),
        (found(gone=100, listed=0), "the list has no bookings"),
    ],
)
def test_a_list_that_looks_truncated_needs_a_word(doubtful: Comparison, says: str) -> None:
    assert says in str(refused(doubtful))
    assert refused(doubtful, allow_removals=True) is None


def test_rejected_lines_need_a_word_of_their_own() -> None:
    doubtful = found(gone=11, rejected=2)
    assert str(refused(doubtful, allow_removals=True)).startswith("rejected lines: 2")
    assert "lacks 11" in str(refused(doubtful, skip_rejected=True))
    assert refused(doubtful, allow_removals=True, skip_rejected=True) is None


def test_listed_are_all_but_the_gone() -> None:
    comparison = Comparison({Fate.REJECTED: 1, Fate.NEWER: 2, Fate.CREATED: 4, Fate.GONE: 8, Fate.CHANGED: 16}, 1, 0, 9)
    assert (comparison.listed, comparison.changes) == (23, 28)
