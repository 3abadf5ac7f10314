from __future__ import annotations

from pathlib import Path

import pytest

from relay.catalogue import (
    CareUnit,
    CatalogueError,
    parse_care_units,
    parse_test_residents,
    read_care_units,
    read_test_residents,
)

_HEADER = "hsa_id,name,county,municipality_code,municipality,address,active,data_controller\n"


def mistakes_in_units(text: str) -> tuple[str, ...]:
    with pytest.raises(CatalogueError) as refused:
        parse_care_units(text)
    return refused.value.mistakes


def test_a_unit_is_read_with_its_id_in_upper_case() -> None:
    units = parse_care_units(
        _HEADER + 'se2321000016-1hz3,Norr,Länet,0180,Staden,"Storgatan 1, Staden",true,SE232100-0016\n'
    )

    assert units == {
        "SE2321000016-1HZ3": CareUnit(
            "SE2321000016-1HZ3",
            "Norr",
            "Länet",
            "0180",
            "Staden",
            "Storgatan 1, Staden",
            True,
            "SE232100-0016",
        )
    }


def test_semicolons_spaces_and_empty_lines_are_tolerated() -> None:
    units = parse_care_units("\nHSA_ID ; active\r\n A1 ; nej \r\n\r\n;\r\nA2;\r\n")

    assert units == {"A1": CareUnit("A1", active=False), "A2": CareUnit("A2", active=True)}


@pytest.mark.parametrize(
    ("active", "expected"),
    [("true", True), ("JA", True), ("1", True), ("", True), ("False", False), ("nej", False), ("0", False)],
)
def test_active_is_said_in_many_ways(active: str, expected: bool) -> None:
    assert parse_care_units(f"hsa_id,active\nA1,{active}\n")["A1"].active is expected


def test_every_mistake_is_told_with_its_line() -> None:
    text = "hsa_id,name,active,data_controller\nA1,x,perhaps,\nA 2,x,,\nA3,x\n\na1,,,\nA4,,," + "9" * 65 + "\n"

    assert mistakes_in_units(text) == (
        "line 2: active: expected true or false, found 'perhaps'",
        "line 3: hsa_id: expected 1 to 64 visible ASCII characters without white space",
        "line 4: expected 4 fields as in the header, found 2",
        "line 6: hsa_id: expected each unit once, this one stands on line 2",
        "line 7: data_controller: expected at most 64 characters",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "header: expected a first line that names the columns"),
        ("SE2321000016-1HZ3,Norr\n", "header: expected a first line that names the columns"),
        ("hsa_id,activ\n", "header: unknown column 'activ'; did you mean active?"),
        ("hsa_id,zzz\n", "header: unknown column 'zzz'; known are hsa_id, name"),
        ("hsa_id,name,name\n", "header: column name stands twice"),
        ('hsa_id,name\nA1,"x"y\n', "line 2: "),
    ],
)
def test_a_list_that_cannot_be_read_at_all(text: str, expected: str) -> None:
    assert mistakes_in_units(text)[0].startswith(expected)


def test_a_field_may_span_lines_and_the_line_told_is_where_it_ends() -> None:
    assert mistakes_in_units('hsa_id,address\nA1,"Storgatan\n1"\nA 2,\n')[0].startswith("line 4: ")


def test_residents_are_kept_in_one_spelling() -> None:
    residents = parse_test_residents("# approved\n191212121212\n19121212-1212  # again\n\n22121212+TF12\n")

    assert residents == {"191212121212", "22121212TF12"}


def test_an_identity_in_the_wrong_place_is_never_quoted() -> None:
    """As when the columns have slipped, or the wrong file is named."""
    for text in ("hsa_id,active\nA1,191212121212\n", "hsa_id,191212121212\nA1,true\n"):
        assert "1212" not in str(mistakes_in_units(text))


def test_a_wrong_resident_is_told_by_its_line_and_never_quoted() -> None:
    with pytest.raises(CatalogueError) as refused:
        parse_test_residents("191212121212\n191212121213\n1212121212\n")

    assert [mistake.partition(":")[0] for mistake in refused.value.mistakes] == ["line 2", "line 3"]
    assert "1212" not in str(refused.value)


@pytest.mark.parametrize("read", [read_care_units, read_test_residents])
def test_a_file_is_utf8_with_or_without_a_byte_order_mark(tmp_path: Path, read: object) -> None:
    assert callable(read)
    file = tmp_path / "list"

    file.write_bytes(b"\xef\xbb\xbf" + (b"hsa_id\nA1\n" if read is read_care_units else b"191212121212\n"))
    assert len(read(file)) == 1

    file.write_bytes(b"# a\n\xe5\n")
    with pytest.raises(CatalogueError, match="line 2: expected UTF-8"):
        read(file)

    file.unlink()
    with pytest.raises(CatalogueError, match="cannot be read: No such file"):
        read(file)
