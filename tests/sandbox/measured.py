"""The sandbox as measured, without the platform in front, and what is asked of it."""

from __future__ import annotations

import pytest

from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.core import Core, Options
from relay.sandbox.model import Reply
from tests.sandbox.messages import HEADERS, Clock, Post, call

DIRECT = HEADERS | {CORRELATION_ID: ""}


@pytest.fixture
def index(clock: Clock) -> Core:
    """The index itself, without the platform in front."""
    return Core(Options(as_measured=True, direct=True), clock)


def ask(core: Core, *posts: Post | str, address: str | None = "5565594230") -> Reply:
    return core.receive(call(*posts, address=address), DIRECT)


def fault_of(reply: Reply) -> tuple[int, str, str]:
    text = reply.body.decode().replace("&quot;", '"')
    assert "<soap:Fault>" in text, text
    code = text.partition("<faultcode>")[2].partition("</faultcode>")[0]
    return reply.status, code, text.partition("<faultstring>")[2].partition("</faultstring>")[0]


def later(clock: Clock, seconds: float = 10) -> None:
    clock.time += seconds
