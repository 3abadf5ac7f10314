"""Each breach that the referee notes, provoked; and the good conduct that it must not blame."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.sandbox.core import Call, Core, Options
from relay.sandbox.orders import Order
from relay.sandbox.referee import Limits
from tests.sandbox.messages import HEADERS, LATE, TOLVAN, Clock, Post, call, gone, rules, send


@pytest.fixture
def strict(clock: Clock) -> Core:
    return Core(Options(limits=Limits(key_spacing=300, retry_after_fault=300)), clock)


def begin(core: Core, *posts: Post) -> Call:
    under_way = core.begin(call(*posts), HEADERS)
    core.take(under_way)
    return under_way


def test_good_conduct_is_not_blamed(strict: Core, clock: Clock) -> None:
    send(strict, Post("a"), Post("b"))
    send(strict, Post("c"))  # another key of the same lane, straight after
    send(strict, Post("a", system="OTHER"))
    clock.time += 300
    send(strict, gone(Post("a")))
    assert not strict.breaches()


@pytest.mark.parametrize("action", ["", '""', '"urn:other"'])
def test_R_01_SOAPAction(core: Core, action: str) -> None:
    assert send(core, Post(), SOAPAction=action).answer == "OK"
    assert rules(core) == {"R-01"}


def test_R_01_SOAPAction_without_quotes_and_in_another_case_of_header_is_fine(core: Core) -> None:
    core.receive(call(Post()), {"content-type": "text/xml;charset=UTF-8", "SOAPACTION": HEADERS["SOAPAction"][1:-1]})
    assert not core.breaches()


def test_R_01_content_type(core: Core) -> None:
    send(core, Post(), **{"Content-Type": "application/soap+xml; charset=utf-8"})
    assert rules(core) == {"R-01"}


@pytest.mark.parametrize("said", ["text/xml", "text/xml; charset=iso-8859-1"])
def test_R_09_the_encoding_is_said_in_the_header(core: Core, said: str) -> None:
    send(core, Post(), **{"Content-Type": said})
    assert rules(core) == {"R-09"}


def test_R_09_the_message_is_in_UTF_8(core: Core) -> None:
    body = call(Post("bokning å")).decode().replace("UTF-8", "ISO-8859-1").encode("latin-1")
    latin = HEADERS | {"Content-Type": "text/xml; charset=iso-8859-1"}
    assert core.receive(body, latin).answer == "OK"
    assert [breach["rule"] for breach in core.breaches()] == ["R-09", "R-09"]  # the header, and the message
    assert core.posts()[0]["business_object_instance_identifier"] == "bokning å"


@pytest.mark.parametrize("name", ["creationTime", "updateTime"])
def test_R_03_fields_that_the_schema_allows_but_the_contract_forbids(core: Core, name: str) -> None:
    assert send(core, Post(extra=f"<c:{name}>20261123100000</c:{name}>")).answer == "OK"
    assert rules(core) == {"R-03"}


def test_R_03_owner(core: Core) -> None:
    text = Post().xml().replace("</c:dataController>", "</c:dataController><c:owner>5565594230</c:owner>")
    assert send(core, text).answer == "OK"
    assert rules(core) == {"R-03"}


def test_R_04_the_values_of_a_booking(core: Core) -> None:
    send(core, Post(category="Booking"))
    assert rules(core) == {"R-04"}
    core.reset()
    send(core, Post(category="vko", domain="riv:clinicalprocess:healthcond:description"))
    assert not core.breaches()


def test_R_06_a_delete_carries_no_content(core: Core) -> None:
    send(core, Post("a"), replace(gone(Post()), content=LATE))
    assert rules(core) == {"R-06"}
    assert "in #2" in core.breaches()[0]["text"]


def test_R_08_one_spelling(core: Core) -> None:
    send(core, Post())
    send(core, gone(Post(unit="SE2321000016-1hz5")))
    assert rules(core) == {"R-08"}
    assert core.breaches()[0]["text"] == "'SE2321000016-1hz5' was spelt 'SE2321000016-1HZ5' before"


def test_R_31_calls_of_one_lane_overlap(strict: Core, clock: Clock) -> None:
    first = begin(strict, Post("a"))
    clock.time += 1
    second = begin(strict, Post("b"))
    clock.time += 1
    strict.end(first)
    strict.end(second)
    assert rules(strict) == {"R-31"}
    assert strict.summary()["max_parallel"] == {Post().system: 2}


def test_R_31_other_lanes_may_call_at_the_same_time(strict: Core) -> None:
    first = begin(strict, Post("a"))
    begin(strict, Post("a", system="OTHER"))
    strict.end(first)
    begin(strict, Post("b"))
    assert not strict.breaches()
    assert strict.summary()["max_parallel"] == {Post().system: 1, "OTHER": 1}


def test_R_31_a_call_that_began_before_the_last_one_ended_though_seen_after(strict: Core, clock: Clock) -> None:
    start = clock.time
    clock.time += 3
    send(strict, Post("a"))
    strict.begin(call(Post("b")), HEADERS, started=start + 1)
    assert rules(strict) == {"R-31"}


def test_R_32_a_key_sent_again_too_soon(strict: Core, clock: Clock) -> None:
    under_way = begin(strict, Post("a"), Post("b"))
    clock.time += 100
    strict.end(under_way)
    clock.time += 299  # 399 s after its start, but 299 s after its end
    send(strict, Post("c"), gone(Post("b")), Post("a"))
    assert [(b["rule"], b["text"]) for b in strict.breaches()] == [("R-32", "a key sent again within 300 s, in #2, #3")]


def test_R_32_a_call_refused_for_content_counts_as_not_sent(strict: Core) -> None:
    send(strict, Post("a"), Post(""))
    strict.order(Order(answer="result", code="ERROR", times=1))
    send(strict, Post("a"), Post("b"))
    send(strict, Post("a"))
    assert rules(strict) == {"R-03"}  # the empty field alone


def test_R_32_is_not_watched_unless_told(core: Core) -> None:
    send(core, Post())
    send(core, Post())
    assert not core.breaches()


@pytest.mark.parametrize(
    "order",
    [
        Order(answer="fault", text="VP009: no contact", times=1),
        Order(answer="http", status=503, times=1),
        Order(answer="body", body="<html>", times=1),
        Order(answer="lost", times=1),
        Order(cut_after=5, times=1),
    ],
)
def test_R_35_a_lane_that_calls_too_soon_after_a_failed_call(strict: Core, clock: Clock, order: Order) -> None:
    # Given a call that failed
    strict.order(order)
    send(strict, Post("a"))
    # When another lane calls, nothing is wrong
    send(strict, Post("x", system="OTHER"))
    assert not strict.breaches()
    # But its own lane must wait, whatever it sends
    clock.time += 299
    send(strict, Post("b"))
    assert rules(strict) == {"R-35"}
    assert len(strict.breaches()) == 1


def test_R_35_kept(strict: Core, clock: Clock) -> None:
    strict.order(Order(answer="fault", text="VP009: no contact", times=1))
    send(strict, Post("a"))
    clock.time += 300
    send(strict, Post("a"))
    assert not strict.breaches()


def test_R_35_a_longer_Retry_After_is_to_be_honoured(strict: Core, clock: Clock) -> None:
    strict.order(Order(answer="http", status=503, headers={"Retry-After": "600"}, times=1))
    send(strict, Post("a"))
    clock.time += 400
    send(strict, Post("b"))
    assert rules(strict) == {"R-35"}


def test_R_35_a_sender_that_left_before_its_answer(strict: Core) -> None:
    under_way = begin(strict, Post("a"))
    strict.end(under_way, answered=False)
    strict.end(under_way)  # nobody can end it twice
    send(strict, Post("b"))
    assert rules(strict) == {"R-35"}
    assert strict.calls()[0]["answer"] == "sender left"


def test_content_refusals_need_no_pause(strict: Core) -> None:
    send(strict, Post("a"), Post("a"))
    send(strict, Post("a"))
    assert rules(strict) == {"R-11"}


def test_a_call_that_outlives_a_reset_does_no_harm(strict: Core) -> None:
    under_way = begin(strict, Post())
    strict.reset()
    strict.end(under_way)
    assert not strict.breaches()


def test_a_breach_tells_where_but_not_who(core: Core) -> None:
    send(core, replace(gone(Post()), content=LATE))
    (breach,) = core.breaches()
    assert breach.keys() == {"rule", "call", "at", "source_system", "text"}
    assert TOLVAN not in str(breach)
    assert (breach["call"], breach["source_system"]) == (1, Post().system)
