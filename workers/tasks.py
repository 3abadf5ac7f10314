"""The tasks: each hears a name and makes the step of that name.

tick ──▶ intake(source) ──▶ deliver(lane) ──▶ deliver(lane) … until the lane has nothing more to say
  └────────────────────────▶
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import Task
from celery.signals import celeryd_after_setup, worker_shutdown, worker_shutting_down
from kombu.exceptions import KombuError
from sqlalchemy.exc import SQLAlchemyError

from relay.flow.delivery import deliver as deliver_step
from relay.flow.hands import Hands
from relay.flow.intake import intake as intake_step
from relay.flow.relay import Relay
from relay.flow.schedule import due_work
from relay.observe import progress
from relay.store.lanes import LaneName
from relay.store.migrate import DatabaseNotReady
from relay.store.transaction import describe
from workers.app import HINT_SECONDS, app, settings

log = logging.getLogger(__name__)

_relay = Relay(settings)
_hands = Hands(settings.worker_threads, len(settings.engagement_index))
_stopping = False


def _step(body: Callable[..., None]) -> Callable[..., None]:
    """A step that a database or broker that is away fails with one line, and that comes again by itself."""

    @wraps(body)
    def guarded(*args: str) -> None:
        progress.step()
        try:
            _relay.prepare()
            body(*args)
        except DatabaseNotReady as error:
            log.error("%s", error)
        except SQLAlchemyError as error:
            log.error("the relay's database did not do it: %s", describe(error), extra={"step": body.__name__})
        except (KombuError, OSError) as error:
            log.error("the broker did not take a hint: %s", type(error).__name__, extra={"step": body.__name__})
        finally:
            progress.step()

    return guarded


def _hint(task: Task[Any, Any], name: object) -> None:
    if not _stopping:
        task.apply_async((str(name),), expires=HINT_SECONDS)


@app.task(name="workers.tick")
@_step
def tick() -> None:
    """Find out what is to be done now, and ring for it."""
    work = due_work(_relay)
    for source in work.sources:
        _hint(intake, source)
    for lane in work.lanes:
        _hint(deliver, lane)


@app.task(name="workers.intake")
@_step
def intake(source: str) -> None:
    """Take a batch from a source's outbox, then ring for its lanes."""
    with _hands.on(source) as free:
        taken = intake_step(_relay, source) if free else None
    if taken is not None:
        for lane in taken.lanes:
            _hint(deliver, lane)
        if taken.more:
            _hint(intake, source)


@app.task(name="workers.deliver")
@_step
def deliver(lane: str) -> None:
    """Make a lane's next call, then ring for the one after it."""
    name = LaneName.parse(lane)
    with _hands.on(lane, name.engagement_index) as free:
        verdict = deliver_step(_relay, name) if free else None
    if verdict is not None:
        _hint(deliver, lane)


@celeryd_after_setup.connect
def _count_hands(instance: Any, **_options: object) -> None:
    """Share out the threads there really are: `celery worker -c` overrides the configuration."""
    global _hands
    _hands = Hands(instance.concurrency or settings.worker_threads, len(settings.engagement_index))


@worker_shutting_down.connect
def _begin_to_stop(**_options: object) -> None:
    global _stopping
    _stopping = True


@worker_shutdown.connect
def _let_go(**_options: object) -> None:
    _relay.close()
