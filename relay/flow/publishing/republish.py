"""Republishing: bookings that nobody changed are re-evaluated, a page at a time, and what differs is sent as bulk.

    page     one transaction: hold the lanes, read a thousand bookings and their posts, write down what differs

A page holds its source's lanes, as intake does before it reads posts: whichever comes first, the other one sees what it
wrote. Bookings are read after the lanes are held, so a page never evaluates a state that intake has replaced. A page
done twice changes nothing the second time, so it needs no lock of its own and survives every crash.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

from relay.booking import Booking, wanted_post
from relay.difference import Difference, difference
from relay.flow.publishing.rules import PublishingRules
from relay.store import bookings, changes, lanes, posts, sources
from relay.store.transaction import Store, Transaction

PAGE: Final = 1000  # bookings; some tens of milliseconds for which intake and calls of the source may have to wait


class RulesChanged(Exception):
    """The source's bookings are by now evaluated by other rules; nothing was changed."""


def plan(store: Store, rules: PublishingRules) -> Iterator[Difference]:
    """What republishing would do, a page at a time; nothing is changed and nobody has to wait."""
    after: str | None = ""
    while after is not None:
        page, after = store.transact(partial(_page, rules=rules, after=after, write=False))
        yield page


def republish(store: Store, rules: PublishingRules, after: str) -> tuple[Difference, str | None]:
    """Re-evaluate the page of bookings that follows the id `after` ("": the first), and have what differs sent as bulk.

    Gives what was changed, and the id to go on from; None where that was the last page.
    Raises RulesChanged where `rules` are not what the source's row says its bookings are to be evaluated by.
    """
    done, to = store.transact(partial(_page, rules=rules, after=after, write=True))
    store.transact(lambda tx: sources.reevaluated(tx, rules.source, rules.fingerprint, after, to))
    return done, to


def republish_all(store: Store, rules: PublishingRules) -> Iterator[Difference]:
    """Re-evaluate all bookings by rules that `sources.begin_reevaluation` has noted, a page at a time; raises
    RulesChanged.

    Between the pages it rests for as long as each took, so that intake and calls get their turn.
    """
    after: str | None = ""
    while after is not None:
        began = time.monotonic()
        done, after = republish(store, rules, after)
        yield done
        if after is not None:
            time.sleep(time.monotonic() - began)


def reevaluate(
    tx: Transaction, rules: PublishingRules, chosen: Collection[Booking], *, write: bool = True
) -> Difference:
    """Re-evaluate these bookings of the source in the caller's transaction; with `write` what differs is sent in bulk.

    Three statements, four with `write`, however many bookings. Those that a held change keeps as they are are left so
    (`relay.store.changes`). The lanes are held until commit. Whoever writes bookings too holds the source first
    (`sources.hold`), as intake does, and takes the rules from `rules_in_force`.
    """
    return _reevaluate(tx, rules, chosen, lanes.of_source(tx, rules.source, hold=write), write=write)


def _page(tx: Transaction, rules: PublishingRules, after: str, *, write: bool) -> tuple[Difference, str | None]:
    names = lanes.of_source(tx, rules.source, hold=write)
    if write and sources.evaluated_by(tx, rules.source) != rules.fingerprint:
        raise RulesChanged(f"the bookings of {rules.source} are being re-evaluated by other lists than ours")
    page = bookings.page(tx, rules.source, after, PAGE)
    done = _reevaluate(tx, rules, page, names, write=write)
    return done, page[-1].booking_id if len(page) == PAGE else None


def _reevaluate(
    tx: Transaction,
    rules: PublishingRules,
    chosen: Collection[Booking],
    names: dict[lanes.LaneName, int],
    *,
    write: bool,
) -> Difference:
    systems = {id_: name.source_system for name, id_ in names.items()}
    here = {n.source_system: id_ for n, id_ in names.items() if n.engagement_index == rules.engagement_index}
    if not rules.policy.retired and (kept := changes.held_among(tx, rules.source, [b.booking_id for b in chosen])):
        chosen = [b for b in chosen if b.booking_id not in kept]
    stored = posts.of_bookings(tx, systems, [b.booking_id for b in chosen])
    result = difference(chosen, stored, lambda b: wanted_post(b, rules.policy, tx.now), here, tx.now)
    if write:
        posts.want(tx, result.changes, bulk=True)
    return result
