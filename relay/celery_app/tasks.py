"""The tasks: each gets names and makes the step for them.

tick ──▶ intake(sources) ─────▶ deliver(lane) ──▶ deliver(lane) … until the lane has nothing more to send
  ├────▶ probe(lane, why) ────▶   of a lane that is failing or blocked
  ├────▶ look_again(source) ──▶
  ├───────────────────────────▶
  └────▶ units(sources)
prune        what is over, about hourly
full_lists   at night, what the booking systems' own tables say
reprocess    what an operator asks for
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from itertools import chain
from typing import Any, TypeVar

from celery import Task
from celery.signals import celeryd_after_setup, worker_ready, worker_shutdown, worker_shutting_down
from kombu.exceptions import KombuError
from sqlalchemy.exc import SQLAlchemyError

from relay.celery_app.app import MESSAGE_SECONDS, app, settings
from relay.flow.actions.operations import Cancelled, Request
from relay.flow.actions.operations import reprocess as reprocess_step
from relay.flow.actions.selector import selection
from relay.flow.delivery.step import deliver as deliver_step
from relay.flow.intake.step import intake as intake_step
from relay.flow.maintenance.nightly_lists import compare_due
from relay.flow.maintenance.oddities import look_due
from relay.flow.maintenance.retention import prune as prune_step
from relay.flow.maintenance.verify import nightly
from relay.flow.process.heartbeat import Heartbeat
from relay.flow.process.stop_deadline import StopDeadline, longest_stop
from relay.flow.publishing.follow import follow, follow_all
from relay.flow.relay import Relay
from relay.flow.schedule.due import TOGETHER, due_work
from relay.flow.schedule.look import look
from relay.flow.schedule.slots import AT_A_STRETCH, BLOCKED, FAILING, Slots
from relay.flow.schedule.wake import Wake
from relay.observe import progress
from relay.outbox.trouble import in_general
from relay.store.lanes import LaneName
from relay.store.migrate import DatabaseNotReady

T = TypeVar("T")

log = logging.getLogger(__name__)

_relay = Relay(settings)
_slots = Slots(settings.worker_threads, len(settings.engagement_index))
_stopping = False
_heartbeat = Heartbeat(_relay)
_wake = Wake(_relay, lambda names: _look_soon(names))
_deadline: StopDeadline | None = None  # of a worker; whoever only imports the tasks has none


def _step(body: Callable[..., T]) -> Callable[..., T | None]:
    """A step that a database or broker that is away fails with one line, and that comes again by itself."""

    @wraps(body)
    def guarded(*args: Any, **options: Any) -> T | None:
        progress.step()
        try:
            _relay.prepare()
            return body(*args, **options)
        except DatabaseNotReady as error:
            log.error("%s", error)
        except SQLAlchemyError as error:
            log.error("the relay's database did not do it: %s", in_general(error), extra={"step": body.__name__})
        except (KombuError, OSError) as error:
            log.error(
                "the broker did not take a wake-up message: %s", type(error).__name__, extra={"step": body.__name__}
            )
        finally:
            progress.step()
        return None

    return guarded


def _send(task: Task[Any, Any], *names: object) -> None:
    if not _stopping:
        task.apply_async(tuple(map(str, names)), expires=MESSAGE_SECONDS)


def _look_soon(sources: tuple[str, ...]) -> None:
    for names in _relay.by_database(sources):
        _send(intake, *names)


@app.task(name="workers.tick")
@_step
def tick() -> None:
    """Find out what is to be done now, and send a message for it.

    One at a time in a process: else the ticks of a database that hangs would take every thread.
    """
    with _slots.on("the schedule") as free:
        if free:
            _send_due()


def _send_due() -> None:
    work = due_work(_relay)
    for sources in work.outboxes:
        _send(intake, *sources)
    for source in work.troubled:
        _send(look_again, source)
    for lane in work.lanes:
        _send(deliver, lane)
    for lane in work.failing:
        _send(probe, lane, FAILING)
    for lane in work.blocked:
        _send(probe, lane, BLOCKED)
    for sources in work.policies:
        _send(units, *sources)


@app.task(name="workers.units")
@_step
def units(*sources: str) -> None:
    """Look whether these sources' lists have changed; where they have, re-evaluate its bookings for a while."""
    if len(sources) > 1:
        for each in follow_all(_relay, sources):
            _send(units, each)
        return
    (source,) = sources
    with _slots.on(f"policy of {source}") as free:
        if free:
            follow(_relay, source)


@app.task(name="workers.intake")
@_step
def intake(*sources: str) -> None:
    """Take a batch from each of these sources' outboxes that has rows, then send messages for their lanes.

    Those of one database are looked at together. Where many have rows, other workers take some.
    """
    failures: list[Exception] = []
    for source in chain(*map(_with_rows, _relay.by_database(sources))):
        if _stopping:
            break
        try:
            _take(source, AT_A_STRETCH if len(sources) == 1 else 1)
        except (SQLAlchemyError, KombuError, OSError):
            raise  # the relay's own database, or the broker: no other source would fare better
        except Exception as error:
            failures.append(error)  # of this source alone
    if failures:
        raise failures[0] if len(failures) == 1 else ExceptionGroup("several sources failed", failures)


