"""Everything in one process, without a broker: what `ei-relay run` and the smallest demo are.

The same steps as the workers make, in a pool of threads, for a site of one machine. Stopping finishes the calls
that are out, records them and gives their lanes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Event, Lock
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from relay.flow.delivery.step import deliver
from relay.flow.intake.step import intake
from relay.flow.maintenance.nightly_lists import compare_due
from relay.flow.maintenance.oddities import look_due
from relay.flow.maintenance.retention import prune
from relay.flow.maintenance.verify import nightly
from relay.flow.publishing.follow import follow, follow_all
from relay.flow.relay import Relay
from relay.flow.schedule.chores import EVERY
from relay.flow.schedule.due import due_work
from relay.flow.schedule.look import look
from relay.flow.schedule.slots import BLOCKED, FAILING, Slots
from relay.flow.schedule.wake import Wake
from relay.observe import progress
from relay.outbox.trouble import in_general
from relay.store.lanes import LaneName
from relay.store.lease import steady_seconds
from relay.store.migrate import DatabaseNotReady

log = logging.getLogger(__name__)


class Runner:
    """Runs the steps of `relay` until told to stop; `looked` is called after each look at what is due."""

    def __init__(self, relay: Relay, looked: Callable[[], object] = lambda: None) -> None:
        settings = relay.settings
        self._relay = relay
        self._looked = looked
        self._stop = Event()
        self._next_prune = 0.0  # on the steady clock
        self._slots = Slots(settings.worker_threads, len(settings.engagement_index))
        self._queued: set[str] = set()  # what is to be begun yet: hinted at again, it is still one step
        self._queueing = Lock()
        self._pool = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="ei-relay")
        self._wake = Wake(relay, self._look_soon)

    def stop(self) -> None:
        """Ask the run to end; safe from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Look for work every poll interval until stopped, then wait for what is being done."""
        interval = self._relay.settings.poll_interval.total_seconds()
        self._wake.start()
        while not self._stop.is_set():
            self._guarded("schedule", self._look)
            self._stop.wait(interval)
        self._wake.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _look(self) -> None:
        if steady_seconds() >= self._next_prune:
            self._next_prune = steady_seconds() + EVERY.total_seconds()
            self._submit(self._prune, "what is over")
            self._submit(self._full_lists, "at night")
        work = due_work(self._relay)
        for name in work.troubled:
            self._submit(self._intake, name)
        for names in chain(*map(self._relay.by_database, work.outboxes)):
            self._submit(self._look_at, names)
        for lane in work.lanes:
            self._submit(self._deliver, lane)
        for lane in work.failing:
            self._submit(self._probe_failing, lane)
        for lane in work.blocked:
            self._submit(self._probe_blocked, lane)
        for names in work.policies:
            self._submit(self._follow_all, names)

    def _follow_all(self, names: tuple[str, ...]) -> None:
        for name in follow_all(self._relay, names):
            self._submit(self._follow, name)
        self._looked()

    def _follow(self, name: str) -> None:
        with self._slots.on(f"policy of {name}") as free:
            if free:
                follow(self._relay, name)

    def _look_soon(self, names: tuple[str, ...]) -> None:
        for together in self._relay.by_database(names):
            self._submit(self._look_at, together)

    def _look_at(self, names: tuple[str, ...]) -> None:
        """The outboxes of one database: which of them have rows."""
        with self._slots.on_outbox(f"a look from {names[0]}", self._relay.party_of(names[0])) as free:
            seen = look(self._relay, names) if free else None
        self._wake.looked(names, seen)
        for name in (*seen.take, *seen.apart) if seen is not None else ():
            self._submit(self._intake, name)

    def _intake(self, name: str) -> None:
        with self._slots.on_outbox(name, self._relay.party_of(name)) as free:
            taken = intake(self._relay, name) if free else None
        if taken is not None:
            for lane in taken.lanes:
                self._submit(self._deliver, lane)
            if taken.more:
                self._submit(self._intake, name)
            self._wake.follow_up(name, taken, asked_again=self._slots.asked_again(name))

    def _deliver(self, lane: LaneName) -> None:
        with self._slots.on(str(lane), lane.engagement_index) as free:
            verdict = deliver(self._relay, lane, troubled=False) if free else None
        if free:  # it comes again by itself until it has nothing more to send
            woken = self._slots.to_wake(str(lane), lane.engagement_index, more=verdict is not None)
            for each in woken[1:]:  # this thread may begin it before another one has begun the first, and take its turn
                self._slots.give_way(each, lane.engagement_index)
            for each in woken[:1]:
                self._submit(self._deliver, LaneName.parse(each))

    def _probe_failing(self, lane: LaneName) -> None:
        self._probe(lane, FAILING)

    def _probe_blocked(self, lane: LaneName) -> None:
        self._probe(lane, BLOCKED)

    def _probe(self, lane: LaneName, trouble: str) -> None:
        with self._slots.on(str(lane), lane.engagement_index, trouble) as free:
            verdict = deliver(self._relay, lane) if free else None
        if verdict is not None:  # it may work again
            self._submit(self._deliver, lane)

    def _prune(self, _what: str) -> None:
        prune(self._relay, self._stop.is_set)
        look_due(self._relay, self._stop.is_set)
        nightly(self._relay, self._stop.is_set)

    def _full_lists(self, _what: str) -> None:
        with self._slots.on("full lists") as free:
            if free:
                compare_due(self._relay, self._stop.is_set)

    def _submit(self, step: Callable[[Any], None], name: object) -> None:
        what = f"{step.__name__.strip('_')} {name}"
        with self._queueing:
            if self._stop.is_set() or what in self._queued:
                return
            self._queued.add(what)
        self._pool.submit(self._guarded, what, step, name)

    def _guarded(self, what: str, step: Callable[..., None], *args: object) -> None:
        """One failing step must not end the run: it comes again with the next look."""
        progress.step()
        with self._queueing:
            self._queued.discard(what)
        try:
            self._relay.prepare()
            step(*args)
        except DatabaseNotReady as error:
            log.error("%s", error)
        except SQLAlchemyError as error:
            log.error("the relay's database did not do it: %s", in_general(error), extra={"step": what})
        except Exception:
            log.exception("%s failed", what, extra={"step": what})
        finally:
            progress.step()
