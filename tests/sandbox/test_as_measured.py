"""The sandbox as measured, held line by line to what was seen of the national index's own software.

What happens behind the OK is in test_back_end.py, which calls it refuses in test_measured_checks.py,
the platform in test_platform.py.
"""

from __future__ import annotations

import gzip
import socket
from dataclasses import replace

import pytest
import requests

from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.core import Core, Options
from relay.sandbox.server import Sandbox
from relay.sandbox.verbs import VERBS, Said
from tests.sandbox.measured import DIRECT, ask, fault_of, index, later
from tests.sandbox.messages import EARLY, HEADERS, LATE, Clock, Post, call, gone, held, rules, send

__all__ = ["index"]

# roads


def test_1_and_3_a_call_of_two_is_OK_at_once_and_stored_a_tenth_of_a_second_later(index: Core, clock: Clock) -> None:
    assert ask(index, Post("a"), Post("b")).answer == "OK"
    later(clock, 0.09)
    assert held(index) == {}
    later(clock, 0.02)
    assert set(held(index)) == {"a", "b"}


def test_2_a_call_of_one_is_visible_after_five_seconds_of_quiet(index: Core, clock: Clock) -> None:
    assert ask(index, Post("a")).answer == "OK"
    later(clock, 5)
    assert held(index) == {}
    later(clock, 0.2)
    assert held(index) == {"a": LATE}


def test_2_ten_calls_of_one_are_handed_on_at_once_whoever_sent_them(index: Core, clock: Clock) -> None:
    for number in range(10):
        ask(index, Post(f"b-{number}", system=f"SYSTEM-{number % 2}"))
    assert [each["posts"] for each in index.behind_the_answers()["queue"]] == [10]
    assert index.behind_the_answers()["queue"][0]["source_systems"] == ["SYSTEM-0", "SYSTEM-1"]
    later(clock, 0.2)
    assert len(held(index)) == 10


def test_4_a_create_alone_and_its_delete_in_company_leave_a_ghost(index: Core, clock: Clock) -> None:
    ask(index, Post("ghost"))
    later(clock, 0.5)
    ask(index, gone(Post("ghost")), Post("other"))
    later(clock)
    assert held(index) == {"ghost": LATE, "other": LATE}


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (Post(), gone(Post()), {}),
        (gone(Post()), Post(), {}),
        (Post(content=LATE), Post(content=EARLY), {"b-1": LATE}),
        (Post(content=None), Post(content=EARLY), {"b-1": EARLY}),
        (Post(content=EARLY), Post(content=None), {"b-1": EARLY}),
    ],
    ids=["create, delete", "delete, create", "later, earlier", "none, a date", "a date, none"],
)
def test_5_who_wins_inside_one_window(
    index: Core, clock: Clock, first: Post, second: Post, left: dict[str, str]
) -> None:
    ask(index, first)
    ask(index, second)
    later(clock)
    assert held(index) == left


def test_5_between_calls_of_two_the_last_one_wins_also_an_earlier_date(index: Core, clock: Clock) -> None:
    ask(index, Post("a", content=LATE), Post("b"))
    ask(index, Post("a", content=EARLY), Post("c"))
    later(clock)
    assert held(index)["a"] == EARLY


def test_8c_a_thousand_new_posts_take_about_a_second(index: Core, clock: Clock) -> None:
    ask(index, *(Post(f"b-{number}") for number in range(1000)))
    later(clock, 1.05)
    assert held(index) == {}
    later(clock, 0.1)
    assert len(held(index)) == 1000


def test_8c_a_call_of_one_every_two_seconds_shows_when_the_window_is_full(index: Core, clock: Clock) -> None:
    for number in range(9):
        ask(index, Post(f"b-{number}"))
        later(clock, 2)
    assert held(index) == {}
    ask(index, Post("b-9"))
    later(clock, 0.2)
    assert len(held(index)) == 10


# identity

ONE, OTHER = Post("51042", unit="SE2321000016-1HZ"), Post("1042", unit="SE2321000016-1HZ5")


def test_9_two_keys_that_are_one_text_are_EI002_in_one_call(index: Core) -> None:
    status, code, text = fault_of(ask(index, Post("a"), ONE, OTHER))
    assert (status, code) == (500, "soap:Server")
    assert text.startswith("EI002: EngagementTransaction #2 and #3 have the same key")
    assert "R-10" in rules(index)


def test_9_in_two_calls_they_are_one_row_with_the_first_ones_fields(index: Core, clock: Clock) -> None:
    assert ask(index, ONE, Post("a")).answer == "OK"
    later(clock)
    assert ask(index, replace(OTHER, content=EARLY), Post("b")).answer == "OK"
    later(clock)
    assert held(index) == {"51042": EARLY, "a": LATE, "b": LATE}
    assert "R-10" in rules(index)
    ask(index, gone(OTHER), Post("c"))
    later(clock)
    assert set(held(index)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "other",
    [
        {"booking": "B-å 1"},
        {"booking": "b-a\u030a 1"},
        {"booking": "b-å  1"},
        {"booking": "b-å\u00a01"},
        {"unit": "unit-a"},
    ],
    ids=["case", "two code points", "two blanks", "U+00A0", "case of unit"],
)
def test_10_the_key_is_compared_exactly(index: Core, clock: Clock, other: dict[str, str]) -> None:
    post = Post("b-å 1", unit="UNIT-A")
    ask(index, post, Post("x"))
    assert ask(index, gone(replace(post, **other)), Post("y")).answer == "OK"  # type: ignore[arg-type]
    later(clock)
    assert "b-å 1" in held(index)


