"""A booking in a world, and what is answered to whoever asks why it is or is not in the index."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from relay.flow.inquiry.found import Inquiry
from relay.flow.inquiry.gather import gather
from relay.flow.relay import Relay
from relay.language.said import SWEDISH
from relay.store import changes
from relay.story.story import Story, as_text, tell
from tests.simulation.world import SPACING, World

Test = Callable[..., None]

RESIDENT = "191212121212"
ENGLISH_WORDS = re.compile(r"\b(the|is|was|and|of|it|its|has|have|with|by|to|for|until|since|expected)\b")
QUOTED = re.compile(r"`.*?`|/\S+|VP\d+: [^;)]*|EI\d+: [^;)]*")  # to be typed, a path, said by the index or the platform
UNIT = "SE2321000016-1HZ5"
MANY = 60  # bookings, more than may lose their posts at once
LANE = "national:SE2321000016-84GX"


def book(world: World, booking: str = "B1", days: float = 30, **said: object) -> int:
    """The booking system writes a booking; its row's id."""
    starts_at = (world.now() + timedelta(days=days)).replace(tzinfo=None, microsecond=0)
    row = {
        "operation": "upsert", "booking_id": booking, "resident_id": RESIDENT, "care_unit": UNIT,
        "starts_at": starts_at.isoformat(),
    }  # fmt: skip
    return world.write(**(row | said))


def why(world: World, booking: str = "B1", relay: Relay | None = None) -> Story:
    """The story of a booking, told now; by another relay of this database where one is given."""
    asked = relay or world.relay
    (found,) = Inquiry(asked, "tidbok").of_booking(booking)
    story = tell(gather(asked, found))
    _told.add(story.answer.reason)
    _told.update(str(event.facts["reason"]) for event in story.events if "reason" in event.facts)
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


def held_removals(world: World, **said: object) -> None:
    """A booking system writes bookings that stand in the index, and takes all of them away or changes them."""
    for n in range(MANY):
        book(world, f"B{n}")
    world.settle()
    world.advance(SPACING)
    world.work()
    for n in range(MANY):
        if said:
            book(world, f"B{n}", **said)
        else:
            world.write(operation="remove", booking_id=f"B{n}")
    world.work()
    assert [row.status for row in world.relay.store.transact(changes.every)] == ["held"]


def makes(*codes: str) -> Callable[[Test], Test]:
    """A test that makes these causes: it fails where none of the stories that it is told has them."""

    def marked(test: Test) -> Test:
        @wraps(test)
        def checked(*fixtures: Any, **named: Any) -> None:
            _told.clear()
            test(*fixtures, **named)
            assert set(codes) <= _told, _told

        return checked

    return marked


_told: set[str] = set()
