"""The call over HTTP, against peers that misbehave in every way known."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from relay.demo.throwaway import free_port
from relay.index import connection
from relay.index.transport import HttpAnswer, NoAnswerError, Transport
from relay.index.verdict import Failure
from tests.index.servers import (
    OK,
    answering,
    endpoint,
    full_backlog,
    http,
    nothing,
    read_request,
    serve,
)
from tests.waiting import wait_until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


def post(url: str, hook: Callable[[float], None] = nothing, body: bytes = b"<a/>", **options: object) -> HttpAnswer:
    transport = Transport(endpoint(url, **options))  # type: ignore[arg-type]
    try:
        return transport.post(body, {"Content-Type": "text/xml; charset=utf-8"}, hook)
    finally:
        transport.close()


def failure(
    url: str, hook: Callable[[float], None] = nothing, body: bytes = b"<a/>", **options: object
) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as error:
        post(url, hook, body, **options)
    return error.value


def reset(peer: socket.socket) -> None:
    """Close the connection with a reset, not an end."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def test_given_a_peer_that_hangs_then_each_wait_for_its_answer_has_an_end() -> None:
    """R-35: the end of the whole call is tested in test_bounds.py."""
    release = threading.Event()

    def hang(peer: socket.socket, number: int) -> None:
        read_request(peer)
        release.wait(30)

    with serve(hang) as server:
        begun = time.monotonic()
        error = failure(server.url, read=0.3, call=30)
        assert time.monotonic() - begun < 15
        release.set()
    assert (error.failure, error.sent) == (Failure.TIMEOUT, True)


def test_given_nobody_listens_then_nothing_is_sent_and_the_hook_is_not_asked() -> None:
    asked: list[int] = []
    error = failure(f"http://127.0.0.1:{free_port()}/", lambda: asked.append(1))
    assert (error.failure, error.sent, asked) == (Failure.CONNECT, False, [])
    assert "refused" in str(error)


def test_given_a_host_without_an_address_then_nothing_is_sent() -> None:
    error = failure("http://host.invalid/")
    assert (error.failure, error.sent) == (Failure.DNS, False)


def test_given_a_full_backlog_then_connecting_ends_in_time() -> None:
    """The second try, too, is inside the call's time."""
    with full_backlog() as url:
        begun = time.monotonic()
        error = failure(url, connect=0.5, call=0.8)
        assert time.monotonic() - begun < 15
    assert (error.failure, error.sent) == (Failure.CONNECT, False)


def test_given_a_refusal_that_passes_then_connecting_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A peer that restarts: the first attempt is refused, by the second it listens."""
    port = free_port()
    late: list[socket.socket] = []
    attempt = connection._open

    def accept() -> None:
        with late[0].accept()[0] as peer:
            answering(OK)(peer, 1)

    def listen_after_the_first(*arguments: object) -> socket.socket:
        try:
            return attempt(*arguments)  # type: ignore[arg-type]
        except ConnectionRefusedError:
            assert not late, "tried more than twice"
            late.append(socket.create_server(("127.0.0.1", port)))
            threading.Thread(target=accept, daemon=True).start()
            raise

    monkeypatch.setattr(connection, "_open", listen_after_the_first)
    assert post(f"http://127.0.0.1:{port}/").status == 200
    late[0].close()


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\n", HEAD + b"Content-Length: 99\r\n\r\n<a"])
@pytest.mark.parametrize("end", [reset, socket.socket.close], ids=["reset", "close"])
def test_given_a_connection_lost_after_the_request_then_it_is_lost_and_never_sent_again(
    part: bytes, end: Callable[[socket.socket], None]
) -> None:
    """R-35: what may have arrived is not repeated by the transport."""

    def lose(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(part)
        time.sleep(0.05)
        end(peer)

    with serve(lose) as server:
        if part.startswith(HEAD) or not part or end is reset:
            error = failure(server.url)
            assert (error.failure, error.sent) == (Failure.LOST, True)
        else:  # an answer of no stated length ends with its connection: this one is empty
            assert post(server.url) == (200, {}, b"")
        assert server.connections == 1


def test_given_a_peer_that_speaks_no_http_then_it_is_nonsense() -> None:
    with serve(answering(b"SSH-2.0-OpenSSH_9.9\r\n")) as server:
        error = failure(server.url)
    assert (error.failure, error.sent) == (Failure.NONSENSE, True)
    assert "SSH" not in str(error)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_given_a_redirect_then_it_is_answered_not_followed(status: str) -> None:
    with serve(answering(OK)) as elsewhere:
        moved = http(b"", status, f"Location: {elsewhere.url}\r\n")
        with serve(answering(moved)) as server:
            assert post(server.url).status == int(status[:3])
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable"])
def test_given_a_body_without_end_then_reading_stops_at_the_largest(status: str) -> None:
    sent = 0

    def pour(peer: socket.socket, number: int) -> None:
        nonlocal sent
        read_request(peer)
        peer.sendall(f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n\r\n".encode())
        for _ in range(100):
            peer.sendall(b"x" * (1 << 20))
            sent += 1

    with serve(pour) as server:
        answer = post(server.url)
        assert (answer.status, answer.body) == (int(status[:3]), None)
    assert sent < 50


def test_given_a_packed_body_without_end_then_it_is_not_unpacked_whole() -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    with serve(answering(http(bomb, headers="Content-Encoding: gzip\r\n"))) as server:
        assert post(server.url).body is None


def test_given_a_status_whose_body_breaks_off_then_the_status_still_counts() -> None:
    """A proxy that refuses a large call often closes the connection right after."""

    def refuse(peer: socket.socket, number: int) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 99\r\n\r\n<html>")
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass

    with serve(refuse) as server:
        assert post(server.url, body=b"x" * 100_000) == (413, {"Content-Length": "99"}, None)


@pytest.mark.parametrize("error", [RuntimeError("lease lost"), OSError("database gone"), TimeoutError("late")])
def test_given_a_hook_that_raises_then_nothing_is_sent_and_it_comes_through_unchanged(
    error: Exception,
) -> None:
    """R-31: whoever has lost the lane does not call. On a new connection and on a reused one."""
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return OK

    def refuse(_seconds: float) -> None:
        raise error

    with serve(answering(answer)) as server:
        transport = Transport(endpoint(server.url))
        error.__cause__ = ZeroDivisionError()
        for sent in (0, 1):
            with pytest.raises(type(error)) as raised:
                transport.post(b"<a/>", {}, refuse)
            assert raised.value is error
            assert isinstance(error.__cause__, ZeroDivisionError)
            assert error.__context__ is None
            assert len(seen) == sent
            transport.post(b"<a/>", {}, nothing)
        transport.close()
    assert len(seen) == 2


def test_the_hook_is_told_how_long_the_call_may_still_take() -> None:
    """The time that connecting took is over: a lease need not outlast it once more."""
    left: list[float] = []
    with serve(answering(OK)) as server:
        transport = Transport(endpoint(server.url, call=30))
        began = time.monotonic()
        transport.post(b"<a/>", {}, left.append)
        took = time.monotonic() - began
        transport.close()
    assert 30 - took <= left[0] < 30


def test_the_hook_is_asked_when_the_connection_stands_and_again_on_a_reused_one() -> None:
    """R-31."""
    accepted: list[bool] = []
    with serve(answering(OK)) as server:
        transport = Transport(endpoint(server.url))
        for _ in range(3):
            transport.post(b"<a/>", {}, lambda _: accepted.append(server.accepted.wait(30)))
        transport.close()
        assert (accepted, server.connections) == ([True] * 3, 1)


def test_given_an_idle_connection_then_it_is_not_reused_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale connection would swallow a call and leave its outcome in doubt."""
    with serve(answering(OK)) as server:
        transport = Transport(endpoint(server.url))
        for longest, connections in ((30, 1), (30, 1), (0, 2)):  # not a pause, which a busy machine may make longer
            monkeypatch.setattr(connection, "LONGEST_IDLE", longest)
            transport.post(b"<a/>", {}, nothing)
            assert server.connections == connections
        transport.close()