def with_owner(post: Post, owner: str) -> str:
    return post.xml().replace("</c:engagement>", f"<c:owner>{owner}</c:owner></c:engagement>")


def test_11_two_posts_that_differ_in_owner_alone_pass_and_are_one_row(index: Core, clock: Clock) -> None:
    assert ask(index, with_owner(Post(), "A"), with_owner(Post(content=EARLY), "B")).answer == "OK"
    later(clock)
    assert held(index) == {"b-1": EARLY}


def test_11_a_malformed_creationTime_is_EI004(index: Core) -> None:
    post = Post(extra="<c:creationTime>2026-11-23</c:creationTime>").xml()
    assert fault_of(ask(index, Post("a"), post))[2].startswith("EI004: ")
    assert ask(index, Post("a"), Post(extra="<c:creationTime>20261123100000</c:creationTime>").xml()).answer == "OK"


def test_12_who_is_told(index: Core, clock: Clock) -> None:
    def told(*posts: Post) -> tuple[int, int, int]:
        before = dict(index.summary()["notifications_by_kind"])
        ask(index, *posts)
        later(clock)
        after = index.summary()["notifications_by_kind"]
        return tuple(after[kind] - before[kind] for kind in ("new", "changed", "deleted"))  # type: ignore[return-value]

    assert told(Post("a"), Post("b")) == (2, 0, 0)
    assert told(Post("a"), Post("b", content=EARLY)) == (0, 1, 0)
    assert told(Post("a"), Post("b", content=EARLY)) == (0, 0, 0)
    assert told(gone(Post("a")), gone(Post("never"))) == (0, 0, 2)
    assert index.summary()["observations_by_kind"]["missing"] == 1


# validation


def test_19_another_owner_and_none(index: Core) -> None:
    assert "Logical address is SE1 but the owner is 5565594230" in fault_of(ask(index, Post(), address="SE1"))[2]
    assert "Logical address is missing" in fault_of(ask(index, Post(), address=None))[2]
    ids = Post(resident="199913999999", unit="Ett Två", controller="x", domain="urn:anything", category="?")
    assert ask(index, ids).answer == "OK"


def test_20_SOAPAction_is_not_looked_at(index: Core) -> None:
    assert index.receive(call(Post()), DIRECT | {"SOAPAction": "urn:other"}).answer == "OK"


def test_20_a_compressed_body_cannot_be_parsed(index: Core) -> None:
    reply = index.receive(gzip.compress(call(Post())), DIRECT | {"Content-Encoding": "gzip"})
    assert fault_of(reply)[:2] == (500, "soap:Server")


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_20_other_charsets_and_a_byte_order_mark_are_understood(index: Core, clock: Clock, charset: str) -> None:
    said = {"Content-Type": f"text/xml; charset={charset.removesuffix('-sig')}"}
    body = call(Post("å"), Post("b")).decode().encode(charset)
    assert index.receive(body, DIRECT | said).answer == "OK"
    later(clock)
    assert "å" in held(index)


def test_21_without_a_charset_the_body_is_read_as_ISO_8859_1(index: Core, clock: Clock) -> None:
    reply = index.receive(call(Post("å"), Post("b")), DIRECT | {"Content-Type": "text/xml"})
    assert reply.answer == "OK"
    later(clock)
    assert set(held(index)) == {"Ã¥", "b"}


# the answer


def test_22_most_request_headers_come_back(index: Core) -> None:
    sent = {CORRELATION_ID: "abc", "User-Agent": "x", "Host": "h", "Retry-After": "7", "Location": "l", "X-Any": "y"}
    answered = index.receive(call(Post()), HEADERS | sent).headers
    assert {name: answered[name] for name in sent} == sent
    assert answered["Content-Type"] == "text/xml;charset=utf-8"
    assert not {"Content-Length", "Keep-Alive"} & answered.keys()


def test_22_over_HTTP_the_answer_comes_in_chunks() -> None:
    with Sandbox(Options(as_measured=True)) as sandbox:
        response = requests.post(sandbox.update_url, data=call(Post()), headers=HEADERS, timeout=30)
    assert (response.status_code, response.headers["Transfer-Encoding"]) == (200, "chunked")
    assert "Content-Length" not in response.headers
    assert "<ResultCode>OK</ResultCode>" in response.text


def test_calls_of_one_are_observed_and_no_breach(index: Core) -> None:
    send(index, Post(), **{CORRELATION_ID: "x"})
    send(index, Post("a"), Post("b"), **{CORRELATION_ID: "x"})
    assert index.summary()["observations_by_kind"] == {"single": 1, "missing": 0}
    assert [each["kind"] for each in index.observed()] == ["single"]
    assert index.breaches() == []


def test_20_a_sender_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    body = call(Post())
    head = [f"{name}: {value}" for name, value in HEADERS.items()]
    head += ["Host: x", "Expect: 100-continue", "Connection: close", f"Content-Length: {len(body)}"]
    with Sandbox(Options(as_measured=True)) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall("\r\n".join(["POST /Update/1/rivtabp21 HTTP/1.1", *head, "", ""]).encode())
            answer = connection.makefile("rb")
            assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert answer.readline() == b"\r\n"
            connection.sendall(body)
            assert answer.readline().startswith(b"HTTP/1.1 200")


def test_18c_a_broker_that_is_away_stores_nothing(index: Core, clock: Clock) -> None:
    VERBS["broker"].do(index, Said())
    reply = ask(index, Post("a"), Post("b"))
    assert (reply.wait, fault_of(reply)[1], reply.outcome) == (10, "soap:Server", "failed")
    later(clock)
    assert held(index) == {}
