"""The sandbox over HTTP/1.1: threads, sockets and waiting, and nothing that decides."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Final, Self

from relay.sandbox import api
from relay.sandbox.body import BadLengthError, BrokenOffError, TooLargeError, read_body
from relay.sandbox.contract import FIND_PATH, MOUNT, UPDATE_PATH
from relay.sandbox.core import Call, Core, Options
from relay.sandbox.model import Reply

__all__ = ["Sandbox"]  # docs/api.md

_log = logging.getLogger(__name__)
_LARGEST: Final = 64 * 1024 * 1024


_EPOCH: Final = time.time() - time.monotonic()


def steady_clock() -> float:
    """Seconds since 1970, by the clock as it stood at the start: no step of it can look like a breach."""
    return _EPOCH + time.monotonic()


class Sandbox:
    """An index to practise on, served in the background.

    with Sandbox() as sandbox:
        requests.post(sandbox.update_url, ...)
        assert not sandbox.core.breaches()
    """

    def __init__(self, options: Options | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen at once, answer from `start` on; port 0 takes any that is free."""
        self.core = Core(options, steady_clock)
        self._server = _Server((host, port), self.core)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where the web page and the control API are, without a slash at the end."""
        host, port = self._server.server_address[:2]
        name = host if isinstance(host, str) else host.decode()
        return f"http://{f'[{name}]' if ':' in name else name}:{port}"

    @property
    def update_url(self) -> str:
        """Where Update calls go."""
        return self.url + MOUNT + UPDATE_PATH

    @property
    def find_content_url(self) -> str:
        """Where FindContent calls go."""
        return self.url + MOUNT + FIND_PATH

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Be gone: close the port and every connection, so that nobody is answered any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], core: Core) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.core = core
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self.stopping = threading.Event()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server what this host is called, which can take its time."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "sandbox", self.server_address[1]

    def opened(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def close_connections(self) -> None:
        """Wake every handler out of whatever it waits for, and see them leave."""
        self.stopping.set()
        with self._changed:
            for connection in self._open:
                _shut(connection)
            self._changed.wait_for(lambda: not self._open, timeout=5)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A sender that breaks off is no news."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("the sandbox failed to answer")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 200  # seconds after which the index closes a connection that nobody uses
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.closed(self.connection)

    def do_GET(self) -> None:
        self._dispatch()

    def do_POST(self) -> None:
        self._dispatch()

    def do_DELETE(self) -> None:
        self._dispatch()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: paths and statuses are in the call history."""

    def _dispatch(self) -> None:
        started = self.server.core.now()
        path = self.path.partition("?")[0]
        body = self._read_body()
        if body is None:
            return
        if self.command == "POST" and path.endswith(UPDATE_PATH):
            self._update(body, started)
        elif self.command == "POST" and path.endswith(FIND_PATH):
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(self.server.core.find_content(body, headers))
        elif path.endswith((UPDATE_PATH, FIND_PATH)):
            self.send_error(405)
        else:
            status, content_type, content, location = api.handle(self.server.core, self.command, self.path, body)
            headers = {"Content-Type": content_type} | ({"Location": location} if location else {})
            self._write(self._head(status, headers, len(content)) + content)

    def _read_body(self) -> bytes | None:
        """The whole body, or None when it cannot be had (and the sender has been told)."""
        try:
            return read_body(self.rfile, dict(self.headers.items()), _LARGEST)
        except TooLargeError:
            self.close_connection = True
            self.send_error(413)
        except BadLengthError:
            self.close_connection = True
            self.send_error(400)
        except BrokenOffError:
            self.close_connection = True  # a call that never came in whole is no call
        return None

    def _update(self, body: bytes, started: float) -> None:
        core = self.server.core
        call = core.begin(body, dict(self.headers.items()), started)
        until = time.monotonic() + call.wait
        if self._sender_left(call.wait):
            core.end(call, answered=False)
            self.server.stopping.wait(max(until - time.monotonic(), 0.0))
        reply = core.take(call)  # also when nobody waits for the answer: that is what makes it a trap
        if call.record.ended is not None or self._sender_left(reply.wait):
            core.end(call, answered=False)
            self.close_connection = True
            return
        self._answer(call, reply)

    def _answer(self, call: Call, reply: Reply) -> None:
        """Send the reply, whole or hurt. The call ends before its last byte leaves (see referee.py)."""
        core = self.server.core
        if reply.drip and not reply.lost and not self._drip(reply):
            core.end(call, answered=False)
            self.close_connection = True
            return
        core.end(call)
        if reply.lost:
            self.close_connection = True
        elif not reply.drip:
            self._send(reply)
        elif reply.whole:
            self._write(reply.body[-1:])
        if not reply.whole:
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        if reply.chunked:
            body = f"{len(reply.body):x}\r\n".encode() + reply.body + b"\r\n0\r\n\r\n"
            self._write(self._head(reply.status, reply.headers, None) + body)
        else:
            self._write(self._head(reply.status, reply.headers, len(reply.body)) + reply.body[: reply.cut_after])

    def _drip(self, reply: Reply) -> bool:
        """Send all but the last byte, or all up to the cut, one by one; False when the sender left."""
        self._write(self._head(reply.status, reply.headers, len(reply.body)))
        for at in range(len(reply.body) - 1 if reply.whole else reply.cut_after or 0):
            if self._sender_left(reply.drip):
                return False
            self._write(reply.body[at : at + 1])
        return not self._sender_left(reply.drip)

    def _head(self, status: int, headers: dict[str, str], length: int | None) -> bytes:
        """The status line and headers, to be sent in one piece with the body; without a length it comes in chunks."""
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}", framing]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)

    def _sender_left(self, seconds: float) -> bool:
        """Wait, but no longer than the sender does; True when it has closed its end, or the sandbox stops."""
        until = time.monotonic() + seconds
        try:
            self.connection.settimeout(max(seconds, 0.0))
            left = not self.connection.recv(1, socket.MSG_PEEK)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(self.timeout)
        if not left:
            self.server.stopping.wait(max(until - time.monotonic(), 0.0))  # its next call is here, so it waits
        return left


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("a connection was closed already")
