"""A booking system's full list of bookings as a file: read line by line, whatever its length.

Two forms, told apart by the first character: CSV with a header (comma or semicolon), or JSON lines. The columns are
those a writer of the outbox fills in, under the same names. A line comes out as the outbox row it would have been,
all texts; whether it can be taken is `relay.change`'s to say. What is wrong with a line is its own mistake; what
makes the file as a whole doubtful, so that nothing of it should be used, is a `ListingError`.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import BinaryIO, Final, NamedTuple

from relay.change import UPSERT, OutboxRow

COLUMNS: Final = (
    "booking_id", "version", "source_system", "resident_id", "care_unit", "kind", "starts_at", "invited_on",
    "valid_until", "presentable", "data_controller",
)  # fmt: skip
REQUIRED: Final = ("booking_id", "resident_id", "care_unit")
LONGEST_LINE: Final = 65536  # bytes; a right one has a few hundred


class ListingError(Exception):
    """The file cannot be used; the text says why in one sentence and holds nothing of the bookings."""


class Line(NamedTuple):
    """One line of the list. Where `mistake` is set the row holds no more than what could be told for certain."""

    number: int  # as an editor counts; the last one of a CSV record that has several
    row: OutboxRow
    mistake: str | None = None


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """The lines of the list, one at a time; those without any content are skipped.

    `file` must be one that can seek. Raises ListingError, the obvious ones before the first line.
    """
    _see_that_it_is_whole(file)
    texts = _texts(file)
    for number, text in texts:
        if text.strip():
            yield from _json_lines(number, text, texts) if text.lstrip().startswith("{") else _csv(number, text, texts)
    # One that never gets here has raised; one that gets here without a line is a list without bookings.


def _see_that_it_is_whole(file: BinaryIO) -> None:
    """A file that was cut short looks like one with many cancelled bookings."""
    if not file.seekable():
        raise ListingError("a pipe cannot be looked at from its end: save the list as a file first")
    if file.seek(0, os.SEEK_END) == 0:
        raise ListingError("the file is empty, it has not even a header")
    file.seek(-1, os.SEEK_END)
    last = file.read(1)
    file.seek(0)
    if last not in (b"\n", b"}"):
        raise ListingError("the last line has no line end: the file was cut short, or its writer left the end out")


def _texts(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """(number, text) of every line. Raises ListingError."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise ListingError(f"line {number}: expected a line of at most {LONGEST_LINE} bytes")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")  # spreadsheets write a BOM
        except UnicodeDecodeError:
            raise ListingError(f"line {number}: expected UTF-8 (in Excel: save as CSV UTF-8)") from None
        yield number, text


def _csv(first: int, header: str, texts: Iterator[tuple[int, str]]) -> Iterator[Line]:
    delimiter = ";" if header.count(";") > header.count(",") else ","
    if not header.endswith("\n"):
        raise ListingError("the header has no line end: the file was cut short")
    columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter))]
    if mistakes := list(header_mistakes(columns)):
        raise ListingError("the header: " + "; ".join(mistakes))
    reader = csv.reader((_whole(number, text) for number, text in texts), delimiter=delimiter, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ListingError(f"line {first + reader.line_num}: {error}") from None
        number = first + reader.line_num
        if len(fields) == len(columns):
            said = dict(zip(columns, fields, strict=True))
            if any(fields):
                yield Line(number, OutboxRow(number, operation=UPSERT, **said))
        elif fields:  # which of them the others are, nobody knows
            yield Line(
                number, OutboxRow(number), f"expected {len(columns)} fields as in the header, it has {len(fields)}"
            )


def _whole(number: int, text: str) -> str:
    if not text.endswith("\n"):
        raise ListingError(f"line {number}: the last line has no line end, the file was cut short")
    return text


def header_mistakes(columns: list[str]) -> Iterator[str]:
    """What is wrong with the names of the columns, in lower case."""
    if "booking_id" not in columns:  # it is none then, and what stands there is somebody's booking
        yield f"expected a first line that names the columns, as {', '.join(COLUMNS)}"
        return
    for column in REQUIRED:
        if column not in columns:
            yield f"expected a column {column}"
    for position, column in enumerate(columns, start=1):
        if column not in COLUMNS:
            near = get_close_matches(column, COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COLUMNS)}"
            yield f"column {position} is unknown, {hint}"
        elif columns.count(column) > 1:
            yield f"column {column} stands twice"


def _json_lines(first: int, text: str, texts: Iterator[tuple[int, str]]) -> Iterator[Line]:
    yield _json_line(first, text)
    for number, another in texts:
        if another.strip():
            yield _json_line(number, another)


def _json_line(number: int, text: str) -> Line:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Line(number, OutboxRow(number), "expected a JSON object")
    mistakes = [f"expected no other keys than {', '.join(COLUMNS)}"] if said.keys() - set(COLUMNS) else []
    fields = {}
    for name, value in said.items():
        if isinstance(value, dict | list | float):
            mistakes.append("expected texts, whole numbers, true, false or null as values")
        elif name in COLUMNS and value is not None:
            fields[name] = str(value).lower() if isinstance(value, bool) else str(value)
    row = OutboxRow(number, operation=UPSERT, **fields)
    return Line(number, row, "; ".join(dict.fromkeys(mistakes)) or None)