def _with_rows(sources: tuple[str, ...]) -> list[str]:
    """The first few of the sources of one database whose outboxes have rows; wake-ups for the rest of them."""
    if len(sources) == 1:
        return list(sources)
    with _slots.on_outbox(f"a look from {sources[0]}", _relay.party_of(sources[0])) as free:
        seen = look(_relay, sources) if free else None
    _wake.looked(sources, seen)
    if seen is None:
        return []
    for each in (*seen.apart, *seen.take[TOGETHER:]):
        _send(intake, each)
    return seen.take[:TOGETHER]


@app.task(name="workers.look_again")
@_step
def look_again(source: str) -> None:
    """The same for a source whose outbox is noted as not answering, maybe by another process: clear it if it does."""
    _relay.look_closely([source])
    _take(source)


def _take(source: str, most: int = 1) -> None:
    """Batch by batch, at most so many and while it keeps nobody waiting; then a message for the rest."""
    party = _relay.party_of(source)
    for _ in range(most):
        with _slots.on_outbox(source, party) as free:
            taken = intake_step(_relay, source) if free else None
            may_go_on = _slots.has_room_beside(party) and not _stopping
        if taken is None:
            return
        for lane in taken.lanes:
            _send(deliver, lane)
        _wake.follow_up(source, taken, asked_again=_slots.asked_again(source))
        if not taken.more:
            return
        progress.step()
        if not may_go_on:
            break
    _send(intake, source)


@app.task(name="workers.deliver")
@_step
def deliver(lane: str) -> None:
    """Make the next call of a lane that is known to work, then send a message for the one after it."""
    name = LaneName.parse(lane)
    with _slots.on(lane, name.engagement_index) as free:
        verdict = deliver_step(_relay, name, troubled=False) if free else None
    if free:
        for each in _slots.to_wake(lane, name.engagement_index, more=verdict is not None):
            _send(deliver, each)


@app.task(name="workers.probe")
@_step
def probe(lane: str, trouble: str) -> None:
    """Make the next call of a lane that is failing or blocked; if it works again, it goes on as others do."""
    name = LaneName.parse(lane)
    with _slots.on(lane, name.engagement_index, trouble) as free:
        verdict = deliver_step(_relay, name) if free else None
    if verdict is not None:
        _send(deliver, lane)


@app.task(name="workers.prune")
@_step
def prune() -> None:
    """Take out what is over, where nobody has done it within the hour."""
    with _slots.on("prune") as free:
        if free:
            prune_step(_relay, lambda: _stopping)
            look_due(_relay, lambda: _stopping)
            nightly(_relay, lambda: _stopping)


@app.task(name="workers.full_lists")
@_step
def full_lists() -> None:
    """Compare with the booking systems' own tables, where it is time to and nobody is at it."""
    with _slots.on("full lists") as free:
        if free:
            compare_due(_relay, lambda: _stopping)


@app.task(name="workers.reprocess")
@_step
def reprocess(*, reason: str, who: str = "workers.reprocess", dry_run: bool = False, **selector: Any) -> dict[str, int]:
    """Send posts again as they are, as `ei-relay reprocess` does, with its options as keywords: source, unit, booking,
    state (one or a list), code, since, until.

    `who` is what the message says, and nobody has checked it: the audit log says so.
    Gives {"matched", "resent", "waiting", "run"}; nothing where `ei-relay reprocess cancel` stopped it. No results are
    kept in the broker: what came of it is in the log and in the audit log, as "reprocess ended". Raises SelectionError
    for what cannot be understood and for an empty selection.
    """
    chosen = selection(datetime.now(UTC), **selector)
    try:
        request = Request(f"{who[:64]} (claimed by the message)", "reprocess", reason)
        done = reprocess_step(_relay.store, chosen, request, dry_run=dry_run)
    except Cancelled as error:
        log.warning("reprocess was cancelled", extra={"selection": str(chosen), "run": error.run})
        return {}
    log.info("reprocess ended", extra={"selection": str(chosen), "dry_run": dry_run, **done})
    return done


@celeryd_after_setup.connect
def _count_slots(instance: Any, **_options: object) -> None:
    """Share out the threads there really are: `celery worker -c` overrides the configuration."""
    global _slots, _deadline
    _deadline = StopDeadline(longest_stop(settings.engagement_index.values()))
    _slots = Slots(instance.concurrency or settings.worker_threads, len(settings.engagement_index))


@worker_ready.connect
def _report(**_options: object) -> None:
    _heartbeat.start()  # not before the pool has its processes, where it has some
    _wake.start()


@worker_shutting_down.connect
def _begin_to_stop(**_options: object) -> None:
    global _stopping
    _stopping = True
    _wake.stop()
    if _deadline is not None:
        _deadline.begin()


@worker_shutdown.connect
def _let_go(**_options: object) -> None:
    _heartbeat.stop()
    _relay.close()
