"""Every answer that was measured, over the wire, and what of it may be believed."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from relay.index.client import IndexClient
from relay.index.verdict import TABLE, Kind, Verdict
from tests.index.answers import MEASURED, ROUTED, index_fault, platform_fault
from tests.index.servers import RESIDENT, SAVE, answering, endpoint, http, nothing, read_request, serve, update_response


def verdict_on(answer: bytes) -> Verdict:
    def handle(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(answer)

    with serve(handle) as server:
        client = IndexClient(endpoint(server.url))
        try:
            return client.update([SAVE], correlation_id="c-1", before_first_byte=nothing)
        finally:
            client.close()


@pytest.mark.parametrize("name", MEASURED)
def test_given_a_measured_answer_then_its_verdict(name: str) -> None:
    """R-35."""
    answer, kind, code, in_doubt, says = MEASURED[name]
    verdict = verdict_on(answer)
    assert (verdict.kind, verdict.code, verdict.in_doubt) == (kind, code, in_doubt)
    assert says in verdict.told


def test_every_code_of_the_table_is_told_of_in_the_runbook() -> None:
    page = Path("docs/answers.md").read_text(encoding="utf-8")
    rows = {row.split()[0] for row in TABLE if not row.startswith("HTTP3")}
    assert [row for row in sorted(rows) if row not in page] == []
    told = [measured.code for measured in MEASURED.values() if not measured.code.startswith("HTTP5")]
    assert [code for code in told if code not in page] == []


def test_given_a_long_detail_then_status_and_exception_come_first_and_it_is_cut() -> None:
    detail = f"{'x ' * 2000}\njava.io.IOException: Broken pipe\nVP_PRODUCER_EXCEPTION_HTTP_STATUS=413"
    verdict = verdict_on(platform_fault("VP009 [q] Fel", detail))
    assert verdict.detail.startswith("producer status 413; java.io.IOException: Broken pipe; x x")
    assert len(verdict.detail) <= 1000
    assert len(verdict.told) <= 500


def test_given_an_identity_in_a_detail_then_it_is_masked() -> None:
    """R-38."""
    verdict = verdict_on(platform_fault("VP009 [q] Fel", f"java.io.IOException: post of {RESIDENT}"))
    assert "[identity]" in verdict.detail
    assert RESIDENT[:8] not in verdict.told


def test_given_the_platform_s_headers_then_the_producer_s_time_is_kept() -> None:
    verdict = verdict_on(http(update_response("OK"), headers=ROUTED))
    assert (verdict.routed, verdict.producer_ms) == (True, 217)


@pytest.mark.parametrize("said", ["12345678", "-5", "1.5", "٣", "217 217", "x", ""])
def test_given_a_producer_s_time_that_is_none_then_it_is_left_out(said: str) -> None:
    """Headers may be an echo of anybody's request."""
    answer = http(update_response("OK")).replace(b"\r\n\r\n", f"\r\nx-skltp-prt: {said}\r\n\r\n".encode(), 1)
    verdict = verdict_on(answer)
    assert (verdict.kind, verdict.routed, verdict.producer_ms) == (Kind.ACCEPTED, False, None)


ECHOES = {
    "Content-Encoding": "gzip",
    "Content-Encoding ": "klingon",
    "Location": "http://127.0.0.1:1/elsewhere",
    "Retry-After": "3000",
    "Accept-Encoding": "br",
    "Host": "elsewhere.example",
    "SOAPAction": "urn:x",
    "User-Agent": "somebody",
}


@pytest.mark.parametrize("name", ECHOES)
def test_given_a_request_header_that_comes_back_then_the_answer_is_read_as_without_it(name: str) -> None:
    echo = f"{name.strip()}: {ECHOES[name]}\r\n"
    accepted = verdict_on(http(update_response("OK"), headers=echo))
    assert accepted.kind is Kind.ACCEPTED
    refused = verdict_on(http(index_fault("x").partition(b"\r\n\r\n")[2], "500 Internal Server Error", echo))
    assert (refused.code, refused.retry_after) == ("FAULT", None)


@pytest.mark.parametrize("name", ["producer away", "technical", "no response"])
def test_given_a_fault_under_503_then_its_retry_after_is_no_peer_s_wish(name: str) -> None:
    answer = MEASURED[name].answer.replace(b"\r\n\r\n", b"\r\nRetry-After: 3000\r\n\r\n", 1)
    assert verdict_on(answer.replace(b"500 Internal Server Error", b"503 Busy")).retry_after is None


def test_given_faults_that_differ_in_their_numbers_only_then_they_are_alike() -> None:
    first, second = (verdict_on(index_fault(f"Odd thing {n} in thread-{n}")) for n in (17, 18))
    other = verdict_on(index_fault("Another thing 17 in thread-17"))
    assert first.likeness == second.likeness != other.likeness
    assert first.likeness
    assert "Odd" not in first.likeness


def test_given_an_answer_of_a_known_kind_then_it_is_like_no_other() -> None:
    assert verdict_on(MEASURED["no response"].answer).likeness == ""
    assert verdict_on(MEASURED["not authorised"].answer).likeness == ""
    assert verdict_on(MEASURED["producer away"].answer).likeness == "VP009"


@pytest.mark.parametrize(
    "first_bytes", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\x00\x02\x02\x28"]
)
def test_given_plain_http_to_a_port_for_tls_then_it_is_told_as_that(first_bytes: bytes) -> None:
    verdict = verdict_on(first_bytes)
    assert (verdict.kind, verdict.code, verdict.in_doubt) == (Kind.CONFIGURATION, "TLS", False)
    assert "url must begin with https://" in verdict.text


@pytest.mark.parametrize(
    "words",
    [
        "<center>The plain HTTP request was sent to HTTPS port</center>",
        "Bad Request\nThis combination of host and port requires TLS.",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
    ],
)
def test_given_a_server_s_400_to_plain_http_then_it_is_told_as_that(words: str) -> None:
    verdict = verdict_on(http(words.encode(), "400 Bad Request", kind="text/html"))
    assert (verdict.kind, verdict.code) == (Kind.CONFIGURATION, "HTTP400")
    assert "url must begin with https://" in verdict.text


def test_content_type_always_says_utf_8() -> None:
    """R-09: without it the index reads ISO-8859-1, whatever the XML says, and answers OK."""
    heads: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heads.append(request.partition(b"\r\n\r\n")[0].lower())
        return http(update_response("OK"))

    with serve(answering(answer)) as server:
        plain = endpoint(server.url)
        for target in (plain, replace(plain, original_consumer="SE1-A", on_behalf_of="SE1-B")):
            client = IndexClient(target)
            for _ in range(2):  # on a new connection and on one that was kept
                client.update([SAVE], correlation_id="c-1", before_first_byte=nothing)
            client.close()
    assert len(heads) == 4
    assert all(b"\r\ncontent-type: text/xml; charset=utf-8" in head for head in heads)
    assert all(b"content-encoding" not in head for head in heads)
