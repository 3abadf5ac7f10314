"""The collect queue's window: how the index gathers calls with few posts, and what it throws away in doing so.

    one post ────▶ window ──quiet for `quiet` s, or `messages` gathered──▶ handed on as one
    two or more ─────────────────────────────────────────────────────────▶ handed on at once

So two calls can be applied in another order than they were accepted in; and inside a window a delete wins for
good, and the latest mostRecentContent wins over the latest message. R-32 is what protects a sender from that. The
window is kept in memory: nothing protects a sender from its loss but not to be in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.sandbox.model import Transaction


@dataclass(frozen=True, slots=True)
class Collect:
    """When a window closes: `quiet` seconds after its latest message, or as soon as it has had `messages`.

    `posts`: calls with no more posts than this are gathered.
    """

    quiet: float = 5.0
    messages: int = 10
    posts: int = 1


class Collector:
    """One window of gathered calls. Pure: told the time, never asks for it."""

    def __init__(self, collect: Collect) -> None:
        """An empty window."""
        self._collect = collect
        self._window: dict[str, Transaction] = {}
        self._messages = 0
        self._latest = 0.0
        self.taken = 0
        self.dropped = 0

    def add(self, message: tuple[Transaction, ...], now: float) -> None:
        """Gather one message; the wait for quiet starts anew."""
        self._messages += 1
        self.taken += 1
        self._latest = now
        for new in message:
            identity = new.key.text()
            old = self._window.get(identity)
            if old is None or _wins(new, old):
                self._window[identity] = new
            else:
                self.dropped += 1

    @property
    def closes_at(self) -> float:
        """When the window is to be handed on, if nothing more comes; never, while it is empty."""
        if not self._messages:
            return float("inf")
        return self._latest + (0.0 if self._messages >= self._collect.messages else self._collect.quiet)

    def gathered(self) -> list[Transaction]:
        """What is left of the open window."""
        return list(self._window.values())

    def drain(self) -> list[Transaction]:
        """Close the window: what is left of it to write, and begin a new one."""
        gathered = self.gathered()
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
