"""How often an outbox is looked at: the longer it has been quiet, the less often, and never less often than the bound.

A booking that comes after a silence waits at most a tenth of it, and at most `quiet_poll_interval`: far within
the hour of R-33 and what the alerts allow. A silence ends with a call of one of the source's lanes, whichever process
made it, or with the start of this one. An outbox whose database notifies (`relay.flow.schedule.wake`) is looked at at
the bound only: that is the net for a notification that was lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

SHARE: Final = 10  # of a silence, one part is waited
LONGEST: Final = timedelta(minutes=1)


class Rounds:
    """When each source's outbox was last looked at, as far as this process had it done."""

    def __init__(
        self,
        interval: timedelta,
        bound: timedelta,
        notifies: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._least = interval.total_seconds()
        self._most = max(min(bound, LONGEST), interval).total_seconds()
        self._notifies = notifies
        self._clock = clock
        self._began = self._clock()
        self._looked: dict[str, float] = {}

    def due(self, sources: Iterable[tuple[str, timedelta | None]]) -> list[str]:
        """Those of the sources, each with how long it has been quiet, that are to be looked at now."""
        now = self._clock()
        found = []
        for name, quiet in sources:
            seconds = min(quiet.total_seconds() if quiet is not None else now - self._began, now - self._began)
            pause = self._most if self._notifies(name) else min(seconds / SHARE, self._most)
            last = self._looked.get(name)
            if last is None or pause <= self._least or now - last >= pause - self._least / 2:
                self._looked[name] = now
                found.append(name)
        return found
