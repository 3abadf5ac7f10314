"""An outage fills no disk: what would be said again and again is said once in a while, with a count."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from relay.observe.logging import THROTTLED, configure
from relay.observe.throttle import Throttle


def record(text: str, *args: object, step: str | None = None) -> Any:
    made = logging.LogRecord("a", logging.ERROR, "a.py", 1, text, args, None)
    if step is not None:
        made.step = step
    return made


def test_the_same_is_said_once_whatever_its_arguments() -> None:
    throttle = Throttle(60)
    assert throttle.filter(record("away: %s", "refused"))
    assert not throttle.filter(record("away: %s", "timed out"))


def test_something_else_is_said_at_once() -> None:
    throttle = Throttle(60)
    assert throttle.filter(record("away", step="tick"))
    assert throttle.filter(record("away", step="deliver"))
    assert throttle.filter(record("lost", step="tick"))


def test_what_is_said_again_tells_how_often_it_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("relay.observe.throttle.time.monotonic", lambda: now[0])
    throttle = Throttle(5)
    first = record("away")
    assert throttle.filter(first)
    assert not hasattr(first, "left_out")
    assert not any(throttle.filter(record("away")) for _ in range(3))

    now[0] += 5
    later = record("away")
    assert throttle.filter(later)
    assert later.left_out == 3

    now[0] += 5
    assert throttle.filter(last := record("away"))
    assert not hasattr(last, "left_out")


def test_configuring_twice_does_not_filter_twice() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure("INFO", "json")
        configure("INFO", "json")
        for name in THROTTLED:
            assert [type(f) for f in logging.getLogger(name).filters].count(Throttle) == 1
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name in THROTTLED:
            logging.getLogger(name).filters[:] = []
