"""Stands before every page: who is let in, what every answer says to browsers, and that forms are our own.

A form carries a token that is made of the user's name and a secret of this process, so no other site can send one, and
there is no cookie to steal.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.console.access import Refused, admit
from relay.console.show import problem
from relay.settings import Console

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SECRET: Final = secrets.token_bytes(32)


class Guard:
    """Lets in who may look; `request.state.person` says who it is."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app, self._console = app, console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        peer = scope.get("client")
        person = admit(self._console, peer[0] if peer else None, scope["headers"])
        if isinstance(person, Refused):
            await problem(Request(scope), person.status, person.why)(scope, receive, told)
            return
        scope.setdefault("state", {})["person"] = person
        await self._app(scope, receive, told)


def token(name: str) -> str:
    """What a form of this user carries."""
    return hmac.new(_SECRET, name.encode(), hashlib.sha256).hexdigest()


def is_ours(name: str, given: str) -> bool:
    """Whether a form with this token was made for this user."""
    return hmac.compare_digest(token(name).encode(), given.encode())
