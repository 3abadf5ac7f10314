"""What pages are read from: the relay, and one look at everything that is shared by all who look at once."""

from __future__ import annotations

import time
from threading import Lock
from typing import Final

from relay.console.advice import ADVICE, Advice
from relay.flow.relay import Relay
from relay.language.said import Said
from relay.onboarding.look import units_in_use
from relay.report.health import HealthSummary, troubles
from relay.report.survey import look_again

FRESH_SECONDS: Final = 2.0
UNITS_SECONDS: Final = 600.0


class Desk:
    """Safe to use from several threads."""

    def __init__(self, relay: Relay) -> None:
        self.relay, self.settings, self.store = relay, relay.settings, relay.store
        self._lock = Lock()
        self._seen: HealthSummary | None = None
        self._units_lock = Lock()
        self._units: dict[str, set[str]] | None = None
        self._units_at = 0.0
        self._seen_at = 0.0

    def units_in_use(self) -> dict[str, set[str]]:
        """The care units of each source that have posts: asked of every post, so every few minutes only."""
        with self._units_lock:
            if self._units is None or time.monotonic() - self._units_at > UNITS_SECONDS:
                self._units, self._units_at = units_in_use(self.store), time.monotonic()
            return self._units

    def health(self) -> HealthSummary:
        """The state of everything. It asks every outbox, so ten people who look at once share one."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen_at > FRESH_SECONDS:
                self._seen = look_again(self.store, self.relay)
                self._seen_at = time.monotonic()
            return self._seen


def wrong_with_advice(seen: HealthSummary) -> list[tuple[Said, Advice]]:
    """What is wrong, the worst first, and what to do about each."""
    return [(trouble.text, ADVICE[trouble.kind]) for trouble in troubles(seen)]


def source_lines(seen: HealthSummary) -> list[dict[str, object]]:
    """A line a source, with what only its lanes and held changes know."""
    return [dict(source) | _of_lanes(seen, source["source"]) for source in seen.sources]


def _of_lanes(seen: HealthSummary, source: object) -> dict[str, object]:
    lanes = [lane for lane in seen.lanes if lane["source"] == source]
    waits = [lane["oldest_pending_seconds"] for lane in lanes]
    successes = [lane["last_success_at"] for lane in lanes]
    return {
        "oldest_pending_seconds": max((each for each in waits if isinstance(each, int)), default=None),
        "last_success_at": max((each for each in successes if each is not None), default=None, key=str),
        "held": sum(change["source"] == source and change["status"] == "held" for change in seen.changes),
    }
