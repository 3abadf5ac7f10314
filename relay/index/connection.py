"""One call on one connection: its deadline, its first byte, and what broke it.

Timeouts of sockets count each wait anew, so a peer that drips a byte now and then outlasts any of them. A
call therefore has a watchdog, which shuts its socket at the deadline whatever the peer does. And since the
outcome of a call that may have arrived is in doubt, a call knows whether the first byte of its request left.

A call runs from beginning to end in one thread; its connection finds it in a context variable, because
urllib3 makes connections itself and hands nothing through.
"""

from __future__ import annotations

import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum, auto
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import wait_for_read

# It quotes headers that it cannot parse, and a confused peer might send posts in them.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

LONGEST_IDLE: Final = 10.0  # seconds; peers and firewalls forget a connection soon after, and lose what comes
REFUSAL_WAIT: Final = 0.25  # seconds; see _hear_refusal


class Stage(Enum):
    CONNECT = auto()
    HANDSHAKE = auto()
    READY = auto()  # connected, nothing sent
    SENT = auto()


class Stopped(BaseException):
    """Carries what before_first_byte raised past urllib3, which would take an OSError for its own."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


class Call:
    """A call in progress. Used as a context manager around all of it, the reading of the body included."""

    def __init__(
        self, seconds: float, before_first_byte: Callable[[float], None], refusal_wait: float = REFUSAL_WAIT
    ) -> None:
        self.refusal_wait = refusal_wait
        self.tls_version: str | None = None  # once it is agreed upon
        self._ends = time.monotonic() + seconds
        self._before_first_byte = before_first_byte
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._watchdog = threading.Timer(seconds, self._expire)
        self._watchdog.daemon = True
        self.stage = Stage.CONNECT
        self.expired = False
        self.cause: Exception | None = None  # the last error on the connection, as the socket raised it

    def __enter__(self) -> Call:
        self._token = _CALL.set(self)
        self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.cancel()
        with self._lock:
            if self._handle is not None:
                if error is not None:
                    _reset_on_close(self._handle)
                self._handle.close()
                self._handle = None
        _CALL.reset(self._token)

    @property
    def sent(self) -> bool:
        return self.stage is Stage.SENT

    def remaining(self) -> float:
        """Seconds to the deadline. Raises TimeoutError when it has passed."""
        remaining = self._ends - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the call's time is up")
        return remaining

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket at the deadline.

        Through a handle of our own: TLS takes the first one over while it shakes hands, and the number of a
        closed one may by then belong to another connection.
        """
        handle = socket.fromfd(connected.fileno(), connected.family, connected.type)
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = handle
            if self.expired:
                _shut(handle)

    def begin(self) -> None:
        """The last thing before the first byte. If the caller's hook raises, nothing is sent."""
        remaining = self.remaining()
        try:
            self._before_first_byte(remaining)
        except Exception as error:
            raise Stopped(error) from None
        self.remaining()
        self.stage = Stage.SENT

    @contextmanager
    def noting(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.cause = error
            raise

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._handle is not None:
                _shut(self._handle)


_CALL: Final[ContextVar[Call]] = ContextVar("call")


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):  # not connected yet, or not any more
        handle.shutdown(socket.SHUT_RDWR)