def test_given_a_peer_that_closes_idle_connections_then_the_next_call_opens_one() -> None:
    closed = threading.Semaphore(0)

    def once(peer: socket.socket, number: int) -> None:
        read_request(peer)
        peer.sendall(OK)
        peer.close()
        closed.release()

    with serve(once) as server:
        transport = Transport(endpoint(server.url))
        for _ in range(3):
            assert transport.post(b"<a/>", {}, nothing).status == 200
            assert closed.acquire(timeout=30)  # else the next call could find it open still, and be lost
        transport.close()
        assert server.connections == 3


@pytest.mark.parametrize("interim", ["101 Switching Protocols", "102 Processing", "103 Early Hints"])
def test_given_a_word_before_the_answer_then_the_answer_is_not_taken_for_that_of_the_next_call(interim: str) -> None:
    """Invariant 2: posts of the next call would be known as accepted by an answer that is not theirs."""

    def handle(peer: socket.socket, number: int) -> None:
        while request := read_request(peer):
            peer.sendall(f"HTTP/1.1 {interim}\r\n\r\n".encode())
            time.sleep(0.2)
            peer.sendall(http(b"to " + request[-4:]))

    with serve(handle) as server:
        transport = Transport(endpoint(server.url))
        answers = [transport.post(body, {}, nothing) for body in (b"<a/>", b"<b/>")]
        transport.close()
    assert b"to <a/>" not in [answer.body for answer in answers[1:]]


def test_given_a_proxy_then_the_call_goes_through_it_and_no_other_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # which must not matter
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return OK

    with serve(answering(answer)) as proxy:
        address = f"http://user:word@127.0.0.1:{proxy.port}"
        assert post("http://index.invalid/update", proxy=address).status == 200
        assert post(f"http://127.0.0.1:{proxy.port}/").status == 200
    assert seen[0].startswith(b"POST http://index.invalid/update HTTP/1.1")
    assert b"Basic dXNlcjp3b3Jk" in seen[0]
    assert b"Basic" not in seen[1]


def test_given_eight_threads_on_one_transport_then_each_gets_its_own_answer() -> None:
    def echo(request: bytes) -> bytes:
        return http(request.partition(b"\r\n\r\n")[2])

    with serve(answering(echo)) as server:
        transport = Transport(endpoint(server.url))

        def call(number: int) -> bool:
            body = f"<a>{number}</a>".encode()
            return transport.post(body, {}, nothing).body == body

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(call, range(400)))
        transport.close()
        assert server.connections <= 8


def test_given_many_calls_then_no_socket_and_no_watchdog_is_left() -> None:
    before = threading.active_count()
    with serve(answering(OK)) as server:
        for _ in range(20):
            post(server.url)
    wait_until(lambda: threading.active_count() <= before, "no more threads than before")


@pytest.mark.parametrize(
    "options",
    [{"url": "index.se/update"}, {"url": "ftp://index.se/"}, {"url": "http://a/", "proxy": "socks5://b:1"}],
)
def test_given_an_address_no_call_could_use_then_the_transport_is_not_made(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be http"):
        Transport(endpoint(options.pop("url"), **options))  # type: ignore[arg-type]
