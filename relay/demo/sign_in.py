"""The proxy that signs people in, for the demo: whoever asks is let in as `demo`, who may do everything.

It stands where a region has oauth2-proxy or the like, so that the console shows what an operator sees. On this machine
only, and before made-up bookings only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import urllib3

USER: Final = "demo"
GROUP: Final = "everybody"
USER_HEADER: Final = "X-Forwarded-User"
GROUPS_HEADER: Final = "X-Forwarded-Groups"
_PASSED: Final = ("accept", "accept-language", "content-type")  # of what a browser sends
_RETURNED: Final = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")
_TIMEOUT: Final = 60.0


@contextmanager
def signed_in(console_port: int) -> Iterator[str]:
    """The address at which the console on that port is served to somebody who is signed in."""
    handler = type("Handler", (_Handler,), {"upstream": f"http://127.0.0.1:{console_port}"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, name="sign-in", daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    upstream: str
    http: Final = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def do_GET(self) -> None:
        """Pass it on."""
        self._pass_on(None)

    def do_POST(self) -> None:
        """Pass the form on."""
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _pass_on(self, body: bytes | None) -> None:
        headers = {name: self.headers[name] for name in _PASSED if name in self.headers}
        headers |= {USER_HEADER: USER, GROUPS_HEADER: GROUP}  # and nothing that a browser sent under these names
        answer = self.http.request(self.command, self.upstream + self.path, body=body, headers=headers, redirect=False)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _RETURNED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)

    def log_message(self, format: str, *args: Any) -> None:
        """A page that is read is no event."""
