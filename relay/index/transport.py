"""One POST to the index over HTTP: an answer within the time allowed, or an error that says what broke.

urllib3 is used without a session on top, and so without redirects, cookies, retries, netrc or proxies from
the environment. Connections are kept alive, shared by all threads, and left behind when the certificates
change. Nothing here logs or quotes what is sent or received.
"""

from __future__ import annotations

import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import Final, NamedTuple

import urllib3
from urllib3.util import Timeout, make_headers, parse_url

from relay.index.certificate import Validity
from relay.index.connection import Call, PlainPool, Stage, Stopped, TlsPool
from relay.index.endpoint import Endpoint
from relay.index.tls import CertificateError, Credentials, Stamp, explain
from relay.index.verdict import Failure

# Bytes, unpacked. An answer of the index is less than one thousand, a fault with a stack trace some ten thousand;
# reading takes time that grows with the square of what a hostile peer may put in: at this size less than a second.
LARGEST_BODY: Final = 1 << 17
_POOL_SIZE: Final = 64  # idle connections kept; above any number of threads that share a client
_GZIP: Final = b"\x1f\x8b"
_TLS_RECORDS: Final = ("\x15\x03", "\x16\x03")  # an alert, or a handshake, where a status line should be
_POOLS: Final = {"http": PlainPool, "https": TlsPool}


class HttpAnswer(NamedTuple):
    """Any HTTP answer. `body` is None when it was too large, or broke off after a status other than 200.

    So it is after a status below 200, of which the answer is still to come.
    """

    status: int
    headers: Mapping[str, str]  # names without regard to case
    body: bytes | None


