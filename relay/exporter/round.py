"""One thing that is looked at again and again, in a thread of its own, its last answer kept for whoever asks.

Each thing has its own thread, so that an outbox that hangs costs its own figures and nobody else's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from relay.outbox.trouble import in_general
from relay.store.migrate import DatabaseNotReady

T = TypeVar("T")

log = logging.getLogger(__name__)


class Round(Generic[T]):
    """Calls `look` every `seconds`. `value` is the last answer, None where the last look failed or none has ended."""

    def __init__(self, name: str, look: Callable[[], T], seconds: float) -> None:
        self.name = name
        self.value: T | None = None
        self.error: str | None = None  # why the last look failed, in words that quote no value
        self.looks = 0  # that have ended, either way
        self._look = look
        self._seconds = seconds
        self._stop = Event()
        self._due_at = time.monotonic()
        self._thread = Thread(target=self._run, name=f"look at {name}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._stop.set()

    @property
    def is_up(self) -> bool:
        """Whether the last look brought an answer."""
        return self.looks > 0 and self.error is None

    def overdue_seconds(self) -> float:
        """For how long the present look has gone on; 0 between two looks."""
        return max(time.monotonic() - self._due_at, 0.0)

    def look_once(self) -> None:
        """Look now."""
        try:
            value, error = self._look(), None
        except SQLAlchemyError as failure:
            value, error = None, in_general(failure)
        except DatabaseNotReady as failure:
            value, error = None, str(failure)
        except Exception as failure:  # whatever it is, the next look may fare better
            value, error = None, type(failure).__name__
        if error != self.error:
            if error is not None:
                log.error("%s could not be looked at: %s", self.name, error)
            else:
                log.info("%s can be looked at again", self.name)
        self.value, self.error = value, error
        self.looks += 1
        self._due_at = time.monotonic() + self._seconds

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look_once()
            self._stop.wait(self._seconds)
