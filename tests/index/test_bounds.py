"""Every wait of a call has an end: the call's total time, whatever the peer does and however (R-35).

No single wait here is longer than the read or connect timeout would allow: only the total can end the call.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from relay.index import connection
from relay.index.endpoint import Endpoint
from relay.index.transport import NoAnswerError, Transport
from relay.index.verdict import Failure
from tests.index.certificates import Files, issue
from tests.index.servers import dripping, endpoint, full_backlog, http, nothing, read_request, serve

SPAN = 30  # seconds a single wait may last: longer than any call here
TOTALS = (0.3, 1, 5)  # seconds for the whole call; on a busy machine a short one ends before the peer did its worst
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
LARGE = b"x" * 20_000_000  # more than the buffers between two sockets hold


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Files:
    files = Files(tmp_path, authority)
    files.write(issue(authority))
    return files


def ends(target: Endpoint, how: tuple[Failure, bool], body: bytes = b"<a/>") -> bool:
    """Whether a call ends at its total time, and in this failure, counted as sent or not."""
    patient = replace(target, connect_timeout=timedelta(seconds=SPAN), read_timeout=timedelta(seconds=SPAN))
    for total in TOTALS:
        outcome, took = failed(replace(patient, call_timeout=timedelta(seconds=total)), body)
        assert total * 0.9 < took < total + SPAN / 2
        if outcome == how:
            return True
    return False


def failed(target: Endpoint, body: bytes = b"<a/>") -> tuple[tuple[Failure, bool], float]:
    """A call that fails: how, whether it counts as sent, and after how many seconds."""
    transport = Transport(target)
    begun = time.monotonic()
    with pytest.raises(NoAnswerError) as error:
        transport.post(body, {}, nothing)
    took = time.monotonic() - begun
    transport.close()
    return (error.value.failure, error.value.sent), took


def silent(peer: socket.socket, number: int) -> None:
    """Reads the little that comes and says nothing until the client has gone."""
    while peer.recv(1000):
        pass


def connect_request(peer: socket.socket) -> bytes:
    """A CONNECT, which has no body and does not say so."""
    return peer.recv(1000)


def deaf(peer: socket.socket, number: int) -> None:
    """Reads nothing until one side or the other is gone."""
    gone = select.poll()
    gone.register(peer, select.POLLRDHUP)  # and, always, errors and hang-ups
    gone.poll(30_000)


def test_the_look_up_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(connection.socket, "getaddrinfo", lambda *a, **b: answered.wait(SPAN) and [])
    try:
        assert ends(endpoint("http://index.invalid/"), (Failure.DNS, False))
    finally:
        answered.set()


def test_the_look_up_of_the_name_is_over_when_connecting_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(connection.socket, "getaddrinfo", lambda *a, **b: answered.wait(SPAN) and [])
    try:
        outcome, took = failed(endpoint("http://index.invalid/", connect=0.3, call=SPAN))
        assert outcome == (Failure.DNS, False)
        assert took < SPAN / 2
    finally:
        answered.set()


def test_connecting() -> None:
    with full_backlog() as url:
        assert ends(endpoint(url), (Failure.CONNECT, False))


@pytest.mark.parametrize(("whole", "drip"), [(b"HTTP/1.1 200 O", b"K"), (HEAD, b"x: 1\r\n")], ids=["status", "headers"])
def test_a_proxy_s_answer_that_drips(files: Files, whole: bytes, drip: bytes) -> None:
    with serve(dripping(whole, drip, read=connect_request)) as server:
        target = files.endpoint("https://index.invalid/", proxy=f"http://127.0.0.1:{server.port}")
        assert ends(target, (Failure.CONNECT, False))


def test_a_proxy_that_says_nothing(files: Files) -> None:
    with serve(silent) as server:
        target = files.endpoint("https://index.invalid/", proxy=f"http://127.0.0.1:{server.port}")
        assert ends(target, (Failure.CONNECT, False))


def test_the_tls_handshake(files: Files) -> None:
    with serve(silent) as server:
        target = files.endpoint(server.url.replace("http:", "https:"))
        assert ends(target, (Failure.HANDSHAKE, False))


def test_the_tls_handshake_behind_a_proxy(files: Files) -> None:
    def tunnel_to_nobody(peer: socket.socket, number: int) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        silent(peer, number)

    with serve(tunnel_to_nobody) as proxy:
        target = files.endpoint("https://index.invalid/", proxy=f"http://127.0.0.1:{proxy.port}")
        assert ends(target, (Failure.HANDSHAKE, False))


@pytest.fixture(params=["plain", "tls"])
def context(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext | None:
    """What the peer speaks: what follows must hold over TLS as it does without."""
    if request.param == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issue(authority, "127.0.0.1").configure_cert(context)
    return context


def test_sending_to_a_peer_that_does_not_read(context: ssl.SSLContext | None, files: Files) -> None:
    with serve(deaf, context) as server:
        assert ends(files.endpoint(server.url), (Failure.TIMEOUT, True), LARGE)


def test_sending_to_a_peer_that_reads_a_little_at_a_time(context: ssl.SSLContext | None, files: Files) -> None:
    def sip(peer: socket.socket, number: int) -> None:
        while peer.recv(1000):
            time.sleep(0.02)

    with serve(sip, context) as server:
        assert ends(files.endpoint(server.url), (Failure.TIMEOUT, True), LARGE)


@pytest.mark.parametrize(
    ("whole", "drip"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 O", b"K"),
        (b"HTTP/1.1 ", b"2"),
        (HEAD, b"x: 1\r\n"),
        (HEAD + b"x: ", b"1"),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"Content-Length: 9999\r\n\r\n", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x: 1\r\n"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 9999\r\n\r\n", b"x"),
    ],
    ids=[
        "continue",
        "reason",
        "status",
        "headers",
        "header",
        "body without length",
        "body",
        "chunks",
        "trailers",
        "body of a refusal",
    ],
)
def test_an_answer_that_drips(context: ssl.SSLContext | None, files: Files, whole: bytes, drip: bytes) -> None:
    with serve(dripping(whole, drip), context) as server:
        assert ends(files.endpoint(server.url), (Failure.TIMEOUT, True))


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200", HEAD, HEAD + b"Content-Length: 9\r\n\r\n<"])
def test_an_answer_that_stops(context: ssl.SSLContext | None, files: Files, begun: bytes) -> None:
    def stop(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(begun)
        silent(peer, number)

    with serve(stop, context) as server:
        assert ends(files.endpoint(server.url), (Failure.TIMEOUT, True))


@pytest.mark.parametrize("headers", ["", "Connection: close\r\n"])
def test_given_a_peer_that_never_closes_then_closing_waits_for_nothing(
    context: ssl.SSLContext | None, files: Files, headers: str
) -> None:
    """Neither for its end of the connection nor for its goodbye in TLS."""

    def answer(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(http(b"", headers=headers))
        over.wait(SPAN)

    over = threading.Event()
    with serve(answer, context) as server:
        begun = time.monotonic()
        transport = Transport(files.endpoint(server.url, read=SPAN, call=SPAN))
        assert transport.post(b"<a/>", {}, nothing).status == 200
        transport.close()
        assert time.monotonic() - begun < SPAN / 2
        over.set()
