"""Intake: from an outbox to bookings and wanted posts, a batch at a time.

    read     the outbox: rows without an outcome, a batch of them, as texts
    settle   one transaction on the relay's database: receipts, bookings, what is wanted of their posts
    mark     one transaction on the outbox: the outcomes

A crash between the last two leaves rows that are read again; their receipts answer them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import Final

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from relay import change
from relay.backoff import pause
from relay.batch import REJECTED, Reading, Receipt, Settlement, TakenEvent, settle
from relay.booking import Withheld, wanted_post
from relay.catalogue import CatalogueError
from relay.change import OutboxRow, event_id_of
from relay.database import describe
from relay.flow.intake import aside, restored
from relay.flow.intake.hold import hold_back, reason
from relay.flow.intake.sameness import note_identity, other_reader
from relay.flow.publishing.ground import Ground, ground_in
from relay.flow.relay import Relay, SourceContext
from relay.narrow import lacks
from relay.observe import metrics
from relay.outbox.marks import Settled
from relay.outbox.reader import WRITTEN
from relay.outbox.refusals import OF_ROWS, kind_of
from relay.outbox.trouble import explain
from relay.post import WantedChange, reconcile
from relay.store import bookings, changes, lanes, posts, receipts, sources
from relay.store.lanes import LaneName
from relay.store.sources import Held
from relay.store.transaction import Transaction
from relay.surge import Guard

log = logging.getLogger(__name__)

BATCH: Final = 1000  # rows; one statement handles them all, and they stay a few hundred milliseconds' work
_REST: Final = timedelta(seconds=2)  # after an outbox that did not answer, doubling up to
_LONGEST_REST: Final = timedelta(seconds=60)
_SHARED: Final = (
    "the outbox is not read: it is the very table that source {other} reads by another address; "
    "write outbox_url and outbox_table of both alike, and each takes the rows of its own source systems"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What an intake did: rows settled, whether more may wait, and the lanes that got something to send.

    `elsewhere`: another worker was at it."""

    rows: int
    more: bool
    lanes: frozenset[LaneName]
    elsewhere: bool = False


NOTHING: Final = Taken(0, False, frozenset())


def intake(relay: Relay, source_name: str) -> Taken:
    """Take one batch from a source's outbox. An outbox that fails costs its source a rest, and nobody else."""
    try:
        room = relay.source(source_name)
        ground = room.policies.ground()
    except CatalogueError as error:
        _leave_alone(relay, source_name, str(error))
        return NOTHING
    except Exception as error:  # the driver of the database is not installed, or what the URL says is not its own
        _leave_alone(relay, source_name, _explained(relay, source_name, "read", error))
        return NOTHING
    if (other := other_reader(relay, source_name)) is not None:
        _leave_alone(relay, source_name, _SHARED.format(other=other))
        return NOTHING
    aside.remember(relay, room)
    asked = restored.ask(relay, source_name)
    try:
        marks = asked.answer(room.reader) if asked is not None else None
        rows = room.reader.unread(BATCH)
    except Exception as error:  # whatever a driver raises, it costs this source a rest, and is seen
        _leave_alone(relay, source_name, _explained(relay, source_name, "read", error))
        return NOTHING
    note_identity(relay, source_name)
    if asked is not None and marks is not None:
        restored.judge(relay, source_name, asked, marks)
    if not rows:
        aside.follow_up(relay, room, rows, None, complete=True)
        _answers(relay, source_name)
        return NOTHING
    try:
        done = _settled(relay, room, ground, rows)
    except EventsUnknown:
        try:
            events = restored.events_taken(room, rows)
        except Exception as error:
            _leave_alone(relay, source_name, _explained(relay, source_name, "read", error))
            return NOTHING
        done = _settled(relay, room, ground, rows, events)
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and kind_of(error) not in OF_ROWS:
            raise  # the relay's own database is away: that is said elsewhere
        log.error("the rows of an outbox could not be taken", extra={"source": source_name, "error": _where(error)})
        _leave_alone(relay, source_name, f"its rows were read and could not be taken: {describe(error)}")
        return NOTHING
    if done is None:
        return Taken(0, False, frozenset(), elsewhere=True)
    settlement, touched, at = done
    if settlement.ids_restarted:
        told = "the ids of the outbox have begun again; rows were taken by the time they were written"
        log.warning(told, extra={"source": source_name, "rows": settlement.ids_restarted})
    _tell(source_name, settlement.fresh)  # before the mark: whoever reads the rows again has nothing new to tell
    try:
        marked = room.reader.settle([Settled(r.row_id, r.outcome, r.reason) for r in settlement.receipts], at)
    except Exception as error:
        _leave_alone(relay, source_name, _explained(relay, source_name, "marked", error))
        return Taken(0, False, touched)
    aside.follow_up(relay, room, rows, marked, complete=len(rows) < BATCH)
    _answers(relay, source_name)  # not before: one that can be read and not marked must not seem well at every try
    return Taken(len(rows), len(rows) == BATCH, touched)


