"""Answers ordered ahead: which calls they fit, and what they do to the index."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from relay.sandbox.core import Core
from relay.sandbox.orders import Order
from tests.sandbox.messages import Post, held, send


def test_an_order_answers_so_many_calls(core: Core) -> None:
    core.order(Order(answer="fault", text="VP009: no contact", times=2))
    assert [send(core, Post()).answer for _ in range(3)] == ["VP009", "VP009", "OK"]


def test_an_order_without_a_number_stands_until_cancelled(core: Core) -> None:
    core.order(Order(answer="http", status=404))
    assert {send(core, Post()).answer for _ in range(5)} == {"HTTP 404"}
    core.cancel_orders()
    assert send(core, Post()).answer == "OK"


def test_orders_are_answered_in_the_order_they_were_given(core: Core) -> None:
    core.order(Order(answer="fault", text="vp009: lower case", times=1))
    core.order(Order(answer="http", status=503, times=1))
    assert [send(core, Post()).answer for _ in range(3)] == ["VP009", "HTTP 503", "OK"]


def test_a_fraction_is_the_same_every_time(core: Core) -> None:
    def run() -> list[str]:
        core.reset()
        core.order(Order(answer="http", status=502, fraction=0.3, seed=7))
        return [send(core, Post()).answer for _ in range(100)]

    answers = run()
    assert 15 < answers.count("HTTP 502") < 45
    assert answers == run()


def test_an_order_for_one_source_system_or_one_booking(core: Core) -> None:
    core.order(Order(answer="fault", text="EI004: bad", booking_id="bad"))
    core.order(Order(answer="fault", text="VP007: denied", source_system="OTHER"))
    assert send(core, Post("a"), Post("b")).answer == "OK"
    assert send(core, Post("c"), Post("bad")).answer == "EI004"
    assert send(core, Post("a", system="OTHER")).answer == "VP007"
    assert sorted(held(core)) == ["a", "b"]


@pytest.mark.parametrize(
    ("order", "applied"),
    [
        (Order(answer="fault", text="VP009: x"), False),
        (Order(answer="fault", text="VP009: x", applied=True), True),
        (Order(answer="result", code="INFO", comment="a remark"), True),
        (Order(answer="result", code="ERROR", comment="not done"), False),
        (Order(answer="http", status=504), False),
        (Order(answer="http", status=504, applied=True), True),
        (Order(answer="body", body="<html>"), False),
        (Order(answer="lost"), True),
        (Order(answer="unapplied-lost"), False),
        (Order(delay=5), True),
        (Order(cut_after=3), True),
    ],
)
def test_whether_an_ordered_call_is_applied(core: Core, order: Order, applied: bool) -> None:
    core.order(order)
    send(core, Post())
    assert bool(core.posts()) is applied
    assert core.calls()[0]["applied"] is applied


def test_an_ordered_OK_does_not_make_a_bad_post_good(core: Core) -> None:
    core.order(Order(answer="result", code="OK"))
    assert send(core, Post("")).answer == "OK"
    assert not core.posts()


def test_a_fault_may_carry_a_detail_and_markup_is_escaped(core: Core) -> None:
    core.order(Order(answer="fault", text="VP009: a < b\x00", faultcode="Client", detail="https://producer/<x>"))
    text = send(core, Post()).body.decode()
    assert "<faultcode>soap:Client</faultcode><faultstring>VP009: a &lt; b?</faultstring>" in text
    assert "<detail>https://producer/&lt;x&gt;</detail>" in text


@pytest.mark.parametrize(
    "wrong", [{"answer": "x"}, {"unknown": 1}, {"times": 0}, {"fraction": 2}, {"delay": -1}, {"status": 99}]
)
def test_a_wrong_order_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Order.model_validate(wrong)
