from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import relay.change
from relay.change import REASON_LIMIT, Change, Details, Kind, OutboxRow, Rejected, event_id_of, read
from relay.identity import mask
from tests.made import OTHER_SYSTEM, RESIDENT, STARTS, SYSTEM, SYSTEMS, UNIT, change, details, read_row, row
from tests.strategies import as_written, hsa_ids, resident_ids, whole_seconds

_COLUMNS = [name for name in OutboxRow.__dataclass_fields__ if name != "id"]


def reason(**said: str | None) -> str:
    refused = read_row(**said)
    assert isinstance(refused, Rejected)
    return refused.reason


def test_an_upsert_says_the_whole_state_of_a_booking() -> None:
    said = change(7, version="3", event_id="e-1", data_controller=" SE232100-0016 ", source_system=OTHER_SYSTEM)

    assert said == Change(
        row_id=7,
        booking_id="b-1",
        version=3,
        source_system=OTHER_SYSTEM,
        registered_at=datetime(2026, 11, 2, 8, 59, 30, tzinfo=UTC),
        details=details(data_controller="SE232100-0016"),
    )


def test_what_is_left_out_gets_its_default() -> None:
    said = change(version="", source_system=None, kind="", presentable=None, data_controller="  ", valid_until="")

    assert said.version is None
    assert said.source_system == SYSTEM
    assert said.details == details(kind=Kind.BOOKING, presentable=True, data_controller=None, valid_until=None)


def test_the_three_kinds_read_the_times_they_need() -> None:
    until = {"valid_until": "2026-12-20 00:00"}
    invitation = change(kind="invitation", **until).details
    open_invitation = change(kind="open_invitation", starts_at=None, invited_on="2026-11-01", **until).details

    assert invitation == details(kind=Kind.INVITATION, valid_until=datetime(2026, 12, 20))
    assert open_invitation == details(
        kind=Kind.OPEN_INVITATION, starts_at=None, invited_on=date(2026, 11, 1), valid_until=datetime(2026, 12, 20)
    )


def test_times_that_a_kind_has_no_use_for_are_not_read() -> None:
    said = change(kind="open_invitation", starts_at="infinity", invited_on="2026-11-01").details
    assert said is not None
    assert said.starts_at is None
    assert change(invited_on="never").details == details()


def test_a_remove_reads_nothing_of_the_booking() -> None:
    said = change(operation="remove", version="9", resident_id="wrong", care_unit="w r", starts_at="infinity", kind="x")
    assert said.details is None
    assert said.version == 9


@given(as_written(resident_ids()), hsa_ids(), whole_seconds(), st.booleans())
def test_every_spelling_of_a_state_is_read_as_one(
    written: tuple[str, str], unit: str, at: datetime, shown: bool
) -> None:
    """R-07, R-08: an identity and an HSA-id come out in one spelling however they were written."""
    text, identity = written
    said = read_row(resident_id=text, care_unit=unit, starts_at=f"{at}Z", presentable=str(shown))
    again = read_row(resident_id=identity, care_unit=unit.lower(), starts_at=f"{at}+00:00", presentable="ft"[shown])

    assert isinstance(said, Change)
    assert said == again
    assert isinstance(said.details, Details)
    assert (said.details.resident_id, said.details.care_unit) == (identity, unit.upper())


