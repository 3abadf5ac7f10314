"""Following the lists: a source's bookings are weighed again when what decides over them has changed.

About every minute somebody looks (`CHECK`). What differs from what the bookings are weighed by, and is found at two
looks in a row, is followed: a list that was caught half written, or workers that are being given a new configuration
one by one, must not send a region's bookings away and back. From then on every look at what is to be done weighs for a
moment (`SPELL`), so that intake and calls get their turn, until all bookings are weighed. How far it has come stands in
the database; a crash costs a page.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Final

from relay.catalogue import CatalogueError
from relay.difference import Tally
from relay.flow.ground import Ground, retired
from relay.flow.relay import Relay
from relay.flow.republish import GroundChanged, republish
from relay.store import lease, sources
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

CHECK: Final = timedelta(minutes=1)
SPELL: Final = 0.5  # seconds


def follow(relay: Relay, source_name: str) -> None:
    """Look whether a source's lists have changed, where it is time to, and weigh its bookings again for a while."""
    policies = relay.source(source_name).policies
    try:
        ground = policies.ground()
    except CatalogueError as error:
        text = str(error)
        relay.store.transact(lambda tx: sources.checked(tx, source_name, None, text, tx.now + CHECK))
        return
    found = relay.store.transact(partial(_look, ground=ground, error=policies.error))
    if found is None:
        return
    ground, after = found
    ends = lease.steady_seconds() + SPELL
    to: str | None = after
    while to is not None and lease.steady_seconds() < ends:
        try:
            done, to = republish(relay.store, ground, to)
        except GroundChanged:
            return
        if done.changes:
            log.info("bookings weighed again", extra=_facts(source_name, done.total))
    if to is None:
        log.info("all bookings are weighed by the lists as they are now", extra={"source": source_name})


def _look(tx: Transaction, *, ground: Ground, error: str | None) -> tuple[Ground, str] | None:
    """The ground to weigh by and the booking to go on after; None where there is nothing to weigh."""
    held = sources.hold(tx, ground.source)
    if held is None:
        return None
    if held.retired:
        ground = retired(ground.source)
    follows = held.weighed_by == ground.fingerprint
    after = held.weighed_to if follows else None
    if held.next_check_at <= tx.now:
        begins = not follows and held.seen == ground.fingerprint
        sources.checked(tx, ground.source, None if follows else ground.fingerprint, error, tx.now + CHECK)
        if begins:
            log.info("the lists have changed; weighing the bookings again", extra={"source": ground.source})
            sources.begin_weighing(tx, ground.source, ground.fingerprint)
            after = ""
    return (ground, after) if after is not None else None


def _facts(source_name: str, total: Tally) -> dict[str, object]:
    return {
        "source": source_name,
        "posts_created": total.created,
        "posts_removed": total.removed,
        "posts_changed": total.changed,
        "posts_moved": total.moved,
    }
