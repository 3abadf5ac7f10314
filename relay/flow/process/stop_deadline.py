"""The last resort of a process that was told to stop: it ends in time, whatever it hangs on.

A stop finishes the call that is out and writes down what came of it. When the database or the broker does not
answer just then, that can take longer than whoever stops us will wait. So when the time is up the process ends on
the spot, as if killed, which costs nothing that a kill does not: the lane is free when its lease is over, and what
could not be written down is held in doubt.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from relay.settings import EngagementIndex

log = logging.getLogger(__name__)

EXIT_CODE: Final = 1
_AFTER_A_CALL: Final = timedelta(seconds=4)  # to write down what came back, and to let go; 5 are promised


def longest_stop(indexes: Iterable[EngagementIndex]) -> float:
    """The seconds a stop may take: a call that has just begun, and what comes after it."""
    longest = max((index.call_timeout for index in indexes), default=timedelta(0))
    return (longest + _AFTER_A_CALL).total_seconds()


class StopDeadline:
    """Watches over one stop of this process, from `begin` to `end`, both safe to call more than once."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: the longest stop, see `longest_stop`. The watch is set here, as `begin` may be a signal's."""
        self._seconds = seconds
        self._begun = Event()
        self._ended = Event()
        Thread(target=self._watch, name="stop deadline", daemon=True).start()

    def begin(self) -> None:
        """The process was told to stop."""
        self._begun.set()

    def end(self) -> None:
        """It has stopped in order."""
        self._ended.set()
        self._begun.set()

    def _watch(self) -> None:
        self._begun.wait()
        if not self._ended.wait(self._seconds):
            log.error("the stop took longer than %.0f s, so the process ends with work undone", self._seconds)
            os._exit(EXIT_CODE)