Events = Mapping[str, TakenEvent]
_Done = tuple[Settlement, frozenset[LaneName], datetime]


class EventsUnknown(Exception):
    """This database was restored, and may have forgotten who took the rows' event ids: the outbox is to be asked."""


def _settled(
    relay: Relay, room: SourceContext, ground: Ground, rows: list[OutboxRow], told: Events | None = None
) -> _Done | None:
    """Settle the rows in the relay's database; None where another worker is at this source. `told` is what the outbox
    said of the event ids; raises EventsUnknown where it has to be asked."""

    def work(tx: Transaction, *, at_once: bool = True) -> _Done | None:
        with relay.on_time(tx):
            return _settle(room, ground, rows, relay.guard, tx, at_once=at_once, told=told)

    try:
        return relay.store.transact(work)
    except IntegrityError:  # what was new a moment ago is there: somebody wrote it who did not hold the source
        log.warning("the rows of an outbox are written down one by one", extra={"source": room.name})
        return relay.store.transact(partial(work, at_once=False))


def _settle(
    room: SourceContext, ground: Ground, rows: list[OutboxRow], guard: Guard, tx: Transaction, *, at_once: bool,
    told: Events | None,
) -> _Done | None:  # fmt: skip
    """Settle the rows. With `at_once` what is new is written as such, without a look whether it is there already."""
    held = sources.lock(tx, room.name)
    if held is None:
        return None
    if held.restored and told is None and any(row.event_id for row in rows):
        raise EventsUnknown
    ground = ground_in(tx, ground, held)
    readings = [Reading(row, change.read(row, room.source_systems, room.local_identities)) for row in rows]
    if (encoding := tx.encoding) is not None:  # not UTF-8
        readings = [reading if (why := _lacking(reading.row, encoding)) is None else Reading(reading.row, why)
                    for reading in readings]  # fmt: skip
    known = bookings.load(tx, room.name, {said.booking_id for _, said in readings if isinstance(said, change.Change)})
    earlier = receipts.of_rows(tx, room.name, [row.id for row in rows])
    event_ids = {event_id for row, said in readings if (event_id := event_id_of(row)) and _holds(tx, event_id)}
    taken = receipts.events_taken(tx, room.name, event_ids) if event_ids else {}
    settlement = settle(
        readings,
        earlier,
        taken if told is None else {**told, **taken},
        known,
        lambda booking: wanted_post(booking, ground.policy, tx.now),
        tx.now,
    )
    there = known if at_once else settlement.changed
    bookings.add(tx, room.name, [c.booking for id_, c in settlement.changed.items() if id_ not in there])
    bookings.save(tx, room.name, [c.booking for id_, c in settlement.changed.items() if id_ in there])
    touched, kept = _want(tx, ground, settlement, held, guard, at_once=at_once)
    _say_held(settlement, kept)
    fresh = [_keepable(tx, receipt) for receipt in settlement.fresh] if tx.encoding is not None else settlement.fresh
    receipts.add_new(tx, room.name, [receipt for receipt in fresh if at_once and receipt.row_id not in earlier])
    receipts.add(tx, room.name, [receipt for receipt in fresh if not at_once or receipt.row_id in earlier])
    if settlement.ids_restarted:
        sources.ids_restarted(tx, room.name)
    return settlement, touched, tx.now


def _lacking(row: OutboxRow, encoding: str) -> change.Rejected | None:
    """Why the relay's own database cannot keep what a row says; None: it can."""
    fields = [name for name in WRITTEN if lacks(encoding, getattr(row, name) or "")]
    if not fields:
        return None
    why = f"has a character that the relay's own database, which keeps text in {encoding}, does not have"
    return change.Rejected("; ".join(f"{name}: {why}" for name in fields)[: change.REASON_LIMIT])


def _keepable(tx: Transaction, receipt: Receipt) -> Receipt:
    """The receipt without the booking's id where the database cannot keep that; `why` asks its outbox then."""
    unknown = receipt.booking_id is not None and not _holds(tx, receipt.booking_id)
    return receipt._replace(booking_id=None) if unknown else receipt


