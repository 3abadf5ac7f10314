"""The platform in front of the index: the shape of its faults, its headers, and how it stops and starts."""

from __future__ import annotations

import gzip

import pytest
import requests
from lxml import etree

from relay.sandbox.contract import CORRELATION_ID, PRODUCER_TIME
from relay.sandbox.core import Core, Options
from relay.sandbox.orders import Order
from relay.sandbox.platform import MEANINGS
from relay.sandbox.server import Sandbox
from tests.sandbox.messages import HEADERS, Clock, Post, call, held, send

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


@pytest.fixture
def platform(clock: Clock) -> Core:
    return Core(Options(as_measured=True), clock)


@pytest.mark.parametrize("code", MEANINGS)
def test_a_code_alone_is_answered_by_the_fault_in_its_real_shape(platform: Core, code: str) -> None:
    platform.order(Order(answer="fault", text=code))
    reply = send(platform, Post())
    root = etree.fromstring(reply.body)
    whose = "Client" if code in ("VP001", "VP002", "VP003", "VP004", "VP005", "VP011", "VP013", "VP015") else "Server"
    assert (reply.status, root.prefix) == (500, "SOAP-ENV")
    assert root.findtext(".//faultcode") == f"SOAP-ENV:{whose}"
    assert (root.findtext(".//faultstring") or "").startswith(f"{code} [")
    assert ":" not in (root.findtext(".//faultstring") or "").partition("]")[0]
    assert root.findtext(f"{SOAP}Body/{SOAP}Fault/detail/detailString")
    assert CORRELATION_ID in reply.headers
    assert PRODUCER_TIME not in reply.headers


def test_VP009_says_what_status_it_saw_on_its_last_line(platform: Core) -> None:
    platform.order(Order(answer="fault", text="VP009", producer_status=403))
    detail = etree.fromstring(send(platform, Post()).body).findtext(".//detailString") or ""
    assert detail.splitlines()[-1] == "VP_PRODUCER_EXCEPTION_HTTP_STATUS=403"


@pytest.mark.parametrize(
    ("body", "more", "code"),
    [
        (call(Post(), address=None), {}, "VP003"),
        (call(Post(), address="  "), {}, "VP003"),
        (b"<hello/>", {}, "VP003"),
        (call(Post(), address=" 5565594230"), {}, "VP004"),
        (call(Post())[:-1], {}, "VP015"),
        (call(Post("å")).decode().encode("latin-1"), {}, "VP015"),
        (gzip.compress(call(Post())), {"Content-Encoding": "gzip"}, "VP015"),
        (call(Post()), {"Content-Type": "text/xml; charset=none-such"}, "VP015"),
    ],
)
def test_what_the_platform_refuses_itself(platform: Core, body: bytes, more: dict[str, str], code: str) -> None:
    reply = platform.receive(body, HEADERS | more)
    assert (reply.status, reply.answer) == (500, code)


def test_the_platforms_headers(platform: Core) -> None:
    reply = send(platform, Post(), **{CORRELATION_ID: "abc"})
    assert (reply.headers[CORRELATION_ID], reply.headers[PRODUCER_TIME]) == ("abc", "0")
    platform.order(Order(answer="http", status=413, times=1))
    assert CORRELATION_ID not in send(platform, Post()).headers  # a bare status never was at the routing


def test_a_platform_that_stops_and_starts(platform: Core, clock: Clock) -> None:
    # Given a platform that stops
    platform.platform_stops(seconds=2)
    stopping = send(platform, Post())
    assert (stopping.status, "Retry-After" in stopping.headers, CORRELATION_ID in stopping.headers) == (
        503,
        False,
        False,
    )
    # Then for a moment 404, then nobody
    clock.time += 2.01
    assert send(platform, Post()).status == 404
    clock.time += 0.05
    assert send(platform, Post()).lost
    # When it starts, VP008 until it is ready
    platform.platform_starts(seconds=5)
    assert send(platform, Post()).answer == "VP008"
    clock.time += 5
    assert send(platform, Post()).answer == "OK"
    # And the index saw the last call alone
    clock.time += 10
    assert platform.index.notified.total() == 1


def test_a_platform_that_is_gone_closes_connections_and_can_still_be_started() -> None:
    with Sandbox(Options(as_measured=True)) as sandbox, requests.Session() as http:
        assert http.post(f"{sandbox.url}/api/do/stop", json={"seconds": 0}, timeout=30).ok
        sandbox.core.platform.gone_from = 0
        with pytest.raises(requests.ConnectionError):
            http.post(sandbox.update_url, data=call(Post()), headers=HEADERS, timeout=30)
        assert http.post(f"{sandbox.url}/api/do/start", json={"seconds": 0}, timeout=30).ok
        assert http.post(sandbox.update_url, data=call(Post()), headers=HEADERS, timeout=30).status_code == 200


def test_one_call_delivered_twice_two_seconds_apart(platform: Core, clock: Clock) -> None:
    platform.order(Order(answer="twice", times=1))
    reply = send(platform, Post("a"), Post("b"))
    assert (reply.answer, reply.wait) == ("OK", 2.0)
    clock.time += 1
    assert len(held(platform)) == 2
    copy = platform.table_copy()
    platform.restore_table({})
    clock.time += 1.2
    assert platform.table_copy() == copy  # the second delivery wrote them again


def test_200_cut_in_half_is_framed_as_if_whole() -> None:
    with Sandbox(Options(as_measured=True)) as sandbox:
        sandbox.core.order(Order(answer="cut", times=1))
        response = requests.post(sandbox.update_url, data=call(Post()), headers=HEADERS, timeout=30)
        assert response.status_code == 200
        assert "UpdateResponse" not in response.text or "</" not in response.text
        assert sandbox.core.calls()[0]["applied"]


@pytest.mark.parametrize(
    ("text", "passed_on"),
    [("EI004: x", True), ("Unmarshalling Error: x", True), ("VP009: x", False), ("No response received from x", False)],
)
def test_only_what_the_index_said_has_the_time_that_it_took(platform: Core, text: str, passed_on: bool) -> None:
    platform.order(Order(answer="fault", text=text))
    headers = send(platform, Post(), **{"X-Any": "y"}).headers
    assert (PRODUCER_TIME in headers, "X-Any" in headers) == (passed_on, passed_on)
