"""Retention: what is over goes when its time is out, about hourly, by one worker at a time.

The turn stands in the database, so any number of schedulers may ask for it. It is kept up between batches; whoever
dies over it leaves it to the next one an hour later, and a worker that freezes and wakes up finds it taken. Should
two meet all the same, no harm is done: a batch takes only rows that nobody else holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from relay.database import describe
from relay.flow.relay import Relay
from relay.outbox.cleaner import OutboxCleaner
from relay.settings import Settings
from relay.store import changes, collisions, figures, overview, publishing_rules, workers
from relay.store import retention as store
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

INTERVAL: Final = timedelta(hours=1)
ABANDONED: Final = timedelta(days=1)  # a list that somebody is at is heard every second, or waits for an answer
_CHORE: Final = "prune"

Batch = Callable[[Transaction, datetime], int]  # takes out what is older than a time; how many rows


def prune(relay: Relay, is_stopping: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Take out what is over, where it is anybody's turn: {what: rows}; empty where it was not, or nothing was over."""
    turn = relay.store.transact(lambda tx: store.take_turn(tx, _CHORE, INTERVAL))
    done: dict[str, int] = {}
    known = relay.store.transact(overview.sources) if turn is not None else []  # also those no longer configured
    for what, age, batch in _batches(relay.settings, [row.name for row in known]):
        more = turn is not None
        while more and not is_stopping():
            turn, rows = relay.store.transact(partial(_one, batch=batch, age=age, held=turn))
            done[what] = done.get(what, 0) + rows
            more = rows > 0 and turn is not None
    if turn is not None and not is_stopping():
        done["outbox"] = sum(_clean_outboxes(relay, is_stopping))
    done = {what: rows for what, rows in done.items() if rows}
    if done:
        log.info("what was over has been pruned, what was missing filled in", extra={"rows": done})
    return done


def _one(tx: Transaction, *, batch: Batch, age: timedelta, held: datetime | None) -> tuple[datetime | None, int]:
    """One batch, and the turn kept; nothing where the turn was lost."""
    turn = store.take_turn(tx, _CHORE, INTERVAL, held)
    return turn, batch(tx, tx.now - age) if turn is not None else 0


def _batches(settings: Settings, sources: Iterable[str]) -> Iterator[tuple[str, timedelta, Batch]]:
    kept = settings.retention
    # A key must be known for as long as it may not be sent again, however short its retention.
    posts = max(kept.bookings, *(index.key_spacing for index in settings.engagement_index.values()))
    yield "bookings", kept.bookings, store.forget_persons
    yield "tombstones", kept.tombstones, store.drop_tombstones
    yield "posts", posts, store.drop_absent_posts
    yield "posts", posts, store.drop_discarded_posts
    receipts = max(kept.receipts, figures.LATELY)  # who looks at what was rejected lately is to see all of it
    for source in sources:
        yield "receipts", receipts, partial(_receipts, source=source)
    yield "calls", kept.calls, store.drop_calls
    yield "audit", kept.audit, store.drop_audit
    yield "runs", kept.audit, store.drop_runs
    yield "snapshots", ABANDONED, store.drop_snapshots
    yield "workers", workers.KEPT, workers.drop_silent
    yield "held bookings", ABANDONED, changes.drop_over
    yield "held changes", kept.audit, changes.drop_ended
    yield "publishing rules", kept.bookings, publishing_rules.drop_old
    yield "digests", timedelta(), collisions.fill


def _receipts(tx: Transaction, before: datetime, *, source: str) -> int:
    return store.drop_receipts(tx, source, before)


def _clean_outboxes(relay: Relay, is_stopping: Callable[[], bool]) -> Iterator[int]:
    """Each outbox table once, however many sources read it. One that refuses costs nobody else anything."""
    kept = relay.settings.retention.outbox
    if kept is None:
        return
    now = relay.store.transact(lambda tx: tx.now)
    tables = {(relay.settings.outbox_url_of(s), s.outbox_table): s.name for s in relay.settings.source}
    for (_, table), source in tables.items():
        cleaner = OutboxCleaner(relay.source(source).reader.engine, table)
        rows = 1
        while rows and not is_stopping():
            try:
                rows = cleaner.clean(now - kept)
            except SQLAlchemyError as error:
                text = "settled outbox rows could not be deleted; the relay's login needs the role ei_outbox_cleaner"
                log.warning(text, extra={"source": source, "error": describe(error)})
                break
            yield rows
