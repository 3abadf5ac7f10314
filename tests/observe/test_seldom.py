"""An outage fills no disk: what would be said again and again is said once in a while, with a count."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from relay.observe.logging import SELDOM, configure
from relay.observe.seldom import Seldom


def record(text: str, *args: object, step: str | None = None) -> Any:
    made = logging.LogRecord("a", logging.ERROR, "a.py", 1, text, args, None)
    if step is not None:
        made.step = step
    return made


def test_the_same_is_said_once_whatever_its_arguments() -> None:
    seldom = Seldom(60)
    assert seldom.filter(record("away: %s", "refused"))
    assert not seldom.filter(record("away: %s", "timed out"))


def test_something_else_is_said_at_once() -> None:
    seldom = Seldom(60)
    assert seldom.filter(record("away", step="tick"))
    assert seldom.filter(record("away", step="deliver"))
    assert seldom.filter(record("lost", step="tick"))


def test_what_is_said_again_tells_how_often_it_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("relay.observe.seldom.time.monotonic", lambda: now[0])
    seldom = Seldom(5)
    first = record("away")
    assert seldom.filter(first)
    assert not hasattr(first, "left_out")
    assert not any(seldom.filter(record("away")) for _ in range(3))

    now[0] += 5
    later = record("away")
    assert seldom.filter(later)
    assert later.left_out == 3

    now[0] += 5
    assert seldom.filter(last := record("away"))
    assert not hasattr(last, "left_out")


def test_configuring_twice_does_not_filter_twice() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure("INFO", "json")
        configure("INFO", "json")
        for name in SELDOM:
            assert [type(f) for f in logging.getLogger(name).filters].count(Seldom) == 1
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name in SELDOM:
            logging.getLogger(name).filters[:] = []
