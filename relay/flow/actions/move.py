"""Moving bookings to another source system: the booking system has a new HSA-id, and each post is deleted under the old
one and created under the new one (R-10), as bulk.

The old lane needs to stand in the database only: a source system that is no longer configured keeps its lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from relay.booking import Booking
from relay.difference import Difference
from relay.flow.publishing import republish
from relay.flow.publishing.rules import PublishingRules, rules_in_force
from relay.store import bookings, sources
from relay.store.transaction import Store, Transaction


def plan(store: Store, rules: PublishingRules, old: str, new: str) -> Iterator[Difference]:
    """What moving would do, a page at a time; nothing is changed."""
    after: str | None = ""
    while after is not None:
        found, after = store.transact(partial(_planned, rules=rules, old=old, new=new, after=after))
        yield found


def move(store: Store, rules: PublishingRules, old: str, new: str) -> Iterator[Difference]:
    """Move the source's bookings of the system `old` to `new`, a page at a time.

    Each page is a transaction that holds the source, as intake does. What was moved is no longer found, so that a move
    that was cut short is ended by doing it again.
    """
    more = True
    while more:
        done, more = store.transact(partial(_moved, rules=rules, old=old, new=new))
        yield done


def _planned(
    tx: Transaction, *, rules: PublishingRules, old: str, new: str, after: str
) -> tuple[Difference, str | None]:
    page = bookings.page(tx, rules.source, after, republish.PAGE)
    found = republish.reevaluate(tx, rules, _as(new, [b for b in page if b.source_system == old]), write=False)
    return found, page[-1].booking_id if len(page) == republish.PAGE else None


def _moved(tx: Transaction, *, rules: PublishingRules, old: str, new: str) -> tuple[Difference, bool]:
    held = sources.hold(tx, rules.source)
    if held is None:
        return Difference(), False
    page = _as(new, bookings.of_system(tx, rules.source, old, republish.PAGE))
    bookings.save(tx, rules.source, page)
    return republish.reevaluate(tx, rules_in_force(tx, rules, held), page), len(page) == republish.PAGE


def _as(system: str, of: list[Booking]) -> list[Booking]:
    return [replace(booking, source_system=system) for booking in of]
