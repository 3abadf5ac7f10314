"""A sign of life that an operator's probe can read: a file that is touched every second while the loop turns.
The first turn is also reported to systemd, where it asks: the service is at work from then on.

A process that runs is not thereby alive. The worker's loop turns while it is connected to the broker; beat's does
while it can send. The file is named by WORKER_PULSE_FILE; without it nothing is written. What reads it needs no
Python: `find FILE -mmin -1` prints the name of a file that was touched within a minute.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from celery import bootsteps
from celery.beat import Scheduler

from relay.observe import systemd

VARIABLE: Final = "WORKER_PULSE_FILE"
_SECONDS: Final = 1.0


def beat_once() -> None:
    """Touch the file and tell systemd, where there are any. A disk that refuses is for the probe, not for the work."""
    systemd.ready()
    if path := os.environ.get(VARIABLE):
        try:
            Path(path).touch()
        except OSError:
            return


class Pulse(bootsteps.StartStopStep):
    """The worker's: on the timer of its loop."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._entry: Any = None

    def start(self, parent: Any) -> None:
        """Begin."""
        self._entry = parent.timer.call_repeatedly(_SECONDS, beat_once)

    def stop(self, _parent: Any) -> None:
        """End; a worker that finishes its last calls is not to be called alive."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None


class PulsingScheduler(Scheduler):
    """Beat's: at each turn, of which there is one a second. The schedule is in memory: none of it is worth a file."""

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due."""
        seconds: float = super().tick(*args, **options)
        beat_once()
        return seconds
