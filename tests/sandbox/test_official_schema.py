"""The sandbox's reading of the contract against the published one, where that is at hand.

EI_CONTRACT_DIR names a folder with the published contract of itintegration:engagementindex 1.0 (the one that
holds core_components and interactions). It is no part of this project; without it these tests are skipped.
"""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from relay.sandbox.contract import CORE, FIND, UPDATE
from relay.sandbox.core import Core
from relay.sandbox.envelope import Envelope
from relay.sandbox.model import FindContent, Update
from relay.sandbox.soap import read_find_content, read_update
from tests.sandbox.messages import Post, call, find_content, gone, send
from tests.sandbox.test_index import TEST_RESIDENT
from tests.sandbox.test_refusals import SCHEMA_BREACHES

FOLDER = os.environ.get("EI_CONTRACT_DIR")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="EI_CONTRACT_DIR is not set: NOTHING WAS CHECKED AGAINST THE PUBLISHED CONTRACT"
)


def schema(interaction: str) -> etree.XMLSchema:
    path = Path(FOLDER or "") / "interactions" / f"{interaction}Interaction" / f"{interaction}Responder_1.0.xsd"
    return etree.XMLSchema(etree.parse(path))


def body(message: bytes) -> etree._Element:
    (payload,) = etree.fromstring(message).findall("{http://schemas.xmlsoap.org/soap/envelope/}Body/*")
    return payload


@pytest.mark.parametrize(
    "posts",
    [[Post()], [gone(Post())], [Post("å"), Post("b", content=None)], [Post(resident="20121212A12t")]],
)
def test_samples_are_valid(posts: list[Post]) -> None:
    schema("Update").assertValid(body(call(*posts)))
    schema("FindContent").assertValid(body(find_content(**TEST_RESIDENT)))


@pytest.mark.parametrize("transaction", SCHEMA_BREACHES.values(), ids=SCHEMA_BREACHES)
def test_what_the_sandbox_refuses_with_EI001_is_invalid(transaction: str) -> None:
    assert not schema("Update").validate(body(call(Post("good"), transaction)))


def test_answers_are_valid(core: Core) -> None:
    schema("Update").assertValid(body(send(core, Post("a"), Post("b", content=None)).body))
    found = body(core.find_content(find_content(**TEST_RESIDENT)).body)
    assert len(found) == 2
    schema("FindContent").assertValid(found)


TEXTS = ["", "x", " ", "true", " 1\n", "20270101000000", "20270231000000", "191212121212", " 191212121212"]
ATTRIBUTES = ["a", "{urn:x}b", "{http://www.w3.org/2001/XMLSchema-instance}nonsense"]


def tags(home: str) -> list[str]:
    return ["sourceSystem", "{urn:x}y", f"{{{home}}}owner"] + [
        f"{{{CORE}}}{name}" for name in ("owner", "creationTime", "updateTime", "sourceSystem")
    ]


def spoil(root: etree._Element, home: str, draw: random.Random) -> None:
    """Do one thing to one element of a message that may make it invalid."""
    element = draw.choice(list(root.iter()))
    parent = element.getparent()
    deed = draw.randrange(8 if parent is not None and element is not root else 4)
    if deed == 0:
        element.text = draw.choice(TEXTS)
    elif deed == 1:
        element.set(draw.choice(ATTRIBUTES), "1")
    elif deed == 2:
        element.tag = draw.choice(tags(home))
    elif deed == 3:
        etree.SubElement(element, draw.choice(tags(home))).text = draw.choice(TEXTS)
    elif parent is None:
        return
    elif deed == 4:
        parent.remove(element)
    elif deed == 5:
        parent.insert(draw.randrange(len(parent) + 1), copy.deepcopy(element))
    elif deed == 6:
        parent.insert(draw.randrange(len(parent) + 1), etree.Element(draw.choice(tags(home))))
    else:
        element.tail = draw.choice(["text", " "])


def comparable(update: etree._Element) -> bool:
    """Whether the two readings should agree.

    Not where no transaction is left, which is EI000's to say; nor where one follows an extension, which
    libxml2 lets pass against the schema's own sequence.
    """
    tags = [child.tag for child in update]
    transaction = f"{{{UPDATE}}}engagementTransaction"
    count = tags.count(transaction)
    return count > 0 and tags[:count] == [transaction] * count


@pytest.mark.parametrize(
    ("interaction", "home", "read", "sample"),
    [
        ("Update", UPDATE, read_update, call(Post("a"), gone(Post("b")))),
        (
            "FindContent",
            FIND,
            read_find_content,
            find_content(**TEST_RESIDENT, mostRecentContent="20270101000000", owner="x"),
        ),
    ],
)
def test_the_sandbox_and_the_published_schema_agree_on_spoilt_messages(
    interaction: str, home: str, read: Callable[[Envelope], Update | FindContent], sample: bytes
) -> None:
    published, draw = schema(interaction), random.Random(20261123)
    seen = {True: 0, False: 0}
    for _ in range(3000):
        # Given a good message in which up to two things were spoilt
        root = etree.fromstring(sample)
        for _ in range(draw.randrange(3)):
            spoil(root[1][0], home, draw)
        message = etree.tostring(root)
        # Then the sandbox finds a flaw exactly when the published schema does
        valid = published.validate(body(message))
        flaw = read(Envelope(message, {"content-type": "text/xml; charset=utf-8"})).flaw
        seen[valid] += 1
        if home == FIND or comparable(body(message)):
            assert (flaw is None) == valid, message.decode()
    assert min(seen.values()) > 500
