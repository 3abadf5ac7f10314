"""What is blamed on the relay, and what on the gap: it takes the books and the day to acquit a call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.judge import Frozen, WrittenDown, judge
from tests.chaos.stage import LEASE, PACE

LEASE_UNTIL = 1000.0
TAKEN = LEASE_UNTIL - LEASE
THAWED = LEASE_UNTIL + 2


def call(started: float = THAWED + 0.1, source_system: str = "A") -> dict[str, Any]:
    return {"correlation_id": "one", "source_system": source_system, "started": started, "ended": started + 0.2}


def breach(at: float = THAWED + 0.1, source_system: str = "A") -> dict[str, Any]:
    return {"rule": "R-31", "call": 1, "at": at, "source_system": source_system, "text": "parallel"}


def blamed(call: dict[str, Any], breach: dict[str, Any], verdict: str | None, frozen: Frozen) -> int:
    known = {"one": WrittenDown(LEASE_UNTIL, verdict)}
    return judge([breach], [call], known, [frozen]).breaks["parallel calls"]


def test_a_call_that_was_frozen_after_the_last_look_is_the_gap_s() -> None:
    frozen = Frozen(TAKEN + 0.1, THAWED)
    assert blamed(call(), breach(), "lost", frozen) == 0
    assert blamed(call(), breach(at=THAWED + PACE.key_spacing), "lost", frozen) == 0  # what came right after it
    assert judge([], [call()], {"one": WrittenDown(LEASE_UNTIL, "lost")}, [frozen]).of_the_gap == 1


@pytest.mark.parametrize(
    ("why", "changes"),
    [
        ("nobody was frozen", {"frozen": Frozen(0, 1)}),
        ("frozen only when no look could let it pass", {"frozen": Frozen(LEASE_UNTIL - 1, THAWED)}),
        ("it came long after the thaw", {"call": call(THAWED + 5)}),
        ("it came within its lease", {"call": call(LEASE_UNTIL - 3)}),
        ("its outcome was written down", {"verdict": "accepted"}),
        ("the breach is another lane's", {"breach": breach(source_system="B")}),
        ("the breach was before it", {"breach": breach(at=LEASE_UNTIL)}),
    ],
)
def test_all_else_is_a_break(why: str, changes: dict[str, Any]) -> None:
    case = {"call": call(), "breach": breach(), "verdict": "lost", "frozen": Frozen(TAKEN + 0.1, THAWED)}
    assert blamed(**(case | changes)) == 1, why
