"""What the index says on a bad day: three calls in ten get one of these, drawn by a seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tests.chaos.stage import PACE, SYSTEMS
from tests.integration.index import PracticeIndex

SHARE: Final = 0.3
_SLOW: Final = PACE.call_timeout + 1
_LATE: Final = PACE.call_timeout + 0.1  # and so nearly two seconds before the key may be sent again, as in life minutes
_KINDS: Final[tuple[dict[str, Any], ...]] = (
    {"answer": "fault", "text": "VP009: the producer did not answer"},
    {"answer": "fault", "text": "VP009: the producer did not answer", "applied": True},
    {"answer": "fault", "text": "EI000: A technical error has occurred"},
    {"answer": "fault", "text": "EI000: A technical error has occurred", "applied": True},
    {"answer": "fault", "text": "VP012: out of resources"},
    {"answer": "http", "status": 503, "headers": {"Retry-After": "2"}},
    {"answer": "http", "status": 429},
    {"answer": "http", "status": 413},
    {"answer": "body", "body": "<html>welcome</html>", "applied": True},
    {"answer": "body", "body": "", "applied": False},
    {"answer": "lost"},
    {"answer": "unapplied-lost"},
    {"answer": "normal", "delay": _SLOW},
    {"answer": "normal", "delay": _LATE, "late": True},
)
CURSED: Final = ("b-3", "b-17", "b-58")  # bookings of every booking system that the index will not have


def order(index: PracticeIndex, seed: int) -> None:
    """Let the bad answers stand, for all source systems but the canaries'."""
    share = 1 - (1 - SHARE) ** (1 / len(_KINDS))  # of the calls that the kinds before have let pass
    for system in (system for systems in SYSTEMS.values() for system in systems):
        for booking_id in CURSED:
            index.order(answer="fault", text='EI004: "dataController" is to long', booking_id=booking_id,
                        source_system=system)  # fmt: skip
        for number, kind in enumerate(_KINDS):
            index.order(source_system=system, fraction=share, seed=seed + number, **kind)


def refuse(index: PracticeIndex, systems: Iterable[str]) -> None:
    """Let the platform refuse the calls of these source systems, until the orders are cancelled."""
    for system in systems:
        index.order(answer="fault", text="VP007: not authorised", source_system=system)


def refuse_everybody(index: PracticeIndex) -> None:
    """Let the platform refuse every call, the canaries' too, until the orders are cancelled."""
    index.order(answer="fault", text="VP007: not authorised")
