"""Which of the referee's notes are breaks of the relay's promises, and which the one gap no lease can close.

The gap: a worker frozen after the last look at its lease and before the first byte of its call, for longer than the
lease, sends that call when it wakes. A call is held to be such a one only if all of these say so:

    the relay's own books    its lease was over when the call came in, and its outcome was never recorded
    the day                  workers were frozen since before the last moment at which the look could have let the
                             call pass, and the call came in right after they were thawed

The same would be seen of a relay that does not look at all, wherever it was frozen. But it would be seen often:
the gap is some microseconds wide. So these calls have a line of their own in the table, and two in a day are a break.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.stage import PACE

AFTER_THAWING: Final = 1.0  # seconds in which a thawed worker sends what it was about to send
OF_THE_GAP: Final = "calls from a freeze after the last look"
_NAMES: Final = {"R-31": "parallel calls", "R-32": "spacing breaks", "R-35": "pause breaks"}


@dataclass(frozen=True)
class Frozen:
    """When workers were frozen, in seconds since 1970."""

    began: float
    ended: float


@dataclass(frozen=True)
class WrittenDown:
    """What the relay wrote down of a call: the end of its lease in seconds since 1970, and the verdict."""

    lease_until: float
    verdict: str | None


@dataclass
class Judgement:
    """The referee's notes sorted; `breaks` are by name, `examples` what to look at."""

    breaks: Counter[str] = field(default_factory=Counter)
    of_the_gap: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


def judge(
    breaches: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
    written_down: Mapping[str, WrittenDown],
    frozen: Sequence[Frozen],
) -> Judgement:
    """Sort the notes. A call of the gap takes with it what it made others seem to break: the lane's next calls
    come while it is out, or too soon after it."""
    late = [call for call in calls if _is_of_the_gap(call, written_down.get(call["correlation_id"]), frozen)]
    judgement = Judgement(of_the_gap=len(late))
    for breach in breaches:
        if not any(_is_because_of(breach, call) for call in late):
            judgement.breaks[_NAMES.get(breach["rule"], "other breaks")] += 1
            judgement.examples.append(dict(breach))
    return judgement


def _is_of_the_gap(call: Mapping[str, Any], known: WrittenDown | None, frozen: Sequence[Frozen]) -> bool:
    if known is None or known.verdict not in ("lost", None) or call["started"] <= known.lease_until:
        return False
    last_look = known.lease_until - PACE.call_timeout
    return any(f.began <= last_look and f.ended - 1 <= call["started"] <= f.ended + AFTER_THAWING for f in frozen)


def _is_because_of(breach: Mapping[str, Any], call: Mapping[str, Any]) -> bool:
    if breach["source_system"] != call["source_system"]:
        return False
    pause = max(PACE.key_spacing, PACE.retry_after_fault)
    return bool(call["started"] <= breach["at"] <= (call["ended"] or breach["at"]) + pause)
