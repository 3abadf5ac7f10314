"""Holding back what an outbox would change at once: mass cancellations, hidings and moves, and test runs in production.

The booking system's word is taken: its rows end `taken`, its bookings are as it said. Only the posts of these bookings
stay as they are, until somebody approves (`ei-relay changes`), the booking is changed again, or its time passes. What
stays below the threshold of an hour goes on without a stop, new bookings and single cancellations too.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from relay.flow.publishing.republish import PAGE, reevaluate
from relay.flow.publishing.rules import PublishingRules, agree, kept, rules_in_force
from relay.post import ABSENT, StoredPost, WantedChange
from relay.store import audit, bookings, changes, posts, sources
from relay.store.sources import Held
from relay.store.transaction import Store, Transaction
from relay.surge import HOUR, Arrival, Guard, Hour

log = logging.getLogger(__name__)

HELD: Final = "held by the surge guard"
_COUNT_STANDS: Final = timedelta(minutes=1)  # an older count of what is present is made anew before it stops anything


def reason(change: int) -> str:
    """What is written beside the row of a booking whose post stays as it was."""
    return f"{HELD}, change {change}: its post stays as it was; see `ei-relay changes show {change}`"


def hold_back(
    tx: Transaction,
    held: Held,
    source: str,
    guard: Guard,
    stored: Mapping[str, Sequence[StoredPost]],
    todo: Mapping[str, Sequence[WantedChange]],
    lane_ids: Collection[int],
) -> dict[str, int]:
    """The bookings of a batch whose posts stay as they are, each with the number of the change that holds it; nothing
    is written of the others but the hour's count.

    One statement where posts go or come; two more where they are counted, and a few where they are held.
    """
    if not guard.enabled:
        return {}
    gone, moved, arrivals = effects(stored, todo)
    hour = Hour.of(held.surge, tx.now)
    if not gone and not hour.gone and not (arrivals and guard.alike):
        return {}
    hour.saw(len(todo), len(gone))
    stays: dict[str, int] = {}
    many = hour.mostly_takes_away and hour.gone_within + len(gone) >= guard.least
    if gone and many and _too_many(tx, hour, guard, len(gone), lane_ids):
        why = (
            f"{len(gone)} posts of {hour.present} would be removed or moved at once, after {hour.gone_within} within "
            f"the hour; {guard.most(hour.present + hour.gone_within)} may without asking"
        )
        counts = {"removed": len(gone - moved), "moved": len(moved)}
        stays |= _note(tx, source, changes.REMOVALS, gone, hour.present, why, counts)
    elif gone:
        hour.take(len(gone), tx.now)
    if arrivals and guard.alike and (alike := hour.alike(arrivals, guard.alike, tx.now)):
        why = f"more than {guard.alike} new posts within an hour are for one resident, or for one and the same second"
        stays |= _note(tx, source, changes.ARRIVALS, alike, hour.present, why, {"created": len(alike)})
    sources.remember_hour(tx, source, hour.text())
    return stays


def effects(
    stored: Mapping[str, Sequence[StoredPost]], todo: Mapping[str, Sequence[WantedChange]]
) -> tuple[set[str], set[str], list[Arrival]]:
    """The bookings that lose a post the index may hold; those of them that are moved; those that get their first."""
    gone, moved, arrivals = set(), set(), []
    for booking_id, each in todo.items():
        had = {(p.lane_id, p.key) for p in stored.get(booking_id, ()) if p.wanted != ABSENT}
        shown = {(p.lane_id, p.key) for p in stored.get(booking_id, ()) if p.wanted != ABSENT and p.is_shown}
        comes = [c for c in each if c.wanted != ABSENT]
        if any(c.wanted == ABSENT and (c.lane_id, c.key) in shown for c in each):
            gone.add(booking_id)
            if comes:
                moved.add(booking_id)
        elif comes and not had:
            arrivals.append(Arrival(booking_id, comes[0].key.resident_id, comes[0].wanted))
    return gone, moved, arrivals


def _too_many(tx: Transaction, hour: Hour, guard: Guard, number: int, lane_ids: Collection[int]) -> bool:
    taken = hour.gone_within + number

    def stops() -> bool:
        return guard.stops(taken, hour.present + hour.gone_within)

    if hour.is_older_than(HOUR, tx.now) or (stops() and hour.is_older_than(_COUNT_STANDS, tx.now)):
        hour.counted(posts.present(tx, lane_ids), tx.now)
    return stops()


def _note(
    tx: Transaction, source: str, kind: str, ids: Collection[str], present: int, why: str, counts: Mapping[str, int]
) -> dict[str, int]:
    number = changes.hold_bookings(tx, source, kind, ids, present, why, counts)
    text = "changes of many posts at once are held: see `ei-relay changes list`"
    tx.tell(log.error, text, extra={"source": source, "change": number, "kind": kind, "posts": len(ids)})
    return dict.fromkeys(ids, number)


def approve(store: Store, change_id: int, found: PublishingRules | None, who: str, reason: str) -> int:
    """Do what a change holds, as bulk; how many bookings that were. Done again it does what is left.

    A change of the lists is done by the workers: here it comes to stand. `found` is what our files say of the source;
    None where it is no longer configured.
    """
    row = store.transact(partial(_approved, change_id=change_id, who=who, reason=reason))
    if row is None:
        return 0
    source, number = row, 0
    more = True
    while more:
        done = store.transact(partial(_let_go, change_id=change_id, source=source, found=found))
        number += done
        more = done == PAGE
    return number


def _approved(tx: Transaction, *, change_id: int, who: str, reason: str) -> str | None:
    """Note the word; the source whose bookings are to be let go, None where it is a change of the lists."""
    change = changes.by_id(tx, change_id)
    assert change is not None
    sources.hold(tx, change.source)
    changes.decide(tx, change_id, changes.APPROVED, who, reason)
    audit.note(tx, who, "changes approve", f"{change_id} of {change.source}: {change.why}"[:255], reason)
    if change.kind != changes.LISTS:
        return str(change.source)
    rules = kept(tx, change.source, change.ground)
    assert rules is not None, "it was kept when the change was held"
    changes.end(tx, change_id)
    agree(tx, rules)
    sources.check_soon(tx, change.source)
    return None


def _let_go(tx: Transaction, *, change_id: int, source: str, found: PublishingRules | None) -> int:
    held = sources.hold(tx, source)
    assert held is not None
    ids = changes.bookings_of(tx, change_id, PAGE)
    changes.release(tx, source, ids)
    known = bookings.load(tx, source, ids)
    rules = _rules(tx, source, held, found)
    if rules is not None:
        reevaluate(tx, rules, known.values())
    return len(ids)


def _rules(tx: Transaction, source: str, held: Held, found: PublishingRules | None) -> PublishingRules | None:
    if found is not None:
        return rules_in_force(tx, found, held)
    return kept(tx, source, held.agreed) if held.agreed is not None else None


def reject(store: Store, change_id: int, who: str, reason: str) -> None:
    """Leave everything as it is (see the module `relay.store.changes` for how long)."""

    def work(tx: Transaction) -> None:
        change = changes.by_id(tx, change_id)
        assert change is not None
        changes.decide(tx, change_id, changes.REJECTED, who, reason)
        audit.note(tx, who, "changes reject", f"{change_id} of {change.source}: {change.why}"[:255], reason)

    store.transact(work)
