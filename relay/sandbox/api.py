"""What the sandbox answers besides SOAP: the JSON control API and the web page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from relay.sandbox.core import Core
from relay.sandbox.orders import Order
from relay.sandbox.page import render

_READ: Final[dict[str, Callable[[Core], Any]]] = {
    "/api/posts": Core.posts,
    "/api/calls": Core.calls,
    "/api/breaches": Core.breaches,
    "/api/summary": Core.summary,
    "/api/orders": Core.standing_orders,
}
_DO: Final[dict[tuple[str, str], Callable[[Core], None]]] = {
    ("DELETE", "/api/orders"): Core.cancel_orders,
    ("POST", "/api/reset"): Core.reset,
    ("POST", "/api/settle"): Core.settle,
}
_PATHS: Final = {"/", *_READ, *(path for _, path in _DO)}


class Answer(NamedTuple):
    """An answer that is not SOAP."""

    status: int
    content_type: str
    body: bytes


def handle(core: Core, method: str, target: str, body: bytes) -> Answer:
    """Answer anything but a SOAP call."""
    url = urlsplit(target)
    if (method, url.path) == ("GET", "/"):
        return Answer(200, "text/html; charset=utf-8", render(core, full=parse_qs(url.query).get("full") == ["1"]))
    if method == "GET" and url.path in _READ:
        return _json(200, _READ[url.path](core))
    if (method, url.path) == ("POST", "/api/orders"):
        return _order(core, body)
    if action := _DO.get((method, url.path)):
        action(core)
        return _json(200, {"done": True})
    if url.path in _PATHS:
        return _json(405, {"error": "method not allowed"})
    return _json(404, {"error": "not found"})


def _order(core: Core, body: bytes) -> Answer:
    try:
        order = Order.model_validate_json(body)
    except ValidationError as problem:
        return _json(400, {"error": problem.errors(include_url=False, include_context=False, include_input=False)})
    core.order(order)
    return _json(201, order.model_dump())


def _json(status: int, value: object) -> Answer:
    return Answer(status, "application/json; charset=utf-8", f"{json.dumps(value, ensure_ascii=False)}\n".encode())