def test_a_source_system_is_sent_as_configured() -> None:
    """R-52"""
    configured = {"SE2321000016-1HZX": "SE2321000016-1hzX"}
    said = read(row(source_system="se2321000016-1HZx"), configured)
    assert isinstance(said, Change)
    assert said.source_system == "SE2321000016-1hzX"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"operation": None}, "operation: is missing, it is required"),
        ({"operation": "UPSERT"}, 'operation: was "UPSERT", expected upsert or remove'),
        ({"booking_id": ""}, "booking_id: is missing, it is required"),
        ({"booking_id": "x" * 129}, "expected at most 128 characters, it has 129"),
        ({"booking_id": "B-𐐀"}, 'booking_id: was "B-𐐀", expected no characters beyond U+FFFF'),
        ({"booking_id": "\u3000"}, 'booking_id: was "?", expected more than blanks'),
        ({"booking_id": "  "}, "expected no white space at the beginning or end"),
        ({"data_controller": "Region 😀"}, "data_controller: was"),
        ({"resident_id": "19810829M071"}, 'resident_id: was "99999999A999", expected a national reserve number'),
        ({"resident_id": "19810829-SU3A"}, "the source's local_identities does not cover"),
        ({"booking_id": " b"}, 'booking_id: was " b", expected no white space at the beginning or end'),
        ({"booking_id": "b\x00"}, 'booking_id: was "b?", expected no control characters'),
        ({"booking_id": "b\udcff"}, "expected no control characters"),
        ({"booking_id": "b\ufffe"}, "expected no control characters"),
        ({"event_id": "e" * 65}, "event_id: was"),
        ({"version": "1.5"}, 'version: was "1.5", expected a whole number'),
        ({"version": str(2**63)}, "expected a whole number of at most 64 bits"),
        ({"version": "9" * 5000}, "expected a whole number"),
        ({"source_system": "SE0"}, f"expected one of the source's: {SYSTEM}, {OTHER_SYSTEM}"),
        ({"care_unit": "å"}, 'care_unit: was "å", expected 1 to 64 visible ASCII characters'),
        ({"care_unit": None}, "care_unit: is missing, it is required"),
        ({"kind": "visit"}, "expected booking or invitation or open_invitation"),
        ({"starts_at": None}, "starts_at: is missing, it is required for a booking"),
        ({"starts_at": None, "kind": "invitation"}, "starts_at: is missing, it is required for an invitation"),
        ({"kind": "open_invitation"}, "invited_on: is missing, it is required for an open_invitation"),
        ({"starts_at": "infinity"}, 'starts_at: was "infinity", expected a time'),
        ({"starts_at": "20026-01-01 10:00:00"}, "starts_at: was"),
        ({"starts_at": "2026-03-29 02:30:00"}, "expected a time that exists"),
        ({"valid_until": "-infinity"}, "valid_until: was"),
        ({"presentable": "maybe"}, 'presentable: was "maybe", expected true or false'),
        ({"data_controller": "d" * 65}, "data_controller: was"),
        ({"resident_id": "19121212-1213"}, 'resident_id: was "99999999-9999", expected a right check digit'),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(said: dict[str, str | None], expected: str) -> None:
    assert expected in reason(**said)


_LOCAL = re.compile("99[0-9]{10}|L.*", re.DOTALL)


@pytest.mark.parametrize("identity", ["991234567890", "L-7", "L" * 32])
def test_a_local_identity_is_taken_as_it_stands(identity: str) -> None:
    """R-07"""
    taken = read(row(resident_id=identity), SYSTEMS, _LOCAL)
    assert isinstance(taken, Change)
    assert taken.details is not None
    assert taken.details.resident_id == identity


def test_beside_a_pattern_national_identities_are_read_as_ever() -> None:
    taken = read(row(resident_id="19121212-1212"), SYSTEMS, _LOCAL)
    assert isinstance(taken, Change)
    assert taken.details is not None
    assert taken.details.resident_id == RESIDENT


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("981234567890", "expected a possible birth date"),
        ("L" * 33, "expected at most 32 characters"),
        ("L\0", "expected no control characters"),
        ("L ", "expected no white space"),
    ],
)
def test_a_wrong_local_identity_is_rejected(identity: str, expected: str) -> None:
    """Also one that the relay's database could not hold."""
    refused = read(row(resident_id=identity), SYSTEMS, _LOCAL)
    assert isinstance(refused, Rejected)
    assert expected in refused.reason
    assert identity not in refused.reason


def test_a_local_reserve_number_that_the_pattern_covers_is_taken_as_it_stands() -> None:
    """R-07"""
    pattern = re.compile("(18|19|20)[0-9]{6}(?=.*[A-Z])[0-9A-Z]{4}")
    taken = read(row(resident_id="19810829SU3A"), SYSTEMS, pattern)
    assert isinstance(taken, Change)
    assert taken.details is not None
    assert taken.details.resident_id == "19810829SU3A"


def test_white_space_is_what_the_index_takes_for_it() -> None:
    """The index compares ids exactly; a blank beyond U+0020 at an end is part of one."""
    assert change(booking_id="b\u00a0").booking_id == "b\u00a0"
    said = change(data_controller="\t\x1fRegion\u00a0 ").details
    assert said is not None
    assert said.data_controller == "Region\u00a0"


def test_an_event_id_is_never_sent_and_may_hold_any_character() -> None:
    assert event_id_of(row(event_id="😀")) == "😀"


def test_every_wrong_field_is_named_at_once() -> None:
    told = reason(booking_id=None, version="x", care_unit="a b", starts_at="soon")
    assert [part.split(":")[0] for part in told.split("; ")] == ["booking_id", "version", "care_unit", "starts_at"]


_VALUES = st.one_of(
    st.none(),
    st.text(max_size=80),
    st.text(st.characters(), min_size=300, max_size=400),
    st.sampled_from(["infinity", "\udcff\x00", "1_0", "NaN", "upsert", "booking", "2026-12-24 10:30"]),
    resident_ids(),
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_COLUMNS, _VALUES)))
def test_no_row_at_all_breaks_the_reader(said: dict[str, str | None]) -> None:
    """A row is a change or it is rejected in at most 500 characters that can be stored and logged."""
    strange = row(**said)
    read_as = read(strange, SYSTEMS)

    assert len(strange.fingerprint()) == 16
    if isinstance(read_as, Rejected):
        assert 0 < len(read_as.reason) <= REASON_LIMIT
        assert read_as.reason.isprintable()
        read_as.reason.encode("utf-8")