class NoAnswerError(Exception):
    """No HTTP answer came. `sent` is False only when surely no byte of the request left."""

    def __init__(self, failure: Failure, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.failure = failure
        self.sent = sent


class _Reached(Exception):
    """All is ready for the first byte."""


def _stop(_seconds: float) -> None:
    raise _Reached


class Transport:
    """The way to one endpoint; any number of threads may use it at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises ValueError for an address or a proxy that no call could use."""
        url = parse_url(endpoint.url)
        if url.scheme not in _POOLS or not url.host:
            raise ValueError("The index's url must be http://host… or https://host…")
        if endpoint.proxy and parse_url(endpoint.proxy).scheme != "http":
            raise ValueError("The proxy must be http://host:port")
        self._url = endpoint.url
        self._host = f"{url.host}:{url.port}" if url.port else url.host
        self._secure = url.scheme == "https"
        self._proxy = endpoint.proxy
        self._total = endpoint.call_timeout.total_seconds()
        self._timeout = Timeout(
            connect=endpoint.connect_timeout.total_seconds(), read=endpoint.read_timeout.total_seconds()
        )
        self._credentials = Credentials(endpoint)
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self._dates: Validity | None = None
        self._manager: urllib3.PoolManager | None = None

    def reach(self, refusal_wait: float) -> str:
        """Connect as for a call, and send nothing: the version of TLS, "" without. Raises NoAnswerError.

        `refusal_wait`: the seconds in which the peer may refuse our certificate after the handshake.
        """
        call = Call(self._total, _stop, refusal_wait)
        with suppress(_Reached):
            self._post(call, b"", {})
        return call.tls_version or ""

    def status(self, method: str, body: bytes, headers: Mapping[str, str]) -> int:
        """What the address answers to a request that is no call. Raises NoAnswerError."""
        return self._post(Call(self._total, lambda _seconds: None), body, headers, method).status

    def post(self, body: bytes, headers: Mapping[str, str], before_first_byte: Callable[[float], None]) -> HttpAnswer:
        """Send the body. Raises NoAnswerError.

        before_first_byte runs when the connection stands, TLS included, right before the request's first
        byte; it is given the seconds that the call may still take. If it raises, nothing is sent and its
        exception comes through unchanged.
        """
        return self._post(Call(self._total, before_first_byte), body, headers)

    def _post(self, call: Call, body: bytes, headers: Mapping[str, str], method: str = "POST") -> HttpAnswer:
        refusal: Exception
        with call:
            try:
                manager = self._current()
                response = manager.request(
                    method,
                    self._url,
                    body=body,
                    headers={"User-Agent": "ei-relay", "Accept-Encoding": "identity", **headers},
                    retries=False,
                    redirect=False,
                    timeout=self._timeout,
                    preload_content=False,
                )
                return HttpAnswer(response.status, response.headers, self._read(call, response))
            except Stopped as stopped:
                refusal = stopped.reason
            except Exception as error:
                failure, text = self._diagnose(call, error)
                raise NoAnswerError(failure, text, sent=call.sent) from None
        raise refusal  # out here, or it would get our own errors for its context

    def close(self) -> None:
        """Close the idle connections. A later call opens new ones."""
        with self._lock:
            if self._manager is not None:
                self._manager.clear()
            self._manager = None
            self._stamp = None

    def _current(self) -> urllib3.PoolManager:
        """The pool for the files as they are now. Calls under way on an earlier one end undisturbed."""
        with self._lock:
            if not self._secure:
                self._manager = self._manager or self._pools(None)
                return self._manager
            stamp = self._credentials.stamp()
            if self._manager is None or stamp != self._stamp:
                context, self._dates = self._credentials.context()
                self._manager, self._stamp = self._pools(context), stamp
            self._credentials.check(self._dates)
            return self._manager

    def _pools(self, context: ssl.SSLContext | None) -> urllib3.PoolManager:
        manager: urllib3.PoolManager
        if self._proxy:
            user = parse_url(self._proxy).auth
            manager = urllib3.ProxyManager(
                self._proxy,
                maxsize=_POOL_SIZE,
                ssl_context=context,
                proxy_headers=make_headers(proxy_basic_auth=user) if user else None,
            )
        else:
            manager = urllib3.PoolManager(maxsize=_POOL_SIZE, ssl_context=context)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def _read(self, call: Call, response: urllib3.BaseHTTPResponse) -> bytes | None:
        """The body, or None. The connection goes back to the pool only when all of it was read."""
        if response.status < 200:  # a word before the answer, which the next call would get for its own
            response.close()
            return None
        try:
            with call.noting():
                body = _unpacked(_whole(response))
                # The watchdog makes the peer's drip look like an end: of the headers, or of the body.
                call.remaining()
        except Exception:
            response.close()
            if response.status == 200 or call.expired:
                raise
            return None
        if len(body) > LARGEST_BODY:
            response.close()
            return None
        response.release_conn()
        return body

    def _diagnose(self, call: Call, error: Exception) -> tuple[Failure, str]:
        """What broke, in words of our own: an error's text may quote what was sent or received."""
        cause = call.cause or error
        if isinstance(error, CertificateError):
            return Failure.TLS, str(error)
        late = call.expired or isinstance(cause, (TimeoutError, urllib3.exceptions.ReadTimeoutError))
        if isinstance(cause, ssl.SSLError) and (problem := explain(cause)):
            return Failure.TLS, f"{problem} ({self._host})"
        if call.stage is Stage.SENT:
            if late:
                return Failure.TIMEOUT, f"No whole answer in time from {self._host}"
            if isinstance(cause, BadStatusLine) and str(cause).startswith(_TLS_RECORDS):
                return Failure.TLS, f"{self._host} speaks TLS on this port: url must begin with https://"
            if isinstance(cause, HTTPException) and not isinstance(cause, RemoteDisconnected):
                return Failure.NONSENSE, f"{self._host} does not answer in HTTP"
            if isinstance(cause, (OSError, HTTPException, urllib3.exceptions.HTTPError)):
                return Failure.LOST, f"The connection to {self._host} broke before the answer was whole"
        elif call.stage is Stage.READY:
            if late:
                return Failure.CONNECT, f"No time was left to send, once connected to {self._host}"
        elif call.stage is Stage.HANDSHAKE:
            why = "took too long" if late else "was broken off"
            return Failure.HANDSHAKE, f"The TLS handshake with {self._host} {why}"
        elif isinstance(cause, socket.gaierror):
            return Failure.DNS, f"The name in {self._host} cannot be resolved to an address"
        elif late:
            return Failure.CONNECT, f"No connection to {self._host} in time"
        elif isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed"):
            return Failure.PROXY, f"The proxy does not connect us to {self._host}"
        elif isinstance(cause, OSError):
            return Failure.CONNECT, f"No connection to {self._host}: {cause.strerror or 'network error'}"
        return Failure.OTHER, f"Unexpected {type(cause).__name__} in the call to {self._host}"


def _whole(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body as it was sent, no more of it than one byte too many. Raises what urllib3 does where it breaks off."""
    body = b""
    while len(body) <= LARGEST_BODY and (more := response.read(LARGEST_BODY + 1 - len(body), decode_content=False)):
        body += more
    return body


def _unpacked(body: bytes) -> bytes:
    """A body that somebody on the way packed all the same.

    We ask for none that is packed, so what a header says of it may be an echo of somebody's request: the body itself
    is asked. One that cannot be unpacked is left as it is, and too large stays too large.
    """
    if not body.startswith(_GZIP):
        return body
    try:
        return zlib.decompressobj(wbits=31).decompress(body, LARGEST_BODY + 1)
    except zlib.error:
        return body
