from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from relay.identity import IdentityError, is_national, mask, parse_hsa_id, parse_resident_id, shape
from tests.strategies import (
    VISIBLE_ASCII,
    as_written,
    check_digit,
    hsa_ids,
    partly_unknown_dates,
    personnummer,
    resident_ids,
    whole_seconds,
)

# --- HSA-ids


@given(hsa_ids())
def test_an_hsa_id_has_one_spelling_however_it_is_written(hsa_id: str) -> None:
    """R-08"""
    assert parse_hsa_id(hsa_id.lower()) == parse_hsa_id(hsa_id.upper()) == parse_hsa_id(hsa_id) == hsa_id.upper()


@pytest.mark.parametrize("text", ["", " ", "SE1 E2", " SE1", "SE1\n", "SE1\t", "SE1-Å", "SE1\x00", "x" * 65])
def test_what_is_no_hsa_id_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(IdentityError) as refused:
        parse_hsa_id(text)
    assert str(refused.value) == "expected 1 to 64 visible ASCII characters without white space"


@given(st.text(max_size=70))
def test_a_text_is_an_hsa_id_exactly_when_all_of_it_is_visible_ascii(text: str) -> None:
    is_one = 1 <= len(text) <= 64 and set(text) <= set(VISIBLE_ASCII)
    if is_one:
        assert parse_hsa_id(text) == text.upper()
    else:
        with pytest.raises(IdentityError):
            parse_hsa_id(text)


# --- resident identities


@given(as_written(resident_ids()))
def test_a_resident_identity_is_twelve_characters_however_it_is_written(written: tuple[str, str]) -> None:
    """R-07: personnummer, samordningsnummer (day + 60), unknown month or day, national reserve number."""
    text, identity = written
    assert parse_resident_id(text) == identity


@given(st.one_of(personnummer(), partly_unknown_dates()), st.integers(1, 9))
def test_a_wrong_check_digit_is_refused(identity: str, off_by: int) -> None:
    wrong = identity[:-1] + str((int(identity[-1]) + off_by) % 10)
    with pytest.raises(IdentityError, match="check digit"):
        parse_resident_id(wrong)


@pytest.mark.parametrize(
    "born",
    [
        "19121312",
        "19120230",
        "19110229",
        "19121232",
        "19121292",
        "19121259",
        "19120290",
        "21121212",
        "17121212",
        "00121212",
        "19121240",
    ],
)
def test_a_date_that_cannot_be_a_birthday_is_refused_whatever_the_check_digit(born: str) -> None:
    identity = f"{born}121"
    with pytest.raises(IdentityError, match="possible birth date"):
        parse_resident_id(identity + check_digit(identity[2:]))


@pytest.mark.parametrize("born", ["20000229", "20000289", "19121231", "19121291", "18990101"])
def test_a_possible_birthday_passes(born: str) -> None:
    identity = f"{born}121"
    identity += check_digit(identity[2:])
    assert parse_resident_id(identity) == identity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1212121212",
        "121212-1212",
        "1912121212121",
        "19121212 1212",
        "191212-121212",
        "19121212--1212",
        " 191212121212",
        "191212121212\n",
        "2200A123K12A",
        "22001234k12a",
        "22001234K1ÅA",
        "１９１２１２１２１２１２",
        "٢٠٠٠٠١٠١١٢٣٤",
    ],
)
def test_another_form_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(IdentityError) as refused:
        parse_resident_id(text)
    assert str(refused.value).startswith("expected 12 characters")
    assert not text.strip() or text not in str(refused.value)


def test_the_lower_case_letters_of_temporary_numbers_pass() -> None:
    """R-07: p, t and f are the lower-case letters of the form."""
    for letter in "ptf":
        assert parse_resident_id(f"22121212{letter}123") == f"22121212{letter}123"


@pytest.mark.parametrize("first", ["00", "22", "23", "25", "97", "98"])
def test_a_national_reserve_number_begins_with_its_series(first: str) -> None:
    """R-07"""
    assert parse_resident_id(f"{first}810829-SU31") == f"{first}810829SU31"
    assert is_national(f"{first}810829SU31")


@pytest.mark.parametrize(
    "local",
    ["19810829M071", "19810829SU3A", "18810829SU31", "20121212-TF12", "01810829SU31", "99810829A071"],
)
def test_a_local_reserve_number_is_refused(local: str) -> None:
    """R-07: letters behind the date of a birth are one region's own."""
    with pytest.raises(IdentityError, match="local_identities") as refused:
        parse_resident_id(local)
    assert local[:8] not in str(refused.value)
    assert not is_national(local)


# --- masking

