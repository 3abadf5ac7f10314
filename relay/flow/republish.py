"""Republishing: bookings that nobody changed are weighed again, a page at a time, and what differs is sent as bulk.

    page     one transaction: hold the lanes, read a thousand bookings and their posts, write down what differs

A page holds its source's lanes, as intake does before it reads posts: whichever comes first, the other one sees what it
wrote. Bookings are read after the lanes are held, so a page never weighs a state that intake has replaced. A page done
twice changes nothing the second time, so it needs no lock of its own and survives every crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from relay.booking import Booking, Policy, wanted_post
from relay.difference import Difference, difference
from relay.store import bookings, lanes, posts
from relay.store.transaction import Store, Transaction

PAGE: Final = 1000  # bookings; some tens of milliseconds for which intake and calls of the source may have to wait


@dataclass(frozen=True, slots=True)
class Ground:
    """What a source's bookings are weighed by."""

    source: str
    policy: Policy
    engagement_index: str


def plan(store: Store, ground: Ground) -> Iterator[Difference]:
    """What republishing would do, a page at a time; nothing is changed and nobody has to wait."""
    after: str | None = ""
    while after is not None:
        page, after = store.transact(partial(_page, ground=ground, after=after, write=False))
        yield page


def republish(store: Store, ground: Ground, after: str) -> tuple[Difference, str | None]:
    """Weigh the page of bookings that follows the id `after` ("": the first): what was changed, and the id to go on
    from; None where that was the last page."""
    return store.transact(partial(_page, ground=ground, after=after, write=True))


def weigh(tx: Transaction, ground: Ground, weighed: Collection[Booking], *, write: bool = True) -> Difference:
    """Weigh these bookings of the source, in the caller's transaction, and with `write` have what differs sent as bulk.

    Two statements, three with `write`, however many bookings. The lanes are held until commit: whoever writes bookings
    too must hold the source first (`sources.hold`), as intake does.
    """
    return _weigh(tx, ground, weighed, lanes.of_source(tx, ground.source, hold=write), write=write)


def _page(tx: Transaction, ground: Ground, after: str, *, write: bool) -> tuple[Difference, str | None]:
    names = lanes.of_source(tx, ground.source, hold=write)
    page = bookings.page(tx, ground.source, after, PAGE)
    done = _weigh(tx, ground, page, names, write=write)
    return done, page[-1].booking_id if len(page) == PAGE else None


def _weigh(
    tx: Transaction, ground: Ground, weighed: Collection[Booking], names: dict[lanes.LaneName, int], *, write: bool
) -> Difference:
    systems = {id_: name.source_system for name, id_ in names.items()}
    here = {n.source_system: id_ for n, id_ in names.items() if n.engagement_index == ground.engagement_index}
    standing = posts.of_bookings(tx, systems, [b.booking_id for b in weighed])
    result = difference(weighed, standing, lambda b: wanted_post(b, ground.policy, tx.now), here, tx.now)
    if write:
        posts.want(tx, result.changes, bulk=True)
    return result
