"""The schedule: what is to be done now. Asked every poll interval, by any number of schedulers at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from relay.flow.delivery.cluster import COMPARED, watch
from relay.flow.delivery.step import LEASE_MARGIN
from relay.flow.relay import Relay
from relay.index.verdict import LONGEST_PAUSE
from relay.outbox.waiting import AT_ONCE
from relay.settings import EngagementIndex
from relay.store import clocks, collisions, due_summary, lanes, posts
from relay.store.due_summary import DueSummary, Pace
from relay.store.lanes import Due, LaneName
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

TOGETHER: Final = 10  # databases in one message: a look at an empty outbox takes less time than its message would
_MOST_LINKS: Final = 40  # as many as Linux follows


class Work(NamedTuple):
    """The outboxes to look at, by those that one may look at in turn; the lanes that have something to send; and the
    sources whose lists are to be looked at or whose bookings are being re-evaluated.

    `lanes` are those that are known to work. `failing` and `blocked` are a few of those that are not, to be asked about
    with threads of their own (`relay.flow.schedule.slots`).

    `troubled` are the outboxes that are noted as not answering, each to be looked at alone, so that no other waits for
    it. Who finds that one answers clears the note, so whoever is sent to look must hear of it. Among them are those of
    which nothing is sent before their marks are compared: whoever looks does so at once
    (`relay.flow.intake.restored`).
    """

    outboxes: list[tuple[str, ...]]
    troubled: list[str]
    lanes: list[LaneName]
    failing: list[LaneName]
    blocked: list[LaneName]
    policies: list[tuple[str, ...]]


def due_work(relay: Relay) -> Work:
    """Expire what has passed (the clock step), then say what is to be done.

    One statement where there is nothing to do (`relay.store.due_summary`); else also one transaction, in which only
    what the summary names is asked and done.
    """
    watch(relay)
    relay.replay()  # before anybody finds an open call and holds its posts in doubt
    seen = _due_summary(relay)
    if relay.may_be_elsewhere.is_set():  # the connection was cut just now, and the new one may lead to another server
        watch(relay)
        seen = _due_summary(relay)
    calm = relay.watch is None or relay.watch.is_calm(seen.now)
    believes, lanes_due = True, list[Due]()
    if seen.calls_for_work or not calm:
        believes, lanes_due = relay.store.transact(partial(_set_about, relay, seen))
    here = [source for source in seen.sources if source.name in relay.source_names]
    look = [source for source in here if source.look]
    check = tuple(source.name for source in here if source.check and believes)
    troubled = [source.name for source in look if source.troubled or source.compare]
    relay.look_closely(troubled)
    quiet = [
        (source.name, seen.now - source.last_call_at if source.last_call_at else None)
        for source in look
        if not source.troubled and not source.compare
    ]
    return Work(
        outboxes=in_turns(relay, relay.rounds.due(quiet)),
        troubled=troubled,
        lanes=[name for each in lanes_due for name in each.working],
        failing=[name for each in lanes_due for name in each.failing],
        blocked=[name for each in lanes_due for name in each.blocked],
        policies=[check[at : at + AT_ONCE] for at in range(0, len(check), AT_ONCE)],
    )


def _due_summary(relay: Relay) -> DueSummary:
    indexes = relay.settings.engagement_index.items()
    paces = {name: Pace(i.key_spacing, i.retry_after_fault, bool(i.refresh_every)) for name, i in indexes}
    return relay.store.ask(lambda connection, now: due_summary.read(connection, now, paces, COMPARED))


def _set_about(relay: Relay, seen: DueSummary, tx: Transaction) -> tuple[bool, list[Due]]:
    """Do what the summary calls for; whether the clock is believed, and the lanes that are due then, by index."""
    if seen.blocked:
        _ask_again_with_new_certificates(relay, tx)  # first, as whoever changes both holds lanes before posts
    believes = _believes_the_clock(relay, tx)
    if believes and seen.expired and (expired := posts.expire(tx)):
        tx.tell(log.info, "posts expired", extra={"posts": expired})
    if seen.collides:
        collisions.release(tx)
    return believes, [
        lanes.due(tx, index, settings.key_spacing, settings.retry_after_fault, refresh=bool(settings.refresh_every))
        for index, settings in relay.settings.engagement_index.items()
    ]


def _believes_the_clock(relay: Relay, tx: Transaction) -> bool:
    """Whether what has passed by the database's clock has passed; times that a wrong one left are put right first."""
    if relay.watch is None:
        return True
    began = relay.watch.began
    believes, repair = relay.watch.believes(tx.now)
    if repair:
        indexes = relay.settings.engagement_index.values()
        longest_lease = max(index.call_timeout for index in indexes) + LEASE_MARGIN
        longest_pause = max(LONGEST_PAUSE, *(index.retry_after_fault_max for index in indexes))
        if repaired := clocks.repair(tx, longest_lease, longest_pause, posts_too=began):
            tx.tell(
                log.warning,
                "times that the database's clock had left in the future were put right",
                extra={"times": repaired},
            )
    return believes


def in_turns(relay: Relay, names: Iterable[str]) -> list[tuple[str, ...]]:
    """The sources, some at a time: those of one database together, for they are looked at with one statement, and few
    databases to a message."""
    turns: list[tuple[str, ...]] = []
    message: tuple[str, ...] = ()
    databases = 0
    for together in relay.by_database(names):
        if message and (databases == TOGETHER or len(message) + len(together) > AT_ONCE):
            turns.append(message)
            message, databases = (), 0
        message += together
        databases += 1
    return [*turns, message] if message else turns


def _ask_again_with_new_certificates(relay: Relay, tx: Transaction) -> None:
    """A blocked lane whose certificate files changed since it was refused asks at once (R-37).

    A file that is from the future, for its clock is ahead of the database's, is new when that time has come: else the
    lane would ask again every second until then (R-35).
    """
    for name, refused_at in lanes.blocked(tx):
        index = relay.settings.engagement_index.get(name.engagement_index)
        if index is not None and refused_at < certificates_changed_at(index) <= tx.now:
            tx.tell(log.info, "the certificate files have changed; asking again", extra={"lane": str(name)})
            lanes.call_now(tx, name)


def certificates_changed_at(index: EngagementIndex) -> datetime:
    """When one of the index's certificate files was last replaced or written, as the file system knows."""
    files = (index.client_certificate, index.client_key, index.client_key_password_file, index.ca_bundle)
    changes = [change for file in files if file is not None for change in _changes(file)]
    return datetime.fromtimestamp(max(changes, default=0.0), UTC)


def _changes(file: Path) -> Iterator[float]:
    """When a file and each link on the way to it changed, in seconds since 1970.

    A renewal may put a link in place that leads to files written long before, as Kubernetes does.
    """
    with suppress(OSError):  # a missing file is the verdict of the call itself
        yield file.stat().st_ctime
        for _ in range(_MOST_LINKS):
            yield from (step.lstat().st_ctime for step in (file, *file.parents) if step.is_symlink())
            if not file.is_symlink():
                return
            file = file.parent / file.readlink()