_BEFORE = [
    "",
    " ",
    '"',
    "'",
    "(",
    "[",
    "{",
    "=",
    ":",
    ",",
    "/",
    ">",
    "_",
    "é ",
    "\n",
    "\t",
    "x=",
    "-",
    "+",
    "|",
    "resident ",
]
_ESCAPES = [
    "\\n",
    "\\t",
    "\\r",
    "\\b",
    "\\f",
    "\\x00",
    "\\x1f",
    "\\x85",
    "\\u0001",
    "\\u2028",
    "\\U0001f600",
    "%20",
    "%2F",
]
_AFTER = ["", " ", '"', "'", ")", "]", "}", ",", ".", ";", "<", "\\n", "\\u0001", "\n", " born", "&", "%20"]


@given(as_written(resident_ids()), st.sampled_from(_BEFORE + _ESCAPES), st.sampled_from(_AFTER))
def test_an_identity_is_masked_wherever_it_stands(written: tuple[str, str], before: str, after: str) -> None:
    """Escapes are the literal characters, as in a repr() or a JSON text that is logged."""
    text, identity = written
    masked = mask(f"{before}{text}{after}")
    assert masked == f"{before}[identity]{after}"
    assert identity[-4:] not in masked.replace(before, "").replace(after, "")


@given(as_written(resident_ids()), st.text("\x00\x01\x1f\x85\u2028\n\t\r\\\"' åé😀", max_size=3))
def test_an_identity_is_masked_in_what_repr_and_json_make_of_a_text(written: tuple[str, str], around: str) -> None:
    text, identity = written
    value = {"key": [f"{around}{text}{around}"]}
    for rendered in (
        repr(value),
        json.dumps(value),
        json.dumps(json.dumps(value)),
        repr(repr(value)),
        str(value).encode().__repr__(),
    ):
        masked = mask(rendered)
        assert "[identity]" in masked
        assert text not in masked
        assert identity not in masked


@given(personnummer(), st.sampled_from(["", "-", "+"]))
def test_the_ten_digits_that_people_write_are_masked_too(identity: str, separator: str) -> None:
    assert mask(f"id {identity[2:8]}{separator}{identity[8:]}.") == "id [identity]."


@given(resident_ids(), st.sampled_from([" ", "\u00a0", " - ", "\u2010", "\u2013", "\u2212", "%20", "%2D", "%2b"]))
def test_an_identity_is_masked_with_any_separator_before_its_last_four(identity: str, separator: str) -> None:
    assume(not identity[8:].isalpha())  # those four could be any word
    assert mask(f"of {identity[:8]}{separator}{identity[8:]}.") == "of [identity]."


@given(personnummer(), st.sampled_from(["-", " ", "+"]))
def test_an_identity_is_masked_with_its_date_in_parts(identity: str, separator: str) -> None:
    born = f"{identity[:4]}-{identity[4:6]}-{identity[6:8]}"
    assert mask(f"{born}{separator}{identity[8:]}") == "[identity]"


@given(st.lists(resident_ids(), min_size=1, max_size=4))
def test_every_one_of_several_is_masked(identities: list[str]) -> None:
    assert mask(", ".join(identities)) == ", ".join(["[identity]"] * len(identities))


@given(whole_seconds())
def test_times_in_the_index_s_format_are_kept(time: object) -> None:
    """A post's mostRecentContent is what an operator needs to see (R-05)."""
    content = f"{time:%Y%m%d%H%M%S}"
    assert mask(f"wanted {content}, known {content}") == f"wanted {content}, known {content}"


@pytest.mark.parametrize(
    "text",
    [
        "5565594230",
        "556559-4230",
        "232100-0016",
        "SE232100-0016",
        "SE2321000016-84GX",
        "SE2321000016-1HZ5",
        "162321000016",
        "2026-12-24 10:30:00+01:00",
        "2026-12-24T09:30:00.123456Z",
        "VP009",
        "127.0.0.1:65432",
        "20261224 POST",
        "2026-12-24 10:30",
        "0d9f3c1e-7a44-4c7b-9a3e-0b6a55e0c001",
    ],
)
def test_what_is_nobody_s_identity_is_kept(text: str) -> None:
    assert mask(f"of {text}.") == f"of {text}."


@given(st.text(max_size=60))
def test_masking_again_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@given(st.text(max_size=60))
def test_a_shape_holds_no_letter_or_digit_of_the_value(text: str) -> None:
    drawn = shape(text).partition('" and ')[0]
    assert not {c for c in drawn if c.isalnum()} - {"9", "A"}
    assert len(drawn.strip('"')) <= 20


def test_a_shape_shows_the_form() -> None:
    assert shape("191212-1212") == '"999999-9999"'
    assert shape("Åke\n" + "1" * 30) == '"AAA?9999999999999999" and 14 more characters'
