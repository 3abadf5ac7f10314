"""The proxy does what it is told to: else a bad day would be a good one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import FaultProxy
from tests.waiting import wait_until


class Echo:
    """A server that says everything back; `heard` is all it got, `ended` how many clients have gone."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.heard = b""
        self.ended = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(1000):
                    self.heard += data
                    client.sendall(data)
            except OSError:
                pass
        self.ended += 1


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy("127.0.0.1", echo.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    """A connection that works, seen by one echo."""
    with connected(proxy) as client:
        assert said_back(client, b"hello")
        yield client


def connected(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def until_reset(client: socket.socket) -> bytes:
    """What comes before the connection is reset."""
    heard = b""
    try:
        while data := client.recv(1000):
            heard += data
    except ConnectionResetError:
        return heard
    raise AssertionError("the connection ended in order")


def said_back(client: socket.socket, words: bytes) -> bool:
    client.sendall(words)
    heard = b""
    while len(heard) < len(words) and (data := client.recv(1000)):
        heard += data
    return heard == words


def seconds_of_hello(client: socket.socket) -> float:
    began = time.monotonic()
    assert said_back(client, b"hello")
    return time.monotonic() - began


def test_it_passes_on_what_it_gets_and_the_end(proxy: FaultProxy, echo: Echo, client: socket.socket) -> None:
    assert said_back(client, b"x" * 500)
    client.close()
    wait_until(lambda: echo.ended == 1, "the server sees the client's end")


def test_slow(proxy: FaultProxy, client: socket.socket) -> None:
    with proxy.slow(0.5):
        assert seconds_of_hello(client) >= 1
    assert min(seconds_of_hello(client) for _ in range(3)) < 1  # a busy machine may hold up one of them


def test_what_is_still_on_its_way_when_the_client_ends_never_arrives(
    proxy: FaultProxy, echo: Echo, client: socket.socket
) -> None:
    with proxy.slow(1):
        client.sendall(b"late")
        client.close()
        wait_until(lambda: echo.ended == 1, "the server sees the client's end")
        time.sleep(1.2)
    assert echo.heard == b"hello"


def test_refusing(proxy: FaultProxy, client: socket.socket) -> None:
    with proxy.refusing():
        with pytest.raises(OSError):
            assert said_back(client, b"hello")
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
    with connected(proxy) as later:
        assert said_back(later, b"hello")


def test_resetting(proxy: FaultProxy, client: socket.socket) -> None:
    with proxy.resetting():
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with socket.socket() as later, pytest.raises(ConnectionResetError):  # noqa: PT012 - either may
            later.connect(("127.0.0.1", proxy.port))
            later.recv(1)
    with connected(proxy) as later:
        assert said_back(later, b"hello")


def test_swallowing_lasts_for_whom_it_befell(proxy: FaultProxy, echo: Echo, client: socket.socket) -> None:
    with proxy.swallowing(), connected(proxy) as later:
        for each in (client, later):
            each.settimeout(0.3)
            with pytest.raises(TimeoutError):
                said_back(each, b"gone")
    with pytest.raises(TimeoutError):
        said_back(client, b"gone too")
    with connected(proxy) as fresh:
        assert said_back(fresh, b"!")
    assert echo.heard == b"hello!"


def test_cutting(proxy: FaultProxy, echo: Echo, client: socket.socket) -> None:
    with proxy.cutting(3):
        client.sendall(b"what was asked arrives")
        assert until_reset(client) in (b"", b"wha")
    assert echo.heard == b"hellowhat was asked arrives"
