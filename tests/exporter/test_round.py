from __future__ import annotations

import logging
from threading import Event

import pytest
from sqlalchemy.exc import OperationalError

from relay.cli.exporter import healthy
from relay.exporter.looks import Looks
from relay.exporter.round import Round
from relay.flow.relay import Relay
from relay.store.migrate import DatabaseNotReady
from tests.waiting import PATIENCE, wait_until


def test_a_look_that_fails_forgets_the_old_answer_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[int | Exception] = [7, OperationalError("SELECT", {}, Exception("191212121212")), ValueError("x"),
                                     DatabaseNotReady("it is at version none"), 8]  # fmt: skip

    def look() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    caplog.set_level(logging.INFO)
    at = Round("the outbox of nord", look, 10)

    at.look_once()
    assert (at.value, at.is_up) == (7, True)
    at.look_once()
    assert (at.value, at.is_up) == (None, False)
    for _ in range(3):
        at.look_once()
    assert (at.value, at.is_up, at.looks) == (8, True, 5)
    assert [r.getMessage() for r in caplog.records] == [
        "the outbox of nord could not be looked at: Exception",
        "the outbox of nord could not be looked at: ValueError",
        "the outbox of nord could not be looked at: it is at version none",
        "the outbox of nord can be looked at again",
    ]


def test_it_looks_again_and_again_until_stopped() -> None:
    seen = Event()
    looks = iter(range(10_000))

    def look() -> None:
        if next(looks) == 2:
            seen.set()

    at = Round("it", look, 0.001)
    at.start()

    assert seen.wait(PATIENCE)
    at.stop()


def test_an_exporter_is_alive_while_its_looks_come_to_an_end_whether_well_or_not(relay: Relay) -> None:
    looks = Looks(relay, None, seconds=0.01)
    go_on = Event()
    looks.outboxes["nord"]._look = go_on.wait  # type: ignore[assignment]
    looks.start()
    try:
        # on a slow machine any look may last 0.3 s, but only the one that hangs is all that is left to name
        hangs = "the outbox of nord has been looked at for "
        wait_until(lambda: str(healthy(looks, 0.3)).startswith(hangs), "an outbox that hangs shows in the health")
        wait_until(lambda: looks.outboxes["syd"].looks > 1, "its failures hold nothing up")
        go_on.set()
        wait_until(lambda: healthy(looks, 0.3) is None, "well again")
    finally:
        go_on.set()
        looks.stop()
        for each in looks.all():
            each._thread.join(PATIENCE)
