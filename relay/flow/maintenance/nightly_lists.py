"""When full lists are compared: every night, by one worker a source, and what came of it is kept.

The turn stands in the database. A list that could not be read is tried again half an hour later, until the night's six
hours are over; one that was not believed is for somebody to look at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, time, timedelta
from hashlib import blake2b
from typing import Any, Final

from relay.catalogue import CatalogueError
from relay.flow.maintenance import full_list
from relay.flow.maintenance.full_list import Busy, Found, NotCompared, Plan
from relay.flow.relay import Relay
from relay.settings import Source
from relay.snapshot import Fate, implausible
from relay.store import notes, restores
from relay.store.retention import take_turn
from relay.store.snapshots import RunIsOver
from relay.store.transaction import Transaction
from relay.wallclock import SWEDEN, instant_of

log = logging.getLogger(__name__)

NIGHT: Final = timedelta(hours=6)  # a worker that is there later leaves it for the next one
AGAIN: Final = timedelta(minutes=30)  # after a list that could not be read
WHO: Final = "relay"
WHY: Final = "the nightly comparison with the booking system's own tables"


def compare_due(relay: Relay, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Compare the lists of which it is time, one after the other, where it is anybody's turn."""
    for source in relay.settings.source:
        if not source.full_list_query or is_stopping():
            continue
        night = relay.store.transact(lambda tx, source=source: _turn(tx, source))  # type: ignore[misc]
        if night is not None:
            compare_now(relay, source.name, is_stopping, night)


def compare_now(
    relay: Relay, name: str, is_stopping: Callable[[], bool] = lambda: False, night: datetime | None = None
) -> bool:
    """Compare a source's list, do what differs, and keep what came of it; False where it may fare better soon."""
    began = relay.store.transact(lambda tx: tx.now)
    try:
        found = full_list.compare(relay, name, is_stopping=is_stopping)
    except Busy:
        return False  # whoever is at it keeps what comes of it
    except (NotCompared, RunIsOver, CatalogueError) as error:
        log.error("the full list was not compared: %s", error, extra={"source": name})
        keep(relay, name, began, error=str(error))
        return False
    try:
        if (refused := implausible(found.comparison)) is not None:
            log.error("the full list is not believed: %s", refused, extra={"source": name})
            keep(relay, name, began, found, error=refused, night=night)
            return True
        done = full_list.apply(relay, found, WHO, WHY, is_stopping=is_stopping)
    except (NotCompared, RunIsOver, CatalogueError) as error:
        log.error("the full list was not applied to its end: %s", error, extra={"source": name})
        keep(relay, name, began, found, error=str(error))
        return False
    finally:
        full_list.forget(relay, found)
    keep(relay, name, began, found, done, night=night)
    level = logging.WARNING if done.changes or found.rejected else logging.INFO
    log.log(level, "the full list was compared", extra={"source": name, "bookings": figures(found, done)})
    return True


def keep(
    relay: Relay,
    name: str,
    began: datetime,
    found: Found | None = None,
    done: Plan | None = None,
    *,
    error: str = "",
    night: datetime | None = None,
) -> None:
    """Keep what came of a comparison. One that failed leaves the time and the figures of the last good one. `night`:
    the one of which that was all."""

    def work(tx: Transaction) -> None:
        before = notes.of(tx, notes.FULL_LIST).get(name)
        said: dict[str, Any] = dict(before.said) if before is not None else {"first_at": began.isoformat()}
        said |= {"tried_at": began.isoformat(), "error": error or None}
        if night is not None:
            said |= {"night": night.isoformat()}
        if found is not None and done is not None:
            said |= {"compared_at": began.isoformat(), "ended_at": tx.now.isoformat(), **figures(found, done)}
            said |= {"reasons": found.rejected}
        notes.put(tx, notes.FULL_LIST, name, said)

    relay.store.transact(work)


def figures(found: Found, done: Plan) -> dict[str, int]:
    """The numbers of bookings, for logs and notes."""
    fates: Mapping[Fate, int] = done.fates
    return {
        "listed": found.comparison.listed, "created": fates.get(Fate.CREATED, 0),
        "changed": fates.get(Fate.CHANGED, 0), "gone": fates.get(Fate.GONE, 0),
        "rejected": found.comparison.rejected_lines, "waiting": done.waiting, "held": done.held,
    }  # fmt: skip


def note_configured(tx: Transaction, names: Iterable[str]) -> None:
    """Note since when there is a query, so that one that never ran is missed too."""
    known = notes.of(tx, notes.FULL_LIST)
    for name in names:
        if name not in known:
            notes.put(tx, notes.FULL_LIST, name, {"first_at": tx.now.isoformat()})


def _turn(tx: Transaction, source: Source) -> datetime | None:
    """The night whose comparison is ours to do now; None: it is not time, it is done, or not ours."""
    row = restores.of_source(tx, source.name)
    if row is None or row.retired_at is not None:
        return None
    note_configured(tx, [source.name])
    night = _begins(tx.now, source.full_list_at)
    if tx.now - night > NIGHT or notes.of(tx, notes.FULL_LIST)[source.name].said.get("night") == night.isoformat():
        return None
    return night if take_turn(tx, _chore(source.name), AGAIN) is not None else None


def _begins(now: datetime, at: str) -> datetime:
    """When the clock in Sweden last showed that time."""
    today = now.astimezone(SWEDEN).date()
    found = [instant_of(datetime.combine(day, time.fromisoformat(at))) for day in (today, today - timedelta(days=1))]
    return next(each for each in found if each <= now)


def _chore(name: str) -> str:
    return f"list {blake2b(name.encode(), digest_size=16).hexdigest()}"