def _reset_on_close(handle: socket.socket) -> None:
    """A call that failed takes back what has not left this machine yet.

    In an orderly close the system would go on sending it, and a peer that hung might see the call arrive beside
    the one that repeats it (R-31).
    """
    with suppress(OSError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _open(connection: HTTPConnection, address: tuple[Any, ...]) -> socket.socket:
    """One attempt at one address, never beyond the call's deadline."""
    call = _CALL.get()
    family, kind, protocol, _, target = address
    opened = socket.socket(family, kind, protocol)
    try:
        for option in connection.socket_options or ():
            opened.setsockopt(*option)
        opened.settimeout(min(connection.timeout or call.remaining(), call.remaining()))
        opened.connect(target)
    except BaseException:
        opened.close()
        raise
    call.watch(opened)
    return opened


def _open_any(connection: HTTPConnection) -> socket.socket:
    """The first address of the host that answers. Raises the last one's OSError, or gaierror."""
    call = _CALL.get()
    failure: OSError | None = None
    seconds = min(connection.timeout or call.remaining(), call.remaining())
    for address in _resolve(connection.host, connection.port, seconds):
        try:
            return _open(connection, address)
        except OSError as error:
            failure = error
    assert failure is not None, "getaddrinfo gives one address at least, or raises"
    raise failure


def _resolve(host: str, port: int | None, seconds: float) -> list[tuple[Any, ...]]:
    """The addresses of a host, waited for no longer than `seconds`: a system's resolver may take minutes.

    Nothing can stop a look-up, so it is left to a thread of its own, which ends when the resolver does.
    """
    outcome: SimpleQueue[list[tuple[Any, ...]] | Exception] = SimpleQueue()

    def look_up() -> None:
        try:
            outcome.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:  # also UnicodeError, for a name that no host can have
            outcome.put(error)

    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        found = outcome.get(timeout=seconds)
    except Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "the resolver does not answer") from None
    if isinstance(found, Exception):
        raise found
    return found


def _hear_refusal(connected: socket.socket) -> None:
    """Wait for the peer's word on our certificate, where it comes only after the handshake (TLS 1.3).

    In TLS 1.3 our side is done before the peer has looked at our certificate. Did we send at once, a refusal
    would look like a connection lost in the middle of the call, its outcome in doubt. A peer that accepts us
    sends session tickets right away, so this rarely takes longer than the network does.
    """
    if not isinstance(connected, ssl.SSLSocket):
        return
    call = _CALL.get()
    call.tls_version = connected.version()
    if call.tls_version != "TLSv1.3" or not wait_for_read(connected, timeout=min(call.refusal_wait, call.remaining())):
        return
    usual = connected.gettimeout()
    connected.settimeout(0)
    try:
        spoken = connected.recv(1)
    except ssl.SSLWantReadError:
        connected.settimeout(usual)  # tickets only
    else:
        raise ConnectionResetError("the peer spoke first" if spoken else "the peer closed the connection")


if TYPE_CHECKING:
    _Mixin = HTTPConnection
else:
    _Mixin = object


class _Watched(_Mixin):
    """What a connection does for the call in progress; mixed into urllib3's two classes."""

    _last_used = 0.0

    def _new_conn(self) -> socket.socket:
        retrying = Retrying(
            retry=retry_if_exception_type((ConnectionRefusedError, TimeoutError)),
            stop=stop_after_attempt(2),
            wait=wait_random(0.1, 0.3),
            reraise=True,
        )
        return retrying(_open_any, self)

    @property
    def is_connected(self) -> bool:
        idle = time.monotonic() - self._last_used
        return idle < LONGEST_IDLE and bool(super().is_connected)

    def connect(self) -> None:
        with _CALL.get().noting():
            super().connect()
            _hear_refusal(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        call = _CALL.get()
        with call.noting():
            if self.sock is None:
                self.connect()
            call.watch(self.sock)
            call.stage = Stage.READY
            self.timeout = call.remaining()  # to send a large body may take longer than to connect
            super().request(*args, **options)

    def send(self, data: Any) -> None:
        call = _CALL.get()
        if call.stage is Stage.READY:
            call.begin()
        super().send(data)

    def getresponse(self) -> Any:
        with _CALL.get().noting():
            response = super().getresponse()
        self._last_used = time.monotonic()
        return response


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        if self.proxy is None:
            _CALL.get().stage = Stage.HANDSHAKE
        return connected

    def _tunnel(self) -> None:
        super()._tunnel()
        _CALL.get().remaining()  # the watchdog makes a proxy's drip look like the end of its answer
        _CALL.get().stage = Stage.HANDSHAKE


class PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
