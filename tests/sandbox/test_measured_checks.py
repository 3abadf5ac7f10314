"""Which calls the sandbox refuses and in which order, held line by line to what was measured."""

from __future__ import annotations

import pytest

from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.core import Core, Options
from relay.sandbox.validation import Ownership
from tests.sandbox.measured import DIRECT, ask, fault_of, index, later
from tests.sandbox.messages import HEADERS, Clock, Post, call, envelope, held

__all__ = ["index"]


def test_14_without_the_correlation_id_a_fault_without_a_code_and_an_empty_one_passes(index: Core) -> None:
    status, code, text = fault_of(index.receive(call(Post()), HEADERS))
    assert (status, code) == (500, "soap:Server")
    assert not text.startswith(("EI", "VP"))
    assert index.receive(call(Post()), HEADERS | {CORRELATION_ID: ""}).answer == "OK"


@pytest.mark.parametrize("number", [0, 1001])
def test_15_the_count_comes_first(index: Core, number: int) -> None:
    posts = [Post(f"b-{each}", content="rubbish") for each in range(number)]
    assert fault_of(ask(index, *posts))[2].startswith("EI000: The request contains")


@pytest.mark.parametrize(
    "content",
    [
        "20261301100000",
        "20260230100000",
        "20260329023000",
        "20261201100060",
        "20261201240000",
        "20261201",
        "202612011000",
        "2026-12-01T10:00:00",
        "",
        " 20261201100000",
    ],
)
def test_16_a_date_that_cannot_be_read_is_a_fault_without_a_code_before_all_else(index: Core, content: str) -> None:
    # Given two posts of one key as well, and a blank at an edge
    status, code, text = fault_of(ask(index, Post(" a"), Post(" a"), Post("b", content=content)))
    assert (status, code) == (500, "soap:Server")
    assert not text.startswith("EI")
    assert content.strip() in text
    assert "<faultstring>" not in str(index.breaches())


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        ("2026120110000a", "20261201100000"),
        ("2026120110000", "20261201100000"),
        ("2026 1 1101010", "20260101101010"),
        ("00010101000000", "00010101000000"),
        ("99991231235959", "99991231235959"),
    ],
)
def test_16_dates_that_are_accepted_all_the_same(index: Core, clock: Clock, content: str, stored: str) -> None:
    assert ask(index, Post("a", content=content), Post("b")).answer == "OK"
    later(clock)
    assert held(index)["a"] == stored


PLATFORM = Ownership(reserved_addresses=frozenset({"PLATFORM", " PLATFORM"}), reserved_systems=frozenset({"PLATFORM"}))
TOO_LONG = "x" * 65


@pytest.mark.parametrize(
    ("posts", "text"),
    [
        ([Post("a"), Post("b"), Post("b"), Post("a")], "EI002: EngagementTransaction #2 and #3"),
        ([Post(" a"), Post(" a")], "EI004: mandatory"),  # post by post: the first one's texts come before the second
        ([Post("a", unit=" PLATFORM")], 'EI004: mandatory field "logicalAddress" contains white space'),
        ([Post("", unit="PLATFORM")], "EI005: The logicalAddress in EngagementTransaction #1 is reserved"),
        ([Post("a"), Post("", system="PLATFORM")], "EI006: The sourceSystem in EngagementTransaction #2 is reserved"),
        ([Post("", unit=TOO_LONG)], 'EI004: mandatory field "businessObjectInstanceIdentifier" is missing'),
        ([Post(unit=TOO_LONG)], 'EI004: Field "logicalAddress" is to long'),
        ([Post(unit=TOO_LONG), Post("a", unit="PLATFORM")], 'EI004: Field "logicalAddress" is to long'),
    ],
    ids=["first pair", "post by post", "blank before id", "id", "id of system", "missing before long", "long", "first"],
)
def test_17_the_order_of_the_checks(clock: Clock, posts: list[Post], text: str) -> None:
    index = Core(Options(own=PLATFORM, as_measured=True, direct=True), clock)
    status, code, said = fault_of(ask(index, *posts))
    assert (status, code) == (500, "soap:Server")
    assert said.startswith(text)


def test_18_lengths_count_UTF_16_units(index: Core) -> None:
    assert ask(index, Post("å" * 128)).answer == "OK"
    assert ask(index, Post("\U0001f600" * 64)).answer == "OK"
    assert "is to long" in fault_of(ask(index, Post("\U0001f600" * 64 + "x")))[2]


def test_18_white_space_is_up_to_U_0020_only(index: Core) -> None:
    assert ask(index, Post("\u00a0a\u2003")).answer == "OK"
    assert "white space" in fault_of(ask(index, Post("a\t")))[2]
    assert ask(index, Post("   ")).answer == "OK"  # a booking of blanks alone came in
    assert "white space" in fault_of(ask(index, Post(unit="   ")))[2]


@pytest.mark.parametrize("flag", ["TRUE", "yes", "", "0", None])
def test_18b_a_delete_that_is_not_written_true_is_a_create(index: Core, clock: Clock, flag: str | None) -> None:
    xml = Post("a").xml()
    written = "" if flag is None else f"<c:deleteFlag>{flag}</c:deleteFlag>"
    assert ask(index, xml.replace("<c:deleteFlag>false</c:deleteFlag>", written), Post("b")).answer == "OK"
    later(clock)
    assert "a" in held(index)


@pytest.mark.parametrize(
    "post",
    [
        Post(resident="19121212-1212").xml(),
        Post(resident="ABC").xml(),
        Post()
        .xml()
        .replace("c:categorization", "c:T")
        .replace("c:serviceDomain", "c:categorization")
        .replace("c:T>", "c:serviceDomain>"),
        Post().xml().replace("<c:engagement>", '<c:engagement id="1">text'),
    ],
    ids=["identity", "any identity", "order", "attribute and text"],
)
def test_18b_there_is_no_schema(index: Core, post: str) -> None:
    assert ask(index, post, Post("other")).answer == "OK"


def test_18b_a_missing_field_is_EI004_and_never_EI001(index: Core) -> None:
    post = Post().xml().replace("<c:categorization>NA</c:categorization>", "")
    assert fault_of(ask(index, post))[2] == 'EI004: mandatory field "categorization" is missing'


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (call(Post(extra="<c:nonsense/>")), "Client", "Unmarshalling Error"),
        (call(Post())[:-9], "Client", "Error reading XMLStreamReader"),
        (b"", "Client", "Error reading XMLStreamReader"),
        (
            call(Post()).replace(b"schemas.xmlsoap.org/soap/envelope/", b"www.w3.org/2003/05/soap-envelope"),
            "VersionMismatch",
            "a SOAP 1.2 message",
        ),
        (
            call(Post()).replace(b"<s:Header>", b'<s:Header><x:y xmlns:x="urn:x" s:mustUnderstand="1"/>'),
            "MustUnderstand",
            "MustUnderstand headers: [{urn:x}y]",
        ),
        (envelope("<x/>"), "Client", "was not recognized"),
        (envelope(""), "Server", "is null"),
        (call("<u:engagementTransaction/>"), "Server", "is null"),
    ],
)
def test_18c_faults_without_a_code_that_are_content(index: Core, body: bytes, code: str, text: str) -> None:
    status, faultcode, said = fault_of(index.receive(body, DIRECT))
    assert (status, faultcode) == (500, f"soap:{code}")
    assert text in said
    assert not said.startswith(("EI", "VP"))
