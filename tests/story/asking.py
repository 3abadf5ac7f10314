"""A booking in a world, and what is answered to whoever asks why it is or is not in the index."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from relay.flow.inquiry.found import Inquiry
from relay.flow.inquiry.gather import gather
from relay.language.said import SWEDISH
from relay.story.story import Story, as_text, tell
from tests.simulation.world import World

RESIDENT = "191212121212"
ENGLISH_WORDS = re.compile(r"\b(the|is|was|and|of|it|its|has|have|with|by|to|for|until|since|expected)\b")
QUOTED = re.compile(r"`.*?`|/\S+|VP\d+: [^;)]*|EI\d+: [^;)]*")  # to be typed, a path, said by the index or the platform
UNIT = "SE2321000016-1HZ5"
LANE = "national:SE2321000016-84GX"


def book(world: World, booking: str = "B1", days: float = 30, **said: object) -> int:
    """The booking system writes a booking; its row's id."""
    starts_at = (world.now() + timedelta(days=days)).replace(tzinfo=None, microsecond=0)
    row = {
        "operation": "upsert", "booking_id": booking, "resident_id": RESIDENT, "care_unit": UNIT,
        "starts_at": starts_at.isoformat(),
    }  # fmt: skip
    return world.write(**(row | said))


def why(world: World, booking: str = "B1") -> Story:
    """The story of a booking, told now."""
    (found,) = Inquiry(world.relay).of_booking(booking)
    story = tell(gather(world.relay, found))
    assert RESIDENT not in as_text([story])
    swedish = as_text([story], SWEDISH)
    assert not ENGLISH_WORDS.search(QUOTED.sub("", swedish)), swedish
    return story


def last_line(world: World, booking: str = "B1") -> str:
    """The answer, as whoever asks reads it."""
    return as_text([why(world, booking)]).splitlines()[-1]


def ask(world: World, statement: str, *values: Any) -> list[Any]:
    """The rows of a statement on the relay's database."""
    return list(world.outbox.execute(statement, values))
