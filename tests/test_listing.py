"""Lists as files: both forms, and every way in which one may be cut or wrong."""

from __future__ import annotations

import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.change import UPSERT, OutboxRow
from relay.listing import LONGEST_LINE, Line, ListingError, read_lines
from tests.made import RESIDENT, UNIT

HEADER = "booking_id,resident_id,care_unit,starts_at\n"
ONE = f"b-1,{RESIDENT},{UNIT},2026-12-24 10:30\n"
SAID = {"booking_id": "b-1", "resident_id": RESIDENT, "care_unit": UNIT, "starts_at": "2026-12-24 10:30"}


def read(text: str | bytes) -> list[Line]:
    return list(read_lines(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def row(number: int, **said: str) -> OutboxRow:
    return OutboxRow(number, operation=UPSERT, **(SAID | said))


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ONE,
        (HEADER + ONE).replace(",", ";"),
        "\ufeff" + HEADER + ONE,
        (HEADER + ONE).replace("\n", "\r\n"),
        HEADER.upper() + ONE,
        HEADER + ONE + "\n",
        json.dumps(SAID) + "\n",
        json.dumps(SAID),  # it is whole, for its end can be seen
    ],
)
def test_a_line_is_the_outbox_row_it_would_have_been(text: str) -> None:
    (line,) = read(text)
    assert line.mistake is None
    assert line.row == row(line.number)


def test_lines_are_numbered_as_an_editor_does() -> None:
    text = "\n" + HEADER + ONE + "\n" + '"b\n2",x,y,z\n' + ONE
    assert [line.number for line in read(text)] == [3, 6, 7]


def test_json_values_become_the_texts_a_database_would_write() -> None:
    said = {**SAID, "version": 7, "presentable": False, "kind": None}
    (line,) = read(json.dumps(said))
    assert line.row == row(1, version="7", presentable="false")


@pytest.mark.parametrize("text", [HEADER, "\n\n", HEADER + "\n"])
def test_a_list_may_have_no_bookings(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        (HEADER + ONE + ONE[:-1], "the last line has no line end"),
        (HEADER + ONE + ONE[:9], "the last line has no line end"),
        (HEADER + ONE + "b-2}", "line 3: the last line has no line end"),
        (json.dumps(SAID) + "\n" + json.dumps(SAID)[:30], "the last line has no line end"),
        (HEADER + ONE + 'b-2,"1912\n', "line 3: unexpected end of data"),
        (HEADER.encode() + b"b-\xe5,x,y,z\n", "line 2: expected UTF-8"),
        (HEADER + "x" * (LONGEST_LINE + 1) + "\n", "line 2: expected a line of at most 65536 bytes"),
        (
            "booking_id,resident_id,start_at\n",
            "column care_unit; column 3 is unknown, did you mean starts_at?",
        ),
        (HEADER.replace("starts_at", "booking_id"), "column booking_id stands twice"),
        (ONE, "the header: expected a first line that names the columns"),
    ],
)
def test_a_doubtful_file_is_not_used(text: str | bytes, says: str) -> None:
    with pytest.raises(ListingError) as caught:
        read(text)
    assert says in str(caught.value)
    assert RESIDENT not in str(caught.value)


def test_a_csv_line_with_other_fields_than_the_header_has_no_known_booking() -> None:
    (line,) = read(HEADER + f"b-1,{RESIDENT},{UNIT}\n")
    assert line == Line(2, OutboxRow(2), "expected 4 fields as in the header, it has 3")


@pytest.mark.parametrize(
    ("said", "booking_id"),
    [
        ('{"booking_id": "b-1", "start_at": "x"}', "b-1"),
        ('{"booking_id": "b-1", "starts_at": ["x"]}', "b-1"),
        ('{"booking_id": "b-1", "version": 1.5}', "b-1"),
        ('{"booking_id": "b-1"', None),
        ('["b-1"]', None),
        ('{"version": ' + "9" * 5000 + "}", None),
        ("[" * 60000, None),
    ],
)
def test_a_wrong_json_line_is_its_own_mistake(said: str, booking_id: str | None) -> None:
    first, second = read(json.dumps(SAID) + "\n" + said + "\n")
    assert first.mistake is None
    assert second.mistake
    assert second.mistake.startswith("expected ")
    assert second.row.booking_id == booking_id


@given(st.binary(max_size=300))
def test_any_bytes_are_lines_or_no_list(content: bytes) -> None:
    try:
        lines = read(content)
    except ListingError:
        return
    assert all(line.number > 0 for line in lines)


@given(st.integers(0, len(ONE) - 1))
def test_a_csv_cut_anywhere_in_its_last_line_is_not_used(kept: int) -> None:
    """Only a cut between two lines cannot be seen; that is what the share of removals is for."""
    text = HEADER + ONE + ONE[:kept]
    if kept:
        with pytest.raises(ListingError):
            read(text)
    else:
        assert len(read(text)) == 1


def test_a_pipe_is_refused_in_a_sentence() -> None:
    """As `zcat bookings.csv.gz | ei-relay snapshot apply /dev/stdin` would have it."""
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(ListingError, match="save the list as a file first"):
        next(read_lines(pipe))
