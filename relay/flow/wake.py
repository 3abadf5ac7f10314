"""Hears of new rows as they are committed, where an outbox's database tells of them (`relay.outbox.wakeup`).

A thread for each database, with one connection, however many outboxes are in it. It is no more than a quicker way to
the same look that the schedule takes: a source counts as one that rings (`Relay.rings`), and is polled less often, only
while somebody listens who knows that its trigger is there. When the connection dies, its sources are polled as ever,
and listening is tried again; every connection begins with a look, for what was committed before it.

Each process hears for itself. Several workers that look at one outbox at once do no harm: one of them gets its lock.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from relay.database import describe
from relay.flow.bell import Bell
from relay.flow.intake import Taken
from relay.flow.relay import Relay
from relay.observe.throttle import Throttle
from relay.outbox.wakeup import Ears, PoolerBetweenError, listening

log = logging.getLogger(__name__)
log.addFilter(Throttle(300.0))

CHECK_SECONDS: Final = 30.0  # how often the server is asked something: a dead connection must not look like a quiet one
_PATIENCE: Final = 1.0  # how long a thread waits before it looks whether it is to stop
_FIRST_REST, _LONGEST_REST = 1.0, 60.0
_POOLER: Final = (
    "the database of an outbox is listened to through a pooler, where nothing is heard: "
    "set wake_up_url to a direct address of it; until then its outboxes are polled"
)
_NO_TRIGGER: Final = (
    "wake_up is set, but the outbox has no trigger that tells of new rows, and is polled: "
    "run what `ei-relay outbox ddl --dialect postgresql --wake-up` prints last"
)


class Wake:
    """All that one process hears with. `ring` looks at the outboxes of these sources now, and must not take long."""

    def __init__(self, relay: Relay, ring: Callable[[tuple[str, ...]], None]) -> None:
        self._relay = relay
        self._stop = Event()
        self.bell = Bell(ring)
        self._databases = _databases(relay)
        self._threads = [
            Thread(target=self._run, args=(url, names), name="wake-up", daemon=True)
            for url, names in self._databases.items()
        ]

    def start(self) -> None:
        """Begin to listen; nothing at all where no source is to be listened to."""
        if self._threads:
            self.bell.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Listen no more; returns at once."""
        self._stop.set()
        self.bell.stop()

    def follow_up(self, name: str, taken: Taken, *, asked_again: bool) -> None:
        """An intake has ended: whoever was rung for meanwhile may have a row that it had read past."""
        if name not in self._relay.rings:
            return
        if taken.elsewhere:
            self.bell.again(name)
        else:
            self.bell.looked_at(name)
            if asked_again:
                self.bell.ring([name])

    def _run(self, url: str, names: list[str]) -> None:
        rest = _FIRST_REST
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with listening(url) as ears:
                    self._listen(ears, names)
            except PoolerBetweenError:
                log.error("%s", _POOLER, extra={"sources": names})
                rest = _LONGEST_REST
            except Exception as error:  # whatever a driver raises: they are polled meanwhile
                log.warning("new rows are not heard of, outboxes are polled: %s", describe(error),
                            extra={"sources": names})  # fmt: skip
                rest = _FIRST_REST if time.monotonic() - began > _LONGEST_REST else min(rest * 2, _LONGEST_REST)
            self._relay.rings.difference_update(names)
            self._stop.wait(rest)

    def _listen(self, ears: Ears, names: list[str]) -> None:
        self._check(ears, names)
        self.bell.ring(names)
        checked_at = time.monotonic()
        while not self._stop.is_set():
            if ears.heard(_PATIENCE):
                self.bell.ring(names)
            if time.monotonic() - checked_at >= CHECK_SECONDS:
                self._check(ears, names)
                checked_at = time.monotonic()

    def _check(self, ears: Ears, names: list[str]) -> None:
        told = ears.told_of([self._relay.outbox_table(name) for name in names])
        for name, is_told in zip(names, told, strict=True):
            if is_told:
                self._relay.rings.add(name)
            else:
                self._relay.rings.discard(name)
                log.warning("%s", _NO_TRIGGER, extra={"source": name, "step": name})


def _databases(relay: Relay) -> dict[str, list[str]]:
    """{where to listen: the sources whose outboxes are there}."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for source in relay.settings.source:
        if (url := relay.settings.wake_up_url_of(source)) is not None:
            found[url].append(source.name)
    return dict(found)
