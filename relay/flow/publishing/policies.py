"""A source's policy as its files say now: the list of care units and that of test residents, followed as they change.

A running worker looks at the files each time it uses them, and reads one only when it is another than before. A list
that has become wrong or unreadable changes nothing: the last good one stands, and one log line says why.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from relay.booking import Policy
from relay.catalogue import CatalogueError, read_care_units, read_test_residents
from relay.flow.publishing.rules import PublishingRules
from relay.settings import ALL, Settings, Source

T = TypeVar("T")

log = logging.getLogger(__name__)


class PolicyFiles:
    """The publishing rules of one source. Safe to use from several threads."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self._source = source
        self._units = _followed(source, "care_units", source.care_units, read_care_units)
        residents = None if settings.environment == "production" else source.test_residents
        self._residents = _followed(source, "test_residents", residents, read_test_residents)
        self.local_identities = re.compile(source.local_identities) if source.local_identities else None
        self._lock = Lock()
        self._read: tuple[object, object] | None = None
        self._rules: PublishingRules | None = None

    @property
    def error(self) -> str | None:
        """Why a list cannot be read, though an earlier one stands; as of the last `rules`."""
        errors = [file.error for file in (self._units, self._residents) if file is not None and file.error]
        return "; ".join(errors) or None

    def rules(self) -> PublishingRules:
        """What the source's bookings are evaluated by now. Raises CatalogueError where a list was never right."""
        with self._lock:
            units = self._units.content() if self._units is not None else None
            residents = self._residents.content() if self._residents is not None else None
            if self._rules is None or self._read != (units, residents):
                policy = Policy(self._source.data_controller, units, residents, self.local_identities)
                self._rules = PublishingRules(self._source.name, policy, self._source.engagement_index)
                self._read = units, residents
            return self._rules


class _Followed(Generic[T]):
    """A file's content, read again when the file is another one than before."""

    def __init__(self, source: str, key: str, path: Path, read: Callable[[Path], T]) -> None:
        self._source, self._key, self._path, self._read = source, key, path, read
        self._state: tuple[int, ...] | None = None
        self._content: T | None = None
        self.error: str | None = None

    def content(self) -> T:
        state: tuple[int, ...] = ()
        with suppress(OSError):  # that it is not there is told by reading it
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
        if state != self._state:
            self._look(state)
        if self._content is None:
            raise CatalogueError([self.error or "it was never read"])
        return self._content

    def _look(self, state: tuple[int, ...]) -> None:
        try:
            self._content = self._read(self._path)
        except CatalogueError as error:
            first, more = error.mistakes[0], len(error.mistakes) - 1
            self.error = f"{self._key} {self._path}: {first}" + (f", and {more} more" if more else "")
            stands = "" if self._content is None else "; the list read before stands"
            log.error("a list is wrong%s: %s", stands, self.error, extra={"source": self._source})
        else:
            self.error = None
            if self._state is not None:
                log.info("a list has changed: %s", self._key, extra={"source": self._source})
        self._state = state


def _followed(source: Source, key: str, path: object, read: Callable[[Path], T]) -> _Followed[T] | None:
    return None if path in (ALL, None) else _Followed(source.name, key, Path(str(path)), read)
