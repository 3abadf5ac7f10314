"""Every EI code, and the platform's refusals of what it cannot pass on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.core import Core, Options
from relay.sandbox.model import Reply
from relay.sandbox.validation import Ownership
from tests.sandbox.messages import HEADERS, TOLVAN, Clock, Post, call, envelope, held, rules, send


def said(reply: Reply) -> str:
    return reply.body.decode()


def test_a_good_call_is_accepted_R_01(core: Core) -> None:
    reply = send(core, Post("a"), Post("b"))
    assert (reply.status, reply.answer) == (200, "OK")
    assert "<ResultCode>OK</ResultCode>" in said(reply)
    assert reply.headers["Content-Type"] == "text/xml;charset=utf-8"
    assert reply.headers[CORRELATION_ID]
    assert not core.breaches()


def test_EI000_more_than_a_thousand_posts_R_30(core: Core) -> None:
    assert send(core, *(Post(f"b-{n}") for n in range(1000))).answer == "OK"
    reply = send(core, *(Post(f"b-{n}") for n in range(1001)))
    assert reply.status == 500
    assert "EI000: The request contains more than 1000 engagements" in said(reply)
    assert rules(core) == {"R-30"}


def test_EI000_no_post_at_all(core: Core) -> None:
    assert "EI000: The request contains less than 1 engagement" in said(send(core))


SCHEMA_BREACHES = {
    "element order": Post()
    .xml()
    .replace("c:categorization", "c:T")
    .replace("c:logicalAddress", "c:categorization")
    .replace("c:T>", "c:logicalAddress>"),
    "repeated field": Post(extra="<c:sourceSystem>X</c:sourceSystem>").xml(),
    "identity": Post(resident="19121212-1212").xml(),
    "identity of ten digits": Post(resident="1212121212").xml(),
    "no digits but letters": Post(resident="ABCDEFGHIJKL").xml(),
    "a date that only the index reads": Post(content="2027 1 1101010").xml(),
    "deleteFlag": Post().xml().replace(">false<", ">no<"),
    "no deleteFlag": Post().xml().replace("<c:deleteFlag>false</c:deleteFlag>", ""),
    "an attribute": Post().xml().replace("<c:engagement>", '<c:engagement id="1">'),
    "text between fields": Post().xml().replace("<c:engagement>", "<c:engagement>text"),
}


@pytest.mark.parametrize("transaction", SCHEMA_BREACHES.values(), ids=SCHEMA_BREACHES)
def test_EI001_whatever_the_schema_forbids_R_03(core: Core, transaction: str) -> None:
    # When a call holds one good post and one that breaks the schema
    reply = send(core, Post("good"), transaction)
    # Then the whole of it is refused (trap 7), and the fault does not say which post it was
    assert reply.status == 500
    assert "EI001: The request is invalid according to the XML schema" in said(reply)
    assert "#" not in said(reply)
    assert not core.posts()


UNKNOWN = {
    "unknown field": Post(extra="<c:nonsense/>").xml(),
    "field of no namespace": Post(extra="<creationTime>20270101000000</creationTime>").xml(),
    "an element in a field": Post().xml().replace(">NA<", "><c:b/>NA<", 1),
    "another element in Update": "<u:other/>",
}


@pytest.mark.parametrize("transaction", UNKNOWN.values(), ids=UNKNOWN)
def test_what_the_index_itself_refuses_is_refused_in_its_words(core: Core, transaction: str) -> None:
    """Strict or not: the index's own judgement comes first, the schema's after it."""
    reply = send(core, Post("good"), transaction)
    assert (reply.status, reply.answer, reply.outcome) == (500, "fault", "content")
    assert "<faultcode>soap:Client</faultcode><faultstring>Unmarshalling Error: unexpected element" in said(reply)


def test_what_the_schema_allows_passes(core: Core) -> None:
    """White space, comments, extensions in other namespaces, xsi attributes, 0 for false, letters."""
    odd = (
        Post("odd", resident="20121212A12t")
        .xml()
        .replace("</c:engagement>", "<x:more xmlns:x='urn:x' a='1'>text<x:b/></x:more></c:engagement>")
        .replace("><c:", ">\n  <!-- space -->\n<c:")
        .replace(">false<", "> 0 <")
        .replace(
            "<c:engagement>",
            "<c:engagement xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:type='c:EngagementType'>",
        )
    )
    assert send(core, odd).answer == "OK"
    assert list(held(core)) == ["odd"]


def test_EI001_quotes_the_value_but_nothing_else_here_does(core: Core) -> None:
    """The index's validator quotes identities: a sender that logs the fault leaks one (R-38)."""
    reply = send(core, Post(resident="19121212-1212"))
    assert "19121212-1212" in said(reply)
    assert "1212" not in str(core.breaches()) + str(core.calls())
    assert rules(core) == {"R-07"}


