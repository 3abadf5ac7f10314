"""Once in a while is enough: a filter for loggers that would say the same thing all through an outage."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import Final

PAUSE_SECONDS: Final = 5.0


class Throttle(logging.Filter):
    """Lets one record of a kind pass in `seconds`; the next one that passes bears the number of those left out.

    A kind is a message before its arguments are put in, and the step it is about. For a logger that says few
    different things: every kind is remembered.
    """

    def __init__(self, seconds: float = PAUSE_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._lock = Lock()
        self._said: dict[tuple[str, object], tuple[float, int]] = {}  # when last, and how many were left out since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes; its extra `left_out` says how many like it did not."""
        kind = (str(record.msg), getattr(record, "step", None))
        now = time.monotonic()
        with self._lock:
            said, left_out = self._said.get(kind, (float("-inf"), 0))
            passes = now - said >= self._seconds
            self._said[kind] = (now, 0) if passes else (said, left_out + 1)
        if passes and left_out:
            record.left_out = left_out
        return passes
