"""How lists look on a terminal: aligned, without what nobody says, and no wider than the screen."""

from __future__ import annotations

from datetime import UTC, datetime

from relay.cli.tables import sheet, table

AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def test_columns_are_aligned_and_numbers_stand_under_each_other() -> None:
    shown = table([
        {"call": 9, "lane": "a:b", "seconds": 0.04, "alive": True, "at": AT},
        {"call": 1200, "lane": "aa:bb", "seconds": 12.125, "alive": False, "at": None},
    ])  # fmt: skip
    assert shown.splitlines() == [
        "call  lane   seconds  alive  at",
        "   9  a:b      0.040  yes    2026-11-29 12:00:00Z",
        "1200  aa:bb   12.125  no     -",
    ]


def test_a_column_in_which_no_line_says_anything_is_left_out() -> None:
    shown = table([{"lane": "a", "pending": 0, "code": None}, {"lane": "b", "pending": 0, "code": None}])
    assert shown.splitlines() == ["lane  pending", "a           0", "b           0"]
    assert table([{"code": None}]).splitlines() == ["code", "-"]
    assert table([]) == ""


def test_sentences_are_wrapped_where_the_screen_is_too_narrow_and_nothing_else_is() -> None:
    reason = "resident_id: was 999, expected 12 characters, eight digits and then four digits or letters"
    rows = [{"source": "tidbok-nord", "row": 12, "reason": reason, "id": "552e632b-684d-4beb-a01a-43b8999ef1ae"}]
    shown = table(rows, width=100).splitlines()
    assert max(map(len, shown)) <= 100
    assert len(shown) == 4
    wrapped = [line[18:60].split("  ")[0].strip() for line in shown[1:]]
    assert " ".join(wrapped) == reason
    assert "552e632b-684d-4beb-a01a-43b8999ef1ae" in shown[1]
    assert len(table(rows).splitlines()) == 2  # what is written to a file stays a line
    assert len(table(rows, width=20).splitlines()[1]) > 20  # it is not made unreadable


def test_one_thing_is_a_line_for_each_of_its_facts() -> None:
    assert sheet({"call": 9, "ok": True, "ended_at": None, "text": "a\nb"}).splitlines() == [
        "call      9", "ok        yes", "ended_at  -", "text      a b",
    ]  # fmt: skip
