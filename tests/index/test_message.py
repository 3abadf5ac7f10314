"""The message: what zeep makes of the WSDL, made faster (R-01 to R-06, R-09, R-11)."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from relay.index.built_in import BuiltIn
from relay.index.message import ENGAGEMENT, REGISTRY, SOAP, UPDATE, MessageError, encode
from relay.index.reading import Reply
from relay.index.soap import BUILT_IN_WSDL, Soap
from relay.post import ABSENT, PostKey, Transaction
from tests.index.servers import DELETE, KEY, RESIDENT, SAVE

INDEX = "5565594230"
E, U = f"{{{ENGAGEMENT}}}", f"{{{UPDATE}}}"
FIELDS = [
    "registeredResidentIdentification",
    "serviceDomain",
    "categorization",
    "logicalAddress",
    "businessObjectInstanceIdentifier",
    "clinicalProcessInterestId",
    "mostRecentContent",
    "sourceSystem",
    "dataController",
]

# Letters that XML, UTF-8 and Swedish make interesting, among any that the index can store.
texts = st.text(
    st.sampled_from("åäöÅÄÖ&<>'\"é]") | st.characters(max_codepoint=0xFFFF, exclude_categories=["C"]),
    min_size=1,
    max_size=20,
).map(lambda text: f"x{text}")
residents = st.from_regex(r"[0-9]{8}[0-9A-Zptf]{4}", fullmatch=True)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1)).map("{:%Y%m%d%H%M%S}".format)
keys = st.builds(PostKey, residents, texts, texts, texts, texts)
transactions = st.builds(Transaction, keys, moments | st.just(ABSENT))
calls = st.lists(transactions, min_size=1, max_size=50, unique_by=lambda transaction: transaction.key)


@pytest.fixture(scope="module")
def soap() -> Soap:
    return Soap()


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(BUILT_IN_WSDL.parent / "update.xsd"))


@pytest.fixture(scope="module")
def official() -> Path:
    """The folder with the published contract files, which are not part of the project."""
    folder = os.environ.get("EI_CONTRACT_DIR")
    if not folder:
        pytest.skip("EI_CONTRACT_DIR does not name a folder with the published contract: NOT checked against it")
    return Path(folder)


def parsed(*posts: Transaction) -> Any:
    return etree.fromstring(encode(INDEX, posts))


def update_of(message: bytes) -> Any:
    return etree.fromstring(message).find(f"{{{SOAP}}}Body/{U}Update")


@settings(max_examples=60)
@given(posts=calls, address=texts)
def test_the_fast_message_equals_zeeps(soap: Soap, posts: list[Transaction], address: str) -> None:
    """R-01, R-02, R-03, R-06, R-09: for any posts the two are the same canonical XML."""
    fast, reference = encode(address, posts), soap.encode(address, posts)
    assert canonicalize(fast, rewrite_prefixes=True) == canonicalize(reference, rewrite_prefixes=True)


@settings(max_examples=60)
@given(posts=calls)
def test_every_message_keeps_to_our_schema(schema: etree.XMLSchema, posts: list[Transaction]) -> None:
    """R-03."""
    schema.assertValid(update_of(encode(INDEX, posts)))


@settings(max_examples=60)
@given(posts=calls)
def test_every_message_keeps_to_the_official_contract(official: Path, posts: list[Transaction]) -> None:
    """R-03, R-06, R-30: the published schema, and the constraints that its Schematron file states."""
    published = etree.XMLSchema(
        etree.parse(official / "interactions" / "UpdateInteraction" / "UpdateResponder_1.0.xsd")
    )
    update = update_of(encode(INDEX, posts))
    published.assertValid(update)
    assert not [tag for tag in ("creationTime", "updateTime", "owner") if update.findall(f".//{E}{tag}")]
    assert all(field.text for field in update.iterfind(f".//{E}engagement/*"))
    assert len(update) <= 1000
    for change in update:
        if change.find(f".//{E}mostRecentContent") is not None:
            assert change.findtext(f"{E}deleteFlag") == "false"


def test_our_schema_and_the_published_one_take_the_same_fields(official: Path) -> None:
    """R-03: same names in the same order, same ones optional, for Update and FindContent."""

    def fields(folder: Path) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for file in sorted(folder.rglob("*.xsd")):
            tree = etree.parse(file)
            space = tree.getroot().get("targetNamespace")
            for sequence in tree.iterfind(".//{http://www.w3.org/2001/XMLSchema}sequence"):
                elements = sequence.findall("{http://www.w3.org/2001/XMLSchema}element")
                row = [(each.get("name"), each.get("minOccurs", "1")) for each in elements]
                if "registry" not in str(space):  # of which we use a single element
                    found.setdefault(str(space), []).extend(row)  # type: ignore[arg-type]
        return found

    ours, theirs = fields(BUILT_IN_WSDL.parent), fields(official)
    assert {space: sorted(rows) for space, rows in ours.items()} == {
        space: sorted(rows) for space, rows in theirs.items()
    }


def test_given_a_thousand_posts_then_one_message_holds_them_in_their_order(schema: etree.XMLSchema) -> None:
    """R-30: an answer names posts by their number."""
    posts = [Transaction(PostKey(RESIDENT, "U", str(number), "S", "D"), SAVE.content) for number in range(1000)]
    update = update_of(encode(INDEX, posts))
    schema.assertValid(update)
    bookings = update.iterfind(f".//{E}businessObjectInstanceIdentifier")
    assert [each.text for each in bookings] == [str(number) for number in range(1000)]


def test_given_a_call_then_the_header_names_the_index() -> None:
    """R-02."""
    header = parsed(SAVE).find(f"{{{SOAP}}}Header")
    assert [(child.tag, child.text) for child in header] == [(f"{{{REGISTRY}}}LogicalAddress", INDEX)]


def test_given_a_booking_then_its_fields_stand_in_order_with_their_values() -> None:
    """R-03, R-04."""
    change = parsed(SAVE).find(f"{{{SOAP}}}Body/{U}Update/{U}engagementTransaction")
    engagement = change.find(f"{E}engagement")
    assert change.findtext(f"{E}deleteFlag") == "false"
    assert [etree.QName(field).localname for field in engagement] == FIELDS
    assert [field.text for field in engagement] == [
        RESIDENT,
        "riv:crm:scheduling",
        "NA",
        KEY.care_unit,
        KEY.booking_id,
        "NA",
        SAVE.content,
        KEY.source_system,
        KEY.data_controller,
    ]


def test_given_a_delete_then_it_has_the_same_key_and_no_content() -> None:
    """R-06."""
    save, delete = (parsed(post).find(f".//{E}engagement") for post in (SAVE, DELETE))
    assert parsed(DELETE).findtext(f".//{E}deleteFlag") == "true"
    kept = [(field.tag, field.text) for field in save if field.tag != f"{E}mostRecentContent"]
    assert [(field.tag, field.text) for field in delete] == kept


def test_the_bytes_are_utf_8_and_say_so() -> None:
    """R-09."""
    message = encode(INDEX, [SAVE])
    assert message.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert "bokning-åäö-1".encode() in message


def test_given_a_carriage_return_then_it_arrives_unharmed() -> None:
    """R-09: a parser would read a bare one as a line feed, and a delete would miss its post."""
    post = Transaction(PostKey(RESIDENT, "a\rb", "c\td", "e\nf", "g"), ABSENT)
    assert parsed(post).findtext(f".//{E}logicalAddress") == "a\rb"


def test_given_two_posts_with_one_key_then_both_are_named() -> None:
    """R-11."""
    other = Transaction(PostKey(RESIDENT, "u", "b", "s", "d"), ABSENT)
    with pytest.raises(MessageError, match="Posts 2 and 3 have the same key") as error:
        encode(INDEX, [other, SAVE, DELETE])
    assert error.value.posts == (1, 2)


def test_given_two_keys_that_are_one_text_then_the_later_is_named() -> None:
    """R-11: the index writes the fields one after the other, without separators."""
    one = Transaction(PostKey(RESIDENT, "SE2321000016-1HZ", "51042", "s", "d"), ABSENT)
    other = Transaction(PostKey(RESIDENT, "SE2321000016-1HZ5", "1042", "s", "d"), ABSENT)
    with pytest.raises(MessageError, match="Posts 2 and 3 are one post to the index") as error:
        encode(INDEX, [SAVE, one, other])
    assert error.value.posts == (2,)


@pytest.mark.parametrize("field", ["resident_id", "care_unit", "booking_id", "source_system", "data_controller"])
@pytest.mark.parametrize("bad", ["", "secret\x00", "secret\x0b", "secret\ud800", "secret\ufffe", "secret𐐀"])
def test_given_a_value_no_message_can_hold_then_the_post_is_named_and_the_value_is_not(field: str, bad: str) -> None:
    """R-03, R-38: no element may be empty, and no error tells what was in it."""
    values = {name: getattr(KEY, name) for name in PostKey._fields} | {field: bad}
    with pytest.raises(MessageError) as error:
        encode(INDEX, [SAVE, Transaction(PostKey(**values), "20300101000000")])
    assert error.value.posts == (1,)
    assert "Post 2" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("content", ["?", "2030-05-17", "２０３００５１７０９３０００", "203005170930001"])
def test_given_no_real_content_then_it_is_refused(content: str) -> None:
    """R-05."""
    with pytest.raises(MessageError, match="Post 1: mostRecentContent is not fourteen digits"):
        encode(INDEX, [Transaction(KEY, content)])


@pytest.mark.parametrize("address", ["", "a\x00"])
def test_given_no_usable_logical_address_then_no_post_is_blamed(address: str) -> None:
    """R-02."""
    with pytest.raises(MessageError) as error:
        encode(address, [SAVE])
    assert error.value.posts == ()


def test_given_no_posts_then_there_is_no_message() -> None:
    """R-03."""
    with pytest.raises(MessageError):
        encode(INDEX, [])


def test_what_is_built_in_is_what_zeep_makes_of_the_wsdl() -> None:
    body = (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><u:UpdateResponse xmlns:u="{UPDATE}"><u:ResultCode>INFO</u:ResultCode>'
        "<u:comment>hej</u:comment></u:UpdateResponse></s:Body></s:Envelope>"
    ).encode()
    assert BuiltIn().action == Soap().action
    assert BuiltIn().read(body) == Soap().read(body) == Reply(result_code="INFO", comment="hej")