_RIGHT = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.sampled_from(["e-1", " e-1 ", "e  1", "😀"]),
        "operation": st.sampled_from(["upsert", "remove"]),
        "version": st.sampled_from(["7", "0_7", "-1"]),
        "source_system": st.sampled_from([OTHER_SYSTEM, SYSTEM.lower()]),
        "kind": st.sampled_from(["booking", "invitation", "open_invitation", ""]),
        "starts_at": st.sampled_from(["2026-12-24T10:30:00", "2026-12-24 10:30:00.7+01", "2026-03-29 01:59:59"]),
        "invited_on": st.just("2026-11-01"),
        "valid_until": st.sampled_from(["2026-12-31 23:59", "2027-01-01 00:00:00Z"]),
        "presentable": st.sampled_from(["true", "F", "1"]),
        "data_controller": st.sampled_from(["SE232100-0016", "Region Åland ", "  ", "a  b"]),
        "created_at": st.sampled_from(["2026-11-23 10:00:00.5+00", "never", None]),
    },
)


@given(_RIGHT, st.fixed_dictionaries({}, optional=dict.fromkeys(_COLUMNS, _VALUES)), st.booleans())
def test_what_is_read_quickly_is_read_as_strictly(right: dict[str, str], wrong: dict[str, str], spoil: bool) -> None:
    """Rows with nothing wrong in them are read without the machinery that gathers what is."""
    one = row(**(right | (wrong if spoil else {})))

    assert read(one, SYSTEMS, _LOCAL) == relay.change._read_strictly(one, SYSTEMS, _LOCAL)


_MISPLACED = st.sampled_from(["{} ", "\x01{}", "no{}\n"])


@given(resident_ids(), st.sampled_from(_COLUMNS), _MISPLACED)
def test_a_reason_quotes_no_resident_identity_wherever_it_stood(identity: str, column: str, form: str) -> None:
    """An identity in the wrong column, or one that is written wrongly in its own."""
    said = {"kind": "open_invitation" if column == "invited_on" else None, "invited_on": "2026-11-01"}
    read_as = read_row(**(said | {column: form.format(identity)}))
    if isinstance(read_as, Rejected):
        assert identity not in read_as.reason
        assert identity[:8] not in read_as.reason


@given(st.sampled_from(_COLUMNS), st.text(max_size=10), st.text(max_size=10))
def test_a_fingerprint_tells_rows_apart(column: str, one: str, other: str) -> None:
    same = row(5, **{column: one}).fingerprint() == row(6, **{column: other}).fingerprint()
    assert same == (one == other)


def test_an_event_id_that_cannot_be_taken_is_none() -> None:
    """Nothing is asked of the database for it, which may not even be able to hold it."""
    assert event_id_of(row(event_id="e-1")) == "e-1"
    for wrong in (None, "", " ", "e" * 65, "e\x00", "e\udcff"):
        assert event_id_of(row(event_id=wrong)) is None


def test_blanks_around_an_event_id_cost_the_row_nothing() -> None:
    """It is the writer's own key and never sent; a column of fixed width pads it, one without a key to blanks."""
    assert change(event_id="e-1  ") == change(event_id="  ") == change()
    assert event_id_of(row(event_id="e" * 64 + "  ")) == "e" * 64


def test_a_created_at_that_cannot_be_read_costs_the_row_nothing() -> None:
    assert change(created_at="infinity").registered_at is None
    assert change(created_at=None).registered_at is None


def test_the_rows_of_these_tests_are_right() -> None:
    assert change().details == Details(RESIDENT, UNIT, Kind.BOOKING, STARTS, None, None, True, None)


def test_of_a_value_of_any_length_only_the_beginning_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking megabytes in a wrong column, in each of a thousand rows, would hold up the source's other rows."""
    masked: list[int] = []
    monkeypatch.setattr(relay.change, "mask", lambda text: masked.append(len(text)) or mask(text))
    refused = read_row(booking_id="kallelse " * 1_000_000)
    assert isinstance(refused, Rejected)
    assert refused.reason.startswith(
        'booking_id: was "kallelse kallelse kallelse kallelse kall"…, expected at most 128'
    )
    assert masked == [200]


def test_an_identity_at_the_end_of_what_is_shown_is_masked_whole() -> None:
    for before in range(20, 250):
        refused = read_row(booking_id="x" * before + RESIDENT + "y" * 200)
        assert isinstance(refused, Rejected)
        assert not re.search(r"\d{4}", refused.reason.partition(",")[0])