def test_EI002_names_the_first_pair_counted_from_one_R_11(core: Core) -> None:
    reply = send(core, Post("a"), Post("b"), replace(Post("b"), content=None, delete=True))
    assert "EI002: EngagementTransaction #2 and #3 have the same key" in said(reply)
    assert reply.outcome == "content"
    assert rules(core) == {"R-11"}


def test_EI003_another_index_addressed_R_02(core: Core) -> None:
    reply = core.receive(call(Post(), address="SE165565594230-1000"), HEADERS)
    assert "EI003: Logical address is SE165565594230-1000 but the owner is 5565594230" in said(reply)
    assert rules(core) == {"R-02"}


@pytest.mark.parametrize(
    ("post", "text"),
    [
        (Post(""), 'mandatory field "businessObjectInstanceIdentifier" is missing'),
        (Post(controller=" x"), 'mandatory field "dataController" contains white space in beginning or end'),
        (Post(unit="x" * 65), 'Field "logicalAddress" is to long'),
        (Post("å" * 129), 'Field "businessObjectInstanceIdentifier" is to long'),
    ],
)
def test_EI004_names_the_field_but_not_the_post(core: Core, post: Post, text: str) -> None:
    reply = send(core, Post("good"), post)
    assert f"EI004: {text}" in said(reply).replace("&quot;", '"')
    assert reply.outcome == "content"
    assert not core.posts()


def test_lengths_count_characters_R_09(core: Core) -> None:
    assert send(core, Post("å" * 128)).answer == "OK"


def test_EI005_and_EI006_reserved_ids(clock: Clock) -> None:
    own = Ownership(reserved_addresses=frozenset({"PLATFORM-A"}), reserved_systems=frozenset({"PLATFORM-S"}))
    core = Core(Options(own=own), clock)
    assert "EI005: The logicalAddress in EngagementTransaction #2 is reserved" in said(
        send(core, Post("a"), Post("b", unit="PLATFORM-A"))
    )
    assert "EI006: The sourceSystem in EngagementTransaction #1 is reserved" in said(
        send(core, Post(system="PLATFORM-S"))
    )


def test_VP003_no_logical_address_R_02(core: Core) -> None:
    assert "VP003" in said(core.receive(call(Post(), address=None), HEADERS))
    assert rules(core) == {"R-02"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not XML",
        call(Post())[:-20],
        b'<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + call(Post()).partition(b"?>")[2],
    ],
    ids=["empty", "text", "cut", "document type"],
)
def test_VP015_what_is_no_SOAP_call_R_01(core: Core, body: bytes) -> None:
    reply = core.receive(body, HEADERS)
    assert "<faultstring>VP015 [" in said(reply)
    assert rules(core) == {"R-01"}


def test_another_operation(core: Core) -> None:
    assert "was not recognized" in said(core.receive(envelope("<x/>"), HEADERS))


def test_trap_8_called_directly_the_index_wants_the_correlation_id(clock: Clock) -> None:
    core = Core(Options(direct=True), clock)
    assert core.receive(call(Post()), HEADERS).answer == "fault"
    assert core.receive(call(Post()), {**HEADERS, "X-SKLTP-Correlation-Id": "abc"}).answer == "OK"
    assert core.calls()[-1]["correlation_id"] == "abc"


def test_identity_in_the_history_is_nowhere(core: Core) -> None:
    send(core, Post())
    send(core, Post(), Post())
    assert TOLVAN not in str(core.calls()) + str(core.breaches()) + str(core.summary())
