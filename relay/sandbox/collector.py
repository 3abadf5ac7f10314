"""The collect queue: how the index gathers calls with one post, and what it throws away in doing so.

    single post ──▶ window ──quiet for `quiet` s, or `messages` gathered──▶ written as one
    two or more ─────────────────────────────────────────────────────────▶ written at once

So two calls can be applied in another order than they were accepted in; and inside a window a delete wins for
good, and the latest mostRecentContent wins over the latest message. R-32 is what protects a sender from that.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.sandbox.model import Key, Transaction


@dataclass(frozen=True, slots=True)
class Collect:
    """When a window closes: `quiet` seconds after its latest message, or as soon as it has had `messages`."""

    quiet: float = 5.0
    messages: int = 10


class Collector:
    """One window of gathered single-post calls. Pure: told the time, never asks for it."""

    def __init__(self, collect: Collect) -> None:
        """An empty window."""
        self._collect = collect
        self._window: dict[Key, Transaction] = {}
        self._messages = 0
        self._latest = 0.0
        self.dropped = 0

    def add(self, new: Transaction, now: float) -> None:
        """Gather one message; the wait for quiet starts anew."""
        self._messages += 1
        self._latest = now
        old = self._window.get(new.key)
        if old is None or _wins(new, old):
            self._window[new.key] = new
        else:
            self.dropped += 1

    def due(self, now: float) -> bool:
        """Whether the window is to be written now."""
        return self._messages > 0 and (
            self._messages >= self._collect.messages or now - self._latest >= self._collect.quiet
        )

    def drain(self) -> list[Transaction]:
        """Close the window: what is left of it to write, and begin a new one."""
        gathered = list(self._window.values())
        self._window.clear()
        self._messages = 0
        return gathered

    @property
    def waiting(self) -> int:
        """How many messages the open window has had."""
        return self._messages


def _wins(new: Transaction, old: Transaction) -> bool:
    """Whether a later message replaces the one in the window for the same key."""
    if old.delete:
        return False  # a delete wins for good: cancelled and booked again under one id is lost
    if new.delete:
        return True
    # Fourteen digits compare as the times they name. Missing, equal or earlier is dropped.
    return new.content is not None and (old.content is None or new.content > old.content)
