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
from relay.sandbox.verbs import VERBS, Said

_READ: Final[dict[str, Callable[[Core], Any]]] = {
    "/api/posts": Core.posts,
    "/api/calls": Core.calls,
    "/api/breaches": Core.breaches,
    "/api/summary": Core.summary,
    "/api/orders": Core.active_orders,
    "/api/observations": Core.observed,
    "/api/behind": Core.behind_the_answers,
    "/api/do": lambda _: {name: verb.what for name, verb in VERBS.items()},
}
_DO: Final[dict[tuple[str, str], Callable[[Core], None]]] = {
    ("DELETE", "/api/orders"): Core.cancel_orders,
    ("POST", "/api/reset"): Core.reset,
    ("POST", "/api/settle"): Core.settle,
}
_DEED: Final = "/api/do/"
_BUTTON: Final = "/do/"
_PATHS: Final = {"/", *_READ, *(path for _, path in _DO)}


class Answer(NamedTuple):
    """An answer that is not SOAP."""

    status: int
    content_type: str
    body: bytes
    location: str = ""


def handle(core: Core, method: str, target: str, body: bytes) -> Answer:
    """Answer anything but a SOAP call."""
    url = urlsplit(target)
    if (method, url.path) == ("GET", "/"):
        return Answer(200, "text/html; charset=utf-8", render(core, full=parse_qs(url.query).get("full") == ["1"]))
    if method == "GET" and url.path in _READ:
        return _json(200, _READ[url.path](core))
    if (method, url.path) == ("POST", "/api/orders"):
        return _order(core, body)
    if method == "POST" and url.path.startswith(_DEED):
        return _deed(core, url.path.removeprefix(_DEED), body)
    if method == "POST" and url.path.startswith(_BUTTON):
        return _button(core, url.path.removeprefix(_BUTTON))
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
        return _wrong(problem)
    core.order(order)
    return _json(201, order.model_dump())


def _deed(core: Core, verb: str, body: bytes) -> Answer:
    """Do what a verb says."""
    if verb not in VERBS:
        return _json(404, {"error": f"no such verb; there are {', '.join(VERBS)}"})
    try:
        said = Said.model_validate_json(body or b"{}")
    except ValidationError as problem:
        return _wrong(problem)
    VERBS[verb].do(core, said)
    return _json(200, {"done": verb} | said.model_dump(exclude_unset=True))


def _button(core: Core, what: str) -> Answer:
    """A button of the page: a verb, and `/off` after it to end it."""
    verb, _, end = what.partition("/")
    if verb not in VERBS or end not in ("", "off"):
        return _json(404, {"error": "not found"})
    VERBS[verb].do(core, Said(on=not end))
    return Answer(303, "text/plain; charset=utf-8", b"", "/")


def _wrong(problem: ValidationError) -> Answer:
    return _json(400, {"error": problem.errors(include_url=False, include_context=False, include_input=False)})


def _json(status: int, value: object) -> Answer:
    return Answer(status, "application/json; charset=utf-8", f"{json.dumps(value, ensure_ascii=False)}\n".encode())
