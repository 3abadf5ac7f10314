"""Asking an index what it holds (FindContent), against the sandbox and against peers that do not answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree

from relay.index.client import IndexClient
from relay.index.find import Finder
from relay.index.found import FindError, Found
from relay.post import PostKey, Transaction
from relay.sandbox.server import Sandbox
from tests.index.answers import platform_fault
from tests.index.servers import KEY, RESIDENT, SAVE, answering, endpoint, envelope, http, nothing, serve

FOLDER = os.environ.get("EI_CONTRACT_DIR")
SPACE = "urn:riv:itintegration:engagementindex:FindContentResponder:1"


@contextmanager
def finder_of(url: str) -> Iterator[Finder]:
    finder = Finder(endpoint("http://127.0.0.1:1/update"), url)
    try:
        yield finder
    finally:
        finder.close()


@pytest.mark.skipif(FOLDER is None, reason="EI_CONTRACT_DIR is not set: NOT CHECKED AGAINST THE PUBLISHED CONTRACT")
def test_the_question_is_valid_by_the_published_schema() -> None:
    path = Path(FOLDER or "") / "interactions" / "FindContentInteraction" / "FindContentResponder_1.0.xsd"
    with finder_of("http://127.0.0.1:1/") as finder:
        message = etree.fromstring(finder.encode(RESIDENT, KEY.source_system))
    (body,) = message.findall("{http://schemas.xmlsoap.org/soap/envelope/}Body/*")
    etree.XMLSchema(etree.parse(path)).assertValid(body)
    assert message.findtext(".//{urn:riv:itintegration:registry:1}LogicalAddress") == "5565594230"


def test_given_posts_in_the_index_then_those_of_the_resident_and_system_are_found() -> None:
    other = PostKey(RESIDENT, KEY.care_unit, "another", "SE-OTHER", KEY.data_controller)
    posts = [SAVE, Transaction(other, "20300517093000")]
    with Sandbox() as sandbox, finder_of(sandbox.find_content_url) as finder:
        client = IndexClient(endpoint(sandbox.update_url))
        assert client.update(posts, correlation_id="c", before_first_byte=nothing).code == "OK"
        client.close()
        sandbox.core.settle()
        assert finder.find(RESIDENT, KEY.source_system) == [Found(KEY, SAVE.content, ours=True)]
        assert finder.find("191212121220", KEY.source_system) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (platform_fault("VP007 [q] Ej behörig", "senderId SE2321000016-RLY1"), "senderId SE2321000016-RLY1"),
        (http(b"", "404 Not Found"), "HTTP 404"),
        (http(b"<html/>"), "HTTP 200 without an answer to FindContent"),
        (http(envelope(f'<x:FindContentResponse xmlns:x="{SPACE}"><x:engagement/>')), "HTTP 200"),
        (http(envelope(f'<x:FindContentResponse xmlns:x="{SPACE}"/>'), "500 Odd"), "HTTP 500"),
    ],
)
def test_given_no_answer_then_the_error_says_why_and_names_nobody(answer: bytes, words: str) -> None:
    with serve(answering(answer)) as server, finder_of(server.url) as finder, pytest.raises(FindError) as error:
        finder.find(RESIDENT, KEY.source_system)
    assert words in str(error.value)
    assert RESIDENT not in str(error.value)


def test_given_nobody_there_then_the_error_says_so() -> None:
    with finder_of("http://127.0.0.1:1/") as finder, pytest.raises(FindError, match="No connection"):
        finder.find(RESIDENT, KEY.source_system)
