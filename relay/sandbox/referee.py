"""Watches the calls go by and notes each breach of the rules that a sender must keep.

Some breaches show in one call (see breaches.py); the rest lie between calls, and for those it keeps time:

    lane   free ──begin──▶ calling ──end──▶ free, but not before its pause is over if the call failed (R-35)
             a begin while calling is a call in parallel (R-31)
    key    may be sent again `key_spacing` after the end of the call that carried it (R-32)

A call ends when its answer is about to leave, or when the sender is seen to have gone: not later than the
sender itself can know, so one that keeps its pauses is not blamed for the time that the network takes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from relay.sandbox import breaches
from relay.sandbox.model import Key, Lane, Outcome, Refusal, Transaction, Update

HISTORY: Final = 10_000
"""How many breaches and calls are kept for reading; counts go on beyond it."""

TOLERANCE: Final = 0.05
"""Seconds forgiven: a sender that gives up knows it a moment before its closed connection is seen here."""

Breach = dict[str, Any]
_Note = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Which pauses the sender has been told to keep, in seconds; None: not watched."""

    key_spacing: float | None = None
    retry_after_fault: float | None = None


@dataclass(slots=True)
class _LaneState:
    calling: dict[int, frozenset[Key]] = field(default_factory=dict)  # by call number
    ended: float = float("-inf")
    not_before: float = float("-inf")


class Referee:
    """Whoever uses it from several threads holds a lock around it."""

    def __init__(self, limits: Limits) -> None:
        """Nothing seen yet."""
        self.limits = limits
        self.noted: deque[Breach] = deque(maxlen=HISTORY)
        self.counts: Counter[str] = Counter()
        self.max_parallel: Counter[str] = Counter()
        self._lanes: dict[Lane, _LaneState] = {}
        self._spelling: dict[tuple[str, str], str] = {}  # by source system and HSA-id, both in upper case
        self._key_ended: dict[Key, float] = {}

    def begin(self, number: int, started: float, headers: dict[str, str], update: Update) -> None:
        """A call has come in whole."""

        def note(rule: str, text: str) -> None:
            self._note(number, started, update, rule, text)

        for finding in (*breaches.in_headers(headers), *breaches.in_message(update)):
            note(*finding)
        if self.limits.key_spacing is not None:
            self._check_spacing(note, started, update)
        self._check_spelling(note, update)
        for lane in update.lanes():
            self._begin_lane(note, number, started, lane, update)

    def collided(self, at: float, post: Transaction) -> None:
        """The index holds another post under the same text."""
        booking = post.key.business_object_instance_identifier
        text = f"the key of booking {booking!r} at {post.key.logical_address} is the same text as another post's"
        self._note(0, at, Update(transactions=(post,)), "R-10", text)

    def refused(self, number: int, at: float, update: Update, refusal: Refusal) -> None:
        """The index has refused the call."""
        for rule, text in breaches.in_refusal(refusal):
            self._note(number, at, update, rule, text)

    def end(self, number: int, at: float, update: Update, outcome: Outcome, pause: float = 0.0) -> None:
        """The call is over. `pause`: what a Retry-After header asked for."""
        for lane in update.lanes():
            state = self._lanes.get(lane)
            if state is None:
                continue  # forgotten by a reset while the call went on
            state.calling.pop(number, None)
            state.ended = max(state.ended, at)
            if outcome == "failed" and self.limits.retry_after_fault is not None:
                state.not_before = max(state.not_before, at + max(self.limits.retry_after_fault, pause))
        if self.limits.key_spacing is not None and outcome != "content":  # refused for content: as if not sent
            for transaction in update.transactions:
                self._key_ended[transaction.key] = at

    def _begin_lane(self, note: _Note, number: int, started: float, lane: Lane, update: Update) -> None:
        state = self._lanes.setdefault(lane, _LaneState())
        if state.calling:
            note("R-31", f"call {number} began before call {max(state.calling)} had ended")
        elif started < state.ended - TOLERANCE:
            note("R-31", f"call {number} began {state.ended - started:.3f} s before the call ahead had ended")
        if started < state.not_before - TOLERANCE:
            note("R-35", f"{state.not_before - started:.3f} s too soon after a call that failed")
        watched = update.transactions if self.limits.key_spacing is not None else ()
        state.calling[number] = frozenset(t.key for t in watched)
        running = sum(len(other.calling) for at, other in self._lanes.items() if at.source_system == lane.source_system)
        self.max_parallel[lane.source_system] = max(self.max_parallel[lane.source_system], running)

    def _check_spacing(self, note: _Note, started: float, update: Update) -> None:
        spacing = self.limits.key_spacing or 0.0
        flying: set[Key] = set().union(*(keys for s in self._lanes.values() for keys in s.calling.values()))
        horizon = started - spacing + TOLERANCE
        early = [
            n
            for n, t in enumerate(update.transactions, 1)
            if self._key_ended.get(t.key, float("-inf")) > horizon or t.key in flying
        ]
        if early:
            note("R-32", f"a key sent again within {spacing:g} s, {breaches.which(early)}")

    def _check_spelling(self, note: _Note, update: Update) -> None:
        """R-08: an HSA-id that comes in another case than before makes another key of the same post."""
        spelt = {(t.key.source_system, t.key.logical_address, t.key.data_controller) for t in update.transactions}
        ids = {(triple[0].upper(), id_) for triple in spelt for id_ in triple}
        for system, id_ in sorted(ids):
            known = self._spelling.setdefault((system, id_.upper()), id_)
            if known != id_:
                self._spelling[system, id_.upper()] = id_
                note("R-08", f"{id_!r} was spelt {known!r} before")

    def _note(self, number: int, at: float, update: Update, rule: str, text: str) -> None:
        self.counts[rule] += 1
        self.noted.append(
            {"rule": rule, "call": number, "at": at, "source_system": source_systems(update), "text": text}
        )


def source_systems(update: Update) -> str:
    """Who sent a call: one source system, unless the sender mixes them."""
    return ", ".join(sorted({t.key.source_system for t in update.transactions}))
