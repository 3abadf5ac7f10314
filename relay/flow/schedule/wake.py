"""Listens for new rows as they are committed, where an outbox's database notifies of them (`relay.outbox.wakeup`).

A thread for each database, with one connection, however many outboxes are in it. It is no more than a quicker way to
the same look that the schedule takes: a source counts as one that notifies (`Relay.notifies`), and is polled less
often, only while somebody listens who knows that its trigger is there. When the connection dies, its sources are polled
as ever, and listening is tried again; every connection begins with a look, for what was committed before it.

Each process listens for itself. Several workers that look at one outbox at once do no harm: one of them gets its lock.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Final

from relay.database import describe
from relay.flow.intake.step import Taken
from relay.flow.relay import Relay
from relay.flow.schedule.look import Looked
from relay.flow.schedule.pacing import Pacing
from relay.observe.throttle import Throttle
from relay.outbox.wakeup import Listener, PoolerBetweenError, listening

log = logging.getLogger(__name__)
log.addFilter(Throttle(300.0))

CHECK_SECONDS: Final = 30.0  # how often the server is asked something: a dead connection must not look like a quiet one
_PATIENCE: Final = 1.0  # how long a thread waits before it looks whether it is to stop
_FIRST_REST, _LONGEST_REST = 1.0, 60.0
_POOLER: Final = (
    "the database of an outbox is listened to through a pooler, where no notification comes: "
    "set wake_up_url to a direct address of it; until then its outboxes are polled"
)
_NO_TRIGGER: Final = (
    "wake_up is set, but the outbox has no trigger that notifies of new rows, and is polled: "
    "run what `ei-relay outbox ddl --dialect postgresql --wake-up` prints last"
)


class Wake:
    """All that one process listens with. `look` looks at the outboxes of these sources now, and must not take long."""

    def __init__(self, relay: Relay, look: Callable[[tuple[str, ...]], None]) -> None:
        self._relay = relay
        self._stop = Event()
        self.pacing = Pacing(look)
        self._databases = _databases(relay)
        self._threads = [
            Thread(target=self._run, args=(url, names), name="wake-up", daemon=True)
            for url, names in self._databases.items()
        ]

    def start(self) -> None:
        """Begin to listen; nothing at all where no source is to be listened to."""
        if self._threads:
            self.pacing.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Listen no more; returns at once."""
        self._stop.set()
        self.pacing.stop()

    def follow_up(self, name: str, taken: Taken, *, asked_again: bool) -> None:
        """An intake has ended: a look that was asked for meanwhile may find a row that it had read past."""
        if name not in self._relay.notifies:
            return
        if taken.elsewhere:
            self.pacing.again(name)
        else:
            self.pacing.looked_at(name)
            if asked_again:
                self._ask([name])

    def looked(self, names: Iterable[str], seen: Looked | None) -> None:
        """The outboxes of one database were looked at together, or were to be (None), while another look had the turn.

        That one may have seen them before a row was committed: those that notify are looked at again, since nobody
        else comes for a notification that was heard.
        """
        for name in names:
            if name in self._relay.notifies:
                if seen is None:
                    self.pacing.again(name)
                elif name not in seen.take:
                    self.pacing.looked_at(name)

    def _run(self, url: str, names: list[str]) -> None:
        rest = _FIRST_REST
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with listening(url) as listener:
                    self._listen(listener, names)
            except PoolerBetweenError:
                log.error("%s", _POOLER, extra={"sources": names})
                rest = _LONGEST_REST
            except Exception as error:  # whatever a driver raises: they are polled meanwhile
                log.warning("no notification of new rows comes, outboxes are polled: %s", describe(error),
                            extra={"sources": names})  # fmt: skip
                rest = _FIRST_REST if time.monotonic() - began > _LONGEST_REST else min(rest * 2, _LONGEST_REST)
            self._relay.notifies.difference_update(names)
            self._stop.wait(rest)

    def _listen(self, listener: Listener, names: list[str]) -> None:
        self._check(listener, names)
        self._ask(names)
        checked_at = time.monotonic()
        while not self._stop.is_set():
            if listener.notified(_PATIENCE):
                self._ask(names)
            if time.monotonic() - checked_at >= CHECK_SECONDS:
                self._check(listener, names)
                checked_at = time.monotonic()

    def _ask(self, names: Iterable[str]) -> None:
        """But for those that did not answer: they rest, and the schedule says until when."""
        self.pacing.ask([name for name in names if name not in self._relay.doubtful])

    def _check(self, listener: Listener, names: list[str]) -> None:
        have = listener.have_trigger([self._relay.outbox_table(name) for name in names])
        for name, has_trigger in zip(names, have, strict=True):
            if has_trigger:
                self._relay.notifies.add(name)
            else:
                self._relay.notifies.discard(name)
                log.warning("%s", _NO_TRIGGER, extra={"source": name, "step": name})


def _databases(relay: Relay) -> dict[str, list[str]]:
    """{where to listen: the sources whose outboxes are there}."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for source in relay.settings.source:
        if (url := relay.settings.wake_up_url_of(source)) is not None:
            found[url].append(source.name)
    return dict(found)
