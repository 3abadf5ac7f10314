"""The client: posts in, a verdict out, whatever the peer answers (R-01, R-09, R-35, R-36, R-38)."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.demo.throwaway import free_port
from relay.index.client import IndexClient
from relay.index.message import UPDATE, MessageError
from relay.index.soap import BUILT_IN_WSDL, ContractError
from relay.index.verdict import Kind, Verdict
from relay.post import PostKey, Transaction
from tests.index.servers import (
    DELETE,
    OK,
    RESIDENT,
    SAVE,
    SOAP,
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


@contextmanager
def client_of(url: str, **options: object) -> Iterator[IndexClient]:
    client = IndexClient(endpoint(url, **options))  # type: ignore[arg-type]
    try:
        yield client
    finally:
        client.close()


def verdict_on(answer: bytes) -> Verdict:
    with serve(answering(answer)) as server, client_of(server.url) as client:
        return client.update([SAVE], correlation_id="c-1", before_first_byte=nothing)


def request_of(**options: object) -> tuple[bytes, bytes]:
    """Head and body of the request that a client sends for a post."""
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return OK

    with serve(answering(answer)) as server, client_of(server.url, **options) as client:
        assert client.update([SAVE], correlation_id="c-1", before_first_byte=nothing).kind is Kind.ACCEPTED
    head, _, body = seen[0].partition(b"\r\n\r\n")
    return head, body


def test_the_request_carries_the_headers_of_the_contract() -> None:
    """R-01, R-09, R-36."""
    head, body = request_of(original_consumer="SE1-A", on_behalf_of="SE1-B")
    lines = {name.lower(): value for name, _, value in (x.partition(b": ") for x in head.split(b"\r\n")[1:])}
    assert head.startswith(b"POST /update HTTP/1.1\r\n")
    assert lines[b"content-type"] == b"text/xml; charset=utf-8"
    assert lines[b"soapaction"] == b'"urn:riv:itintegration:engagementindex:UpdateResponder:1:Update"'
    assert lines[b"x-skltp-correlation-id"] == b"c-1"
    assert lines[b"x-rivta-original-serviceconsumer-hsaid"] == b"SE1-A"
    assert lines[b"x-rivta-acting-on-behalf-of-hsaid"] == b"SE1-B"
    assert int(lines[b"content-length"]) == len(body)
    assert "bokning-åäö-1".encode() in body


def test_given_nobody_to_act_for_then_those_headers_are_left_out() -> None:
    """R-36."""
    head, _ = request_of()
    assert b"x-rivta" not in head.lower()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (OK, Kind.ACCEPTED, "OK"),
        (http(update_response("INFO", "märk väl")), Kind.ACCEPTED, "INFO"),
        (http(update_response("ERROR", "EngagementTransaction 1 and 2 have")), Kind.CONTENT, "ERROR"),
        (http(fault("EI004: x"), "500 Internal Server Error"), Kind.CONTENT, "EI004"),
        (http(fault("VP007 y"), "500 Internal Server Error"), Kind.CONFIGURATION, "VP007"),
        (http(fault("VP007 y")), Kind.CONFIGURATION, "VP007"),
        (http(fault("vp009 y"), "403 Forbidden"), Kind.TEMPORARY, "VP009"),
        (http(fault("", ""), "500 Internal Server Error"), Kind.TEMPORARY, "FAULT"),
        (http(b"", "400 Bad Request"), Kind.CONFIGURATION, "HTTP400"),
        (http(b"<html><p>busy", "503 Busy", kind="text/html"), Kind.TEMPORARY, "HTTP503"),
        (http(b"<html><p>hello</html>", kind="text/html"), Kind.UNKNOWN, "NONSENSE"),
        (http(b"<html/>", kind="text/html"), Kind.UNKNOWN, "NONSENSE"),
        (http(b""), Kind.UNKNOWN, "NONSENSE"),
        (http(b"", "202 Accepted"), Kind.TEMPORARY, "HTTP202"),
        (http(update_response("PARTIAL")), Kind.UNKNOWN, "NONSENSE"),
        (http(update_response("")), Kind.UNKNOWN, "NONSENSE"),
        (http(update_response("OK"), "500 Oops"), Kind.TEMPORARY, "HTTP500"),
        (http(envelope("")), Kind.UNKNOWN, "NONSENSE"),
    ],
)
def test_given_an_answer_then_its_verdict(answer: bytes, kind: Kind, code: str) -> None:
    """R-35."""
    verdict = verdict_on(answer)
    assert (verdict.kind, verdict.code, verdict.sent) == (kind, code, True)


def test_given_a_result_on_a_line_of_its_own_then_it_is_read_all_the_same() -> None:
    assert verdict_on(http(update_response("\n  OK\n"))).kind is Kind.ACCEPTED


def test_given_another_contracts_answer_then_it_is_none() -> None:
    """What answered is not the index, whatever it calls its answer."""
    assert verdict_on(OK.replace(b"UpdateResponder:1", b"UpdateResponder:2")).code == "NONSENSE"


@pytest.mark.parametrize(("code", "kind"), [("INFO", Kind.ACCEPTED), ("ERROR", Kind.CONTENT)])
def test_given_a_comment_before_its_result_code_then_the_answer_is_read_all_the_same(code: str, kind: Kind) -> None:
    """An UpdateResponse with a ResultCode is an answer, never one that nobody can tell the outcome of (R-35)."""
    body = f'<UpdateResponse xmlns="{UPDATE}"><comment>remark</comment><ResultCode>{code}</ResultCode></UpdateResponse>'
    verdict = verdict_on(http(envelope(body)))
    assert (verdict.kind, verdict.text) == (kind, f"{code}: remark")


def test_given_a_fault_whose_children_are_in_the_envelopes_namespace_then_it_is_read_all_the_same() -> None:
    body = f'<Envelope xmlns="{SOAP}"><Body><Fault><faultstring>VP012 x</faultstring></Fault></Body></Envelope>'
    assert verdict_on(http(body.encode())).code == "VP012"


def test_given_a_pause_asked_for_then_the_verdict_says_how_long() -> None:
    """R-35."""
    verdict = verdict_on(http(b"", "503 Busy", "Retry-After: 420\r\n"))
    assert verdict.retry_after is not None
    assert verdict.retry_after.total_seconds() == 420


BOMB = '<!DOCTYPE a [<!ENTITY b "{}">{}]>'.format(
    RESIDENT * 10,
    "".join(f'<!ENTITY {x} "{f"&{y};" * 10}">' for x, y in zip("cdefgh", "bcdefg", strict=True)),
)
HOSTILE = {
    "expansion": BOMB.encode() + envelope("<a>&h;</a>"),
    "external": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + envelope("<a>&x;</a>"),
    "doctype": b"<!DOCTYPE a>" + update_response("OK"),
    "remote": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">' + update_response("OK"),
    "deep": envelope("<a>" * 50_000 + RESIDENT + "</a>" * 50_000),
    "deep and whole": envelope("<a>" * 200 + RESIDENT + "</a>" * 200),
    "wide": envelope("<a/>" * 100_000),
    "wrong encoding": b'<?xml version="1.0" encoding="UTF-8"?>' + b"\xff\xfe" + update_response("OK"),
    "utf-16": update_response("OK").decode().encode("utf-16"),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?>' + update_response("OK"),
    "zeros": b"\x00" * 100_000,
    "cut": update_response("OK")[:-20],
    "twice": update_response("OK") * 2,
    "long": envelope(f"<a>{RESIDENT * 200_000}</a>"),
    "posts": envelope(f"<Update>{RESIDENT}</Update>"),
    "json": b'{"resident": "%s"}' % RESIDENT.encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_given_a_hostile_answer_then_it_is_nonsense_and_nobody_is_named(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """R-38: neither the verdict nor any log, however wordy, holds what the peer sent."""
    caplog.set_level(logging.DEBUG)
    verdict = verdict_on(http(HOSTILE[name]))
    if name == "utf-16":  # is well-formed XML, and an OK
        assert verdict.kind is Kind.ACCEPTED
    else:
        assert (verdict.kind, verdict.code, verdict.in_doubt) == (Kind.UNKNOWN, "NONSENSE", True)
    assert RESIDENT[:8] not in verdict.text
    assert RESIDENT[:8] not in caplog.text
    assert "passwd" not in verdict.text


def test_given_headers_that_are_none_then_no_log_quotes_them(caplog: pytest.LogCaptureFixture) -> None:
    """R-38: a confused peer may echo the request where its headers should be."""
    caplog.set_level(logging.DEBUG)
    lines = f"HTTP/1.1 200 OK\r\n<resident>{RESIDENT}</resident>\r\n\r\n".encode()

    def confused(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(lines)

    with serve(confused) as server, client_of(server.url) as client:
        verdict = client.update([SAVE], correlation_id="c", before_first_byte=nothing)
    assert verdict.kind is Kind.UNKNOWN
    assert RESIDENT not in caplog.text + verdict.text


def test_given_any_failure_then_no_log_and_no_text_holds_the_post(caplog: pytest.LogCaptureFixture) -> None:
    """R-38: at the most talkative level of every library involved."""
    caplog.set_level(logging.DEBUG)
    echo = http(fault(f"EI004: {RESIDENT}"), "500 Internal Server Error")
    texts = [verdict_on(echo).text]
    with client_of(f"http://127.0.0.1:{free_port()}") as client:
        texts.append(client.update([SAVE], correlation_id="c", before_first_byte=nothing).text)
    assert RESIDENT not in caplog.text + "".join(texts)


@pytest.mark.parametrize("correlation_id", ["a\r\nx-injected: 1", "å\u20ac"])
def test_given_a_header_that_cannot_be_sent_then_it_is_a_verdict_too(correlation_id: str) -> None:
    with serve(answering(OK)) as server, client_of(server.url) as client:
        verdict = client.update([SAVE], correlation_id=correlation_id, before_first_byte=nothing)
    assert (verdict.kind, verdict.code, verdict.sent) == (Kind.TEMPORARY, "OTHER", False)


def test_given_posts_no_message_can_hold_then_update_raises_before_it_connects() -> None:
    """R-11."""
    with client_of(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(MessageError):
        client.update([SAVE, DELETE], correlation_id="c", before_first_byte=nothing)


def test_given_a_lease_that_is_lost_then_nothing_is_sent_and_the_error_comes_through() -> None:
    """R-31."""

    def lost(_seconds: float) -> None:
        raise LookupError("lease")

    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return OK

    with (
        serve(answering(answer)) as server,
        client_of(server.url) as client,
        pytest.raises(LookupError, match="lease"),
    ):
        client.send(client.encode([SAVE]), correlation_id="c", before_first_byte=lost)
    assert seen == []


def test_given_eight_threads_on_one_client_then_each_gets_its_own_verdict() -> None:
    """The server answers with the number it was sent; reading answers, too, is shared by the threads."""

    def echo(request: bytes) -> bytes:
        number = request.partition(b"<businessObjectInstanceIdentifier>")[2].partition(b"<")[0].decode()
        if int(number) % 2:
            return http(update_response("INFO", number))
        return http(fault(f"EI005: in EngagementTransaction #{number}"), "500 Internal Server Error")

    asked = threading.local()

    with serve(answering(echo)) as server, client_of(server.url) as client:

        def call(number: int) -> bool:
            asked.times = 0

            def ask(_seconds: float) -> None:
                asked.times += 1

            post = Transaction(PostKey(RESIDENT, "U", str(number), "S", "D"), "20300101000000")
            verdict = client.update([post], correlation_id=str(number), before_first_byte=ask)
            right = verdict.text == f"INFO: {number}" if number % 2 else verdict.named == (number - 1,)
            return bool(right and asked.times == 1)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(call, range(2, 400)))


def custom_wsdl(folder: Path, *changes: tuple[str, str, str]) -> str:
    """A copy of our contract with texts replaced: (file, old, new)."""
    for file in BUILT_IN_WSDL.parent.iterdir():
        text = file.read_text(encoding="utf-8")
        for name, old, new in changes:
            if name == file.name:
                assert old in text
                text = text.replace(old, new)
        (folder / file.name).write_text(text, encoding="utf-8")
    return str(folder / "update.wsdl")


def test_given_a_wsdl_of_the_same_contract_then_nothing_is_different(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wsdl = custom_wsdl(tmp_path, ("update.wsdl", "UpdateResponder:1:Update", "a-region:Update"))
    head, body = request_of(wsdl=wsdl)
    assert (b'"urn:riv:itintegration:engagementindex:a-region:Update"') in head
    assert body == request_of()[1]
    assert not caplog.records


def test_given_a_wsdl_of_another_message_then_zeep_makes_it_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wsdl = custom_wsdl(tmp_path, ("engagementindex.xsd", 'Default="qualified"', 'Default="unqualified"'))
    _, body = request_of(wsdl=wsdl)
    assert body != request_of()[1]
    assert "bokning-åäö-1".encode() in body
    assert wsdl in caplog.text


def test_given_a_wsdl_of_another_message_then_bad_posts_are_still_named(tmp_path: Path) -> None:
    """R-11, R-38."""
    wsdl = custom_wsdl(tmp_path, ("engagementindex.xsd", 'Default="qualified"', 'Default="unqualified"'))
    bad = Transaction(PostKey(RESIDENT, "U", "secret\x00", "S", "D"), "20300101000000")
    with client_of("http://127.0.0.1:1/", wsdl=wsdl) as client, pytest.raises(MessageError) as error:
        client.encode([SAVE, bad])
    assert error.value.posts == (1,)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("update.wsdl", '<operation name="Update">', '<operation name="Other">')], "no operation Update"),
        ([("update.wsdl", "</definitions>", "")], "cannot be loaded"),
        ([("update.wsdl", "registry.xsd", "http://127.0.0.1:1/registry.xsd")], "cannot be loaded"),
        ([("engagementindex.xsd", '"sourceSystem"', '"system"')], "does not take a post"),
    ],
)
def test_given_a_wsdl_that_cannot_be_used_then_the_client_is_not_made(
    tmp_path: Path, changes: list[tuple[str, str, str]], words: str
) -> None:
    wsdl = custom_wsdl(tmp_path, *changes)
    with pytest.raises(ContractError, match=words) as error:
        IndexClient(endpoint("http://127.0.0.1:1/", wsdl=wsdl))
    assert wsdl in str(error.value)


@pytest.mark.parametrize("wsdl", ["/nowhere/x.wsdl", "https://127.0.0.1:1/x.wsdl"])
def test_given_a_wsdl_that_is_no_file_then_the_client_is_not_made(wsdl: str) -> None:
    with pytest.raises(ContractError):
        IndexClient(endpoint("http://127.0.0.1:1/", wsdl=wsdl))
