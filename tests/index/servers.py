"""Servers on 127.0.0.1 that answer, or misbehave, exactly as a test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from relay.index.endpoint import Endpoint
from relay.post import ABSENT, PostKey, Transaction

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
RESIDENT = "191212121212"  # a published test identity

KEY = PostKey(RESIDENT, "SE2321000016-1HZ5", "bokning-åäö-1", "SE2321000016-84GX", "SE232100-0016")
SAVE = Transaction(KEY, "20300517093000")
DELETE = Transaction(KEY, ABSENT)

Handler = Callable[[socket.socket, int], None]


def envelope(body: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


def update_response(code: str, comment: str = "") -> bytes:
    remark = f"<comment>{comment}</comment>" if comment else ""
    return envelope(
        '<UpdateResponse xmlns="urn:riv:itintegration:engagementindex:UpdateResponder:1">'
        f"<ResultCode>{code}</ResultCode>{remark}</UpdateResponse>"
    )


def fault(text: str, code: str = "soap:Server") -> bytes:
    return envelope(f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring></s:Fault>")


def http(body: bytes, status: str = "200 OK", headers: str = "", kind: str = "text/xml") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


OK = http(update_response("OK"))


def read_request(peer: socket.socket) -> bytes:
    """One whole request, its head included; b"" when the client closed the connection before its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        more = peer.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body


def answering(answer: bytes | Callable[[bytes], bytes]) -> Handler:
    """Answers every request on a connection, keep-alive."""

    def handle(peer: socket.socket, number: int) -> None:
        while request := read_request(peer):
            peer.sendall(answer(request) if callable(answer) else answer)

    return handle


def dripping(whole: bytes, drip: bytes, read: Callable[[socket.socket], bytes] = read_request) -> Handler:
    """Sends `whole` at once and then a byte of `drip` ever so often, for ever."""

    def handle(peer: socket.socket, number: int) -> None:
        read(peer)
        peer.sendall(whole)
        while True:
            for byte in drip:
                peer.sendall(bytes([byte]))
                time.sleep(0.05)

    return handle


def tunnelling(port: int) -> Handler:
    """A proxy that opens tunnels (CONNECT) to 127.0.0.1:port, and to nowhere else."""

    def handle(peer: socket.socket, number: int) -> None:
        if not peer.recv(1000).startswith(f"CONNECT 127.0.0.1:{port} ".encode()):
            peer.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        peer.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        forwarding(port)(peer, number)

    return handle


def forwarding(port: int) -> Handler:
    """Slots everything on to 127.0.0.1:port, and what comes back."""

    def handle(peer: socket.socket, number: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as target:
            back = threading.Thread(target=_pump, args=(target, peer), daemon=True)
            back.start()
            _pump(peer, target)
            back.join(5)

    return handle


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class Server:
    """Accepts connections until the test is over; `handler` gets each with its number, from 1."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.accepted = threading.Event()
        self._handler = handler
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}/update"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.connections += 1
                self.accepted.set()
                self._peers.append(peer)
                thread = threading.Thread(target=self._serve, args=(peer, self.connections), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, peer: socket.socket, number: int) -> None:
        handle = peer.dup() if self._context else peer  # TLS takes the socket over
        self._peers.append(handle)
        try:
            with contextlib.suppress(OSError):
                if self._context:
                    peer = self._context.wrap_socket(peer, server_side=True)
                self._handler(peer, number)
        finally:
            peer.close()
            handle.close()


@contextlib.contextmanager
def serve(handler: Handler, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(handler, context)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """The address of one who takes no more connections."""
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}/"


def endpoint(url: str, *, connect: float = 10, read: float = 30, call: float = 30, **more: object) -> Endpoint:
    times = {"connect_timeout": connect, "read_timeout": read, "call_timeout": call}
    spans = {name: timedelta(seconds=seconds) for name, seconds in times.items()}
    return Endpoint(url=url, logical_address="5565594230", **spans, **more)  # type: ignore[arg-type]


def nothing(_seconds: float) -> None:
    """A before_first_byte that lets every call through."""
