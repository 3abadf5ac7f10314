"""Which bookings somebody means who asks by a booking's id, an outbox row's, an event's, or by a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relay.flow.inquiry.rows_seen import Seen, Traced, look, outbox_of
from relay.flow.relay import Relay
from relay.outbox.trace import FAR, Reach
from relay.store import story


@dataclass(frozen=True, slots=True)
class Found:
    """A booking that somebody means, in a source."""

    source: str
    booking_id: str


class Inquiry:
    """Finds bookings; with `only` in one source.

    `silent` are the sources whose outbox did not answer meanwhile, and why. `back_to` are those that were not looked
    through to the end for a booking, and the oldest row that was.
    """

    def __init__(self, relay: Relay, only: str | None = None, reach: Reach = FAR) -> None:
        self.relay, self._reach = relay, reach
        known = relay.store.transact(story.sources)
        self.sources = [name for name in sorted({*known, *relay.source_names}) if only in (None, name)]
        self.silent: dict[str, str] = {}
        self.back_to: dict[str, int] = {}
        self._traced: Traced = {}

    def of_booking(self, booking_id: str) -> list[Found]:
        """The booking in each source that knows of it, in its bookings, its receipts or its outbox."""
        names = self.sources
        known = self.relay.store.transact(lambda tx: story.sources_of_booking(tx, booking_id, names))
        unknown = [name for name in names if name not in known]
        reach = self._reach.among(len({outbox_of(self.relay, name) for name in unknown}))
        there = {name for name in unknown if self._look(name, booking_id=booking_id, reach=reach).rows}
        return [Found(name, booking_id) for name in sorted(known | there)]

    def of_row(self, row_id: int) -> list[Found]:
        """The bookings that the outbox rows with this number are about."""
        receipts = self.relay.store.transact(lambda tx: story.receipts_of_row(tx, row_id, self.sources))
        found = {(each.source, each.booking_id) for each in receipts if each.booking_id}
        for name in self.sources:
            found |= self._bookings(name, row_ids=[row_id])
        return [Found(*each) for each in sorted(found)]

    def of_event(self, event_id: str) -> list[Found]:
        """The bookings that the outbox rows with this event id are about."""
        taken = self.relay.store.transact(lambda tx: story.rows_of_event(tx, event_id, self.sources))
        found: set[tuple[str, str]] = set()
        for name in self.sources:
            rows = [each.row_id for each in taken if each.source == name]
            found |= self._bookings(name, event_id=event_id, row_ids=rows)
        return [Found(*each) for each in sorted(found)]

    def of_resident(self, resident_id: str, limit: int) -> list[Found]:
        """The bookings of a person, the latest changed first."""
        rows = self.relay.store.transact(lambda tx: story.bookings_of_resident(tx, resident_id, limit))
        return [Found(name, booking_id) for name, booking_id in rows if name in self.sources]

    def _bookings(self, name: str, **asked: Any) -> set[tuple[str, str]]:
        return {(name, each.row.booking_id) for each in self._look(name, **asked).rows if each.row.booking_id}

    def _look(self, name: str, **asked: Any) -> Seen:
        seen = look(self.relay, name, self._traced, **asked)
        if seen.trouble is not None:
            self.silent[name] = seen.trouble
        if seen.back_to is not None:
            self.back_to[name] = seen.back_to
        return seen