def _holds(tx: Transaction, text: str) -> bool:
    return tx.encoding is None or not lacks(tx.encoding, text)


def _say_held(settlement: Settlement, kept: Mapping[str, int]) -> None:
    """Say beside the rows of bookings that are kept back that they are, and by which change."""
    rows = {settlement.changed[booking_id].booking.row_id: change for booking_id, change in kept.items()}
    for receipts_ in (settlement.receipts, settlement.fresh) if rows else ():
        receipts_[:] = [
            receipt._replace(reason=reason(rows[receipt.row_id])) if receipt.row_id in rows else receipt
            for receipt in receipts_
        ]


def _want(
    tx: Transaction, ground: Ground, settlement: Settlement, held: Held, guard: Guard, *, at_once: bool
) -> tuple[frozenset[LaneName], Mapping[str, int]]:
    """Bring what is wanted of the changed bookings' posts in line; the lanes where something changed, and the bookings
    that are kept back, each with the number of the change.

    Where that would take away or bring too many at once, the posts of those bookings stay as they are
    (`relay.flow.intake.hold`).
    """
    if not settlement.changed:
        return frozenset(), {}
    if held.holds:
        changes.release(tx, ground.source, settlement.changed)  # whatever kept them back, this is a newer word
    names = lanes.of_source(tx, ground.source)
    lane_ids = {
        name.source_system: id_ for name, id_ in names.items() if name.engagement_index == ground.engagement_index
    }
    systems = {id_: name.source_system for name, id_ in names.items()}
    standing = posts.of_bookings(tx, systems, settlement.changed)
    todo: dict[str, list[WantedChange]] = {}
    for booking_id, (_, wanted, since) in settlement.changed.items():
        wanted_now = None if isinstance(wanted, Withheld) else wanted
        todo[booking_id] = reconcile(standing.get(booking_id, ()), wanted_now, lane_ids, since)
    kept = hold_back(tx, held, ground.source, guard, standing, todo, systems)
    does = [change for booking_id, each in todo.items() if booking_id not in kept for change in each]
    posts.want_new(tx, [change for change in does if at_once and change.key.booking_id not in standing])
    posts.want(tx, [change for change in does if not at_once or change.key.booking_id in standing])
    changed_lanes = {c.lane_id for c in does}
    return frozenset(name for name, id_ in names.items() if id_ in changed_lanes), kept


def _explained(relay: Relay, source_name: str, verb: str, error: Exception) -> str:
    if not isinstance(error, SQLAlchemyError | ModuleNotFoundError):
        log.error("something unforeseen happened at an outbox", extra={"source": source_name, "error": _where(error)})
    return f"the outbox could not be {verb}: {explain(error, relay.outbox_table(source_name))}"


def _where(error: Exception) -> str:
    """What it is and where it came from; its text may quote a value."""
    steps = extract_tb(error.__traceback__)
    return describe(error) + "".join(f" at {Path(step.filename).name}:{step.lineno}" for step in steps[-3:])


def _leave_alone(relay: Relay, source_name: str, text: str) -> None:
    """The outbox cannot be read or marked, or by no list: say so once a try, and rest longer each time."""
    log.error("%s", text, extra={"source": source_name})

    def work(tx: Transaction) -> None:
        failures = sources.failures(tx, source_name) + 1
        rest = pause(failures, _REST, _LONGEST_REST, 0.0)
        sources.trouble(tx, source_name, text, failures, tx.now + rest)

    relay.troubled.add(source_name)
    relay.doubtful.add(source_name)
    relay.store.transact(work)


def _answers(relay: Relay, source_name: str) -> None:
    """Clear what was noted of an outbox that did not answer; asks the database only where this process noted it, was
    told of it by the schedule, or has just begun."""
    relay.doubtful.discard(source_name)
    if source_name in relay.troubled:
        relay.store.transact(lambda tx: sources.answers(tx, source_name))
        relay.troubled.discard(source_name)


def _tell(source_name: str, fresh: list[Receipt]) -> None:
    for outcome, number in Counter(receipt.outcome for receipt in fresh).items():
        metrics.OUTBOX_ROWS.labels(source_name, outcome).inc(number)
    for receipt in fresh:
        if receipt.outcome == REJECTED:
            facts = {"source": source_name, "row": receipt.row_id, "reason": receipt.reason}
            log.error("an outbox row was rejected: its booking is not shown as it should be", extra=facts)
