"""The two lists an operator keeps beside the configuration: connected care units, and test residents.

Each is checked whole: an error holds every mistake with its line. Resident identities are never quoted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from relay.identity import IdentityError, mask, parse_hsa_id, parse_resident_id
from relay.post import is_storable

COLUMNS: Final = (
    "hsa_id", "name", "county", "municipality_code", "municipality", "address", "active", "data_controller",
)  # fmt: skip

_YES: Final = frozenset({"", "true", "yes", "ja", "1"})  # a unit that is listed is connected unless it says not
_NO: Final = frozenset({"false", "no", "nej", "0"})
_LONGEST_DATA_CONTROLLER: Final = 64


class CatalogueError(Exception):
    """The list has mistakes; all of them are in `mistakes`, each with its line."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistakes))


@dataclass(frozen=True, slots=True)
class CareUnit:
    """A care unit as the region lists it. An inactive one is not connected (R-20)."""

    hsa_id: str  # upper case, as it is sent
    name: str = ""
    county: str = ""
    municipality_code: str = ""
    municipality: str = ""
    address: str = ""
    active: bool = True
    data_controller: str | None = None  # None: the source's


def read_care_units(path: Path) -> dict[str, CareUnit]:
    """The care units of a CSV file, by HSA-id. Raises CatalogueError."""
    return parse_care_units(_read(path))


def read_test_residents(path: Path) -> frozenset[str]:
    """The identities of a file, one a line, in their one spelling. Raises CatalogueError."""
    return parse_test_residents(_read(path))


def parse_care_units(text: str) -> dict[str, CareUnit]:
    """The care units of CSV text with a header; comma or semicolon, as spreadsheets write it.

    Only the hsa_id column must be there. Raises CatalogueError.
    """
    units: dict[str, CareUnit] = {}
    lines: dict[str, int] = {}
    mistakes: list[str] = []
    rows = _rows(text, mistakes)
    _, header = next(rows, (0, []))
    columns = [name.strip().lower() for name in header]
    if wrong := list(_header_mistakes(columns)):
        raise CatalogueError([f"header: {mistake}" for mistake in wrong])
    for line, row in rows:
        if len(row) != len(columns):
            mistakes.append(f"line {line}: expected {len(columns)} fields as in the header, found {len(row)}")
            continue
        unit, wrong = _unit(dict(zip(columns, (field.strip() for field in row), strict=True)))
        if unit and (first := lines.setdefault(unit.hsa_id, line)) != line:
            wrong.append(f"hsa_id: expected each unit once, this one stands on line {first}")
        mistakes += [f"line {line}: {mistake}" for mistake in wrong]
        if unit:
            units[unit.hsa_id] = unit
    if mistakes:
        raise CatalogueError(mistakes)
    return units


def parse_test_residents(text: str) -> frozenset[str]:
    """The identities in the text: one a line, `-` or `+` tolerated, `#` begins a comment.

    Raises CatalogueError.
    """
    residents: set[str] = set()
    mistakes: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (identity := line.partition("#")[0].strip()):
            continue
        try:
            residents.add(parse_resident_id(identity))
        except IdentityError as error:
            mistakes.append(f"line {number}: {error}")
    if mistakes:
        raise CatalogueError(mistakes)
    return frozenset(residents)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogueError([f"{path} cannot be read: {error.strerror}"]) from None
    try:
        return content.decode("utf-8-sig")  # spreadsheets write a BOM
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueError([f"line {line}: expected UTF-8 (in Excel: save as CSV UTF-8)"]) from None


def _rows(text: str, mistakes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, each with the line it ends on; broken quoting ends them with a mistake."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            mistakes.append(f"line {reader.line_num}: {error}")
            return
        if any(field.strip() for field in row):
            yield reader.line_num, row


def _header_mistakes(columns: list[str]) -> Iterator[str]:
    if "hsa_id" not in columns:
        yield f"expected a first line that names the columns, hsa_id among them: {','.join(COLUMNS)}"
        return
    for column in columns:
        if column not in COLUMNS:
            near = get_close_matches(column, COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COLUMNS)}"
            yield f"unknown column {mask(column)!r}; {hint}"
        elif columns.count(column) > 1:
            yield f"column {column} stands twice"


def _unit(fields: Mapping[str, str]) -> tuple[CareUnit | None, list[str]]:
    """The unit a row describes, if it has an identity, and what is wrong with the row."""
    mistakes: list[str] = []
    active = fields.get("active", "").lower()
    if active not in _YES | _NO:
        mistakes.append(f"active: expected true or false, found {mask(fields['active'])!r}")
    data_controller = fields.get("data_controller", "")
    if len(data_controller) > _LONGEST_DATA_CONTROLLER:
        mistakes.append(f"data_controller: expected at most {_LONGEST_DATA_CONTROLLER} characters")
    if not is_storable(data_controller):
        mistakes.append("data_controller: expected no characters beyond U+FFFF: the index cannot store them")
    try:
        hsa_id = parse_hsa_id(fields["hsa_id"])
    except IdentityError as error:
        return None, [f"hsa_id: {error}", *mistakes]
    texts = {
        column: fields.get(column, "") for column in ("name", "county", "municipality_code", "municipality", "address")
    }
    unit = CareUnit(hsa_id, **texts, active=active not in _NO, data_controller=data_controller or None)
    return unit, mistakes
