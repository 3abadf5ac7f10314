"""The sandbox's reading of the contract against the published one, where that is at hand.

EI_CONTRACT_DIR names a folder with the published contract of itintegration:engagementindex 1.0 (the one that
holds core_components and interactions). It is no part of this project; without it these tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from relay.sandbox.core import Core
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
