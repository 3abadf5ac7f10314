"""Answers made to exhaust, confuse or leak: each ends soon, in little memory, in a verdict that quotes nothing."""

from __future__ import annotations

import gzip
import logging
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from relay.index.client import IndexClient
from relay.index.verdict import Kind, Verdict
from tests.index.servers import (
    OK,
    RESIDENT,
    SAVE,
    Handler,
    answering,
    endpoint,
    envelope,
    fault,
    http,
    nothing,
    read_request,
    serve,
    update_response,
)

MEGABYTE = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


def verdict_on(handler: Handler, call: float = 30) -> Verdict:
    with serve(handler) as server:
        client = IndexClient(endpoint(server.url, call=call))
        try:
            return client.update([SAVE], correlation_id="c-1", before_first_byte=nothing)
        finally:
            client.close()


@pytest.fixture
def frugal() -> Iterator[None]:
    """The test takes less than 16 MB more than it began with, and 10 s of a processor."""
    begun = time.process_time()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE
    assert time.process_time() - begun < 10


def pouring(head: bytes, piece: bytes, times: int) -> Handler:
    def handle(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(head)
        for _ in range(times):
            peer.sendall(piece)

    return handle


def bomb(layers: int) -> bytes:
    """100 MB of an answer, packed `layers` times, made piece by piece."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(100)) + packer.flush()
    for _ in range(layers - 1):
        packed = gzip.compress(packed)
    return packed


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("framing", ["to the end", "with its length", "in chunks"])
def test_given_a_body_of_100_mb_then_it_is_left_alone(framing: str) -> None:
    head = {"to the end": b"", "with its length": b"Content-Length: 104857600\r\n"}
    piece = update_response("OK").ljust(MEGABYTE)
    if framing == "in chunks":
        piece = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    verdict = verdict_on(
        pouring(HEAD + head.get(framing, b"Transfer-Encoding: chunked\r\n") + b"\r\n", piece, 100), call=10
    )
    assert (verdict.kind, verdict.code, verdict.in_doubt) == (Kind.UNKNOWN, "NONSENSE", True)
    assert "over 131072 bytes" in verdict.text


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_given_a_packed_body_of_100_mb_then_it_is_not_unpacked(layers: int) -> None:
    packed = bomb(layers)
    headers = f"Content-Encoding: {', '.join(['gzip'] * layers)}\r\n"
    verdict = verdict_on(answering(http(packed, headers=headers)))
    assert (verdict.kind, verdict.code, verdict.in_doubt) == (Kind.UNKNOWN, "NONSENSE", True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", ", ".join(["gzip"] * 50), "klingon"])
def test_given_a_body_that_is_not_packed_as_it_says_then_the_outcome_is_in_doubt(encoding: str) -> None:
    body = b"\x1f\x8b" + RESIDENT.encode() * 10
    verdict = verdict_on(answering(http(body, headers=f"Content-Encoding: {encoding}\r\n")))
    assert verdict.in_doubt
    assert "1212" not in verdict.text


@pytest.mark.usefixtures("frugal")
def test_given_chunks_without_end_then_the_call_ends_in_time() -> None:
    """However fast they come, and each of them as good as empty."""
    forever = pouring(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1;x=y\r\n \r\n" * 10, 10_000_000)
    verdict = verdict_on(forever, call=2)
    if not verdict.sent:  # all of the time went by before the call began: the machine stood still
        verdict = verdict_on(forever, call=2)
    assert (verdict.kind, verdict.in_doubt) == (Kind.UNKNOWN, True)


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"y" * 2 * MEGABYTE,
        b"x: y\r\n" * 1_000_000,
        b"Content-Type: " + RESIDENT.encode() * 5_000 + b"\r\n\r\n",
        b"Content-Length: " + b"9" * 60_000 + b"\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100_000 + b"\r\n",
        b"Retry-After: " + b"9" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["long", "many", "type", "length", "negative", "chunk", "pause"],
)
def test_given_headers_without_measure_then_the_outcome_is_in_doubt(head: bytes) -> None:
    verdict = verdict_on(pouring(b"HTTP/1.1 200 OK\r\n" + head, b"", 0))
    assert (verdict.kind, verdict.in_doubt) == (Kind.UNKNOWN, True)
    assert "1212" not in verdict.text


@pytest.mark.parametrize("cut", range(30, 62))
def test_given_an_identity_in_the_content_type_then_no_part_of_it_is_shown(cut: int) -> None:
    """R-38: wherever a cut might go through it."""
    kind = "text/" + "x" * (cut - 10) + "-" + RESIDENT
    assert "1912" not in verdict_on(answering(http(b"", "502 Bad Gateway", kind=kind))).text


def _deep(times: int) -> bytes:
    return envelope("<a>" * times + "</a>" * times)


def _nested_fault(times: int) -> bytes:
    return fault("<a>" * times + RESIDENT + "</a>" * times)


def _wide(times: int) -> bytes:
    attributes = " ".join(f'b{number}="1"' for number in range(times))
    return envelope(f"<a {attributes}/>")


LATIN = '<?xml version="1.0" encoding="{}"?>' + fault("EI004: för långt").decode()
ENCODED = {
    # name: (body, the charset of the header, the verdict's code)
    "utf-16 that says so": (LATIN.format("utf-16").encode("utf-16"), "utf-16", "EI004"),
    "utf-16 under a header of utf-8": (fault("EI004: x").decode().encode("utf-16"), "utf-8", "EI004"),
    "utf-8 under a header of utf-16": (fault("EI004: x"), "utf-16", "EI004"),
    "utf-16 that says it is utf-8, as its first bytes deny": (
        LATIN.format("utf-8").encode("utf-16-le"),
        "utf-8",
        "EI004",
    ),
    "latin-1 that says so": (LATIN.format("iso-8859-1").encode("latin-1"), "iso-8859-1", "EI004"),
    "latin-1 that says it is utf-8": (LATIN.format("utf-8").encode("latin-1"), "utf-8", "HTTP500"),
    "latin-1 that says nothing": (fault("EI004: för långt").decode().encode("latin-1"), "latin-1", "HTTP500"),
    "utf-7": (fault("EI004: x").replace(b"<", b"+ADw-"), "utf-7", "HTTP500"),
    "a null in a text": (fault("EI004: \x00 x"), "utf-8", "HTTP500"),
    "a null by its number": (fault("EI004: &#0; x"), "utf-8", "HTTP500"),
    "half of a pair": (fault("EI004: &#xD800; x"), "utf-8", "HTTP500"),
    "nulls behind the answer": (fault("EI004: x") + b"\x00" * 100, "utf-8", "HTTP500"),
}


@pytest.mark.parametrize("name", ENCODED)
def test_given_a_body_in_any_encoding_then_it_is_read_as_xml_says_or_not_at_all(name: str) -> None:
    """R-09: XML's own word counts, not the header's; what is wrongly encoded is never half read."""
    body, charset, code = ENCODED[name]
    answer = http(body, "500 Internal Server Error", kind=f"text/xml; charset={charset}")
    verdict = verdict_on(answering(answer))
    assert verdict.code == code, verdict
    assert verdict.text.isprintable()


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize(
    "body",
    [_deep(100_000), _nested_fault(100_000), _wide(60_000), _deep(18_000), _nested_fault(18_000), _wide(13_000)],
    ids=["deep", "deep in a fault", "wide", "deep and read", "deep in a fault and read", "wide and read"],
)
def test_given_xml_that_is_deep_or_wide_then_it_is_refused_soon(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """By its size, or where it is just small enough to be read, by what reading allows, in a short time."""
    caplog.set_level(logging.DEBUG)
    begun = time.process_time()
    verdict = verdict_on(answering(http(body)))
    assert time.process_time() - begun < 3
    assert verdict.code == "NONSENSE"
    assert "1212" not in verdict.text + caplog.text


def test_given_a_hostile_answer_then_the_next_call_is_as_good_as_ever() -> None:
    """On the same client: nothing of the hostile answer stays in its connections."""
    answers = [http(_deep(1000)), OK, HEAD + b"Content-Length: 5\r\n\r\n<a/>" + OK, OK]

    def handle(peer: socket.socket, number: int) -> None:
        while answers and read_request(peer):
            peer.sendall(answers.pop(0))

    with serve(handle) as server:
        client = IndexClient(endpoint(server.url))
        codes = [client.update([SAVE], correlation_id="c", before_first_byte=nothing).code for _ in range(4)]
        client.close()
    assert codes == ["NONSENSE", "OK", "NONSENSE", "OK"]
