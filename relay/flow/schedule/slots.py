"""How much one process takes on at once.

Two rules keep one party's trouble its own. A source or lane is worked on once at a time in a process: a wake-up that
comes again while a slow outbox is being read is dropped, not queued behind it; whoever is at it is told that it came
(`asked_again`), and may look once more. And a party may hold only its share of the threads: an index that hangs
leaves some free for the other indexes and for intake, a database server that hangs leaves most for the other
outboxes, however many lie on it. An outbox whose party's share is used waits a moment, for a healthy one is read in
milliseconds, and is then dropped too: it comes again at the next tick. A party that let one wait in vain keeps no other
waiting, until one of its own is done: hundreds of moments a second would be all the threads there are. A lane that is
turned away because its index's share is used is remembered (`turned_away`), for whoever ends a call to wake it
before ringing for itself: else the lanes that came first would keep the share until they have nothing more to send.
Of an index's share, lanes that are failing or blocked get at most half, and blocked ones at most half of that: however
many they are and however long their calls hang, lanes that are known to work go on beside them. They are not
remembered: the schedule asks again.

What this does not bound: several servers that begin to hang in the same second may hold all threads between them,
until the first of them are given up (`relay.sessions.Bounds`). From then on they are in doubt, and one party.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

FAILING: Final = "failing"  # what is the matter with a lane, as messages say it
BLOCKED: Final = "blocked"

MOMENT_SECONDS: Final = 0.1  # that an intake waits for its share
AT_A_STRETCH: Final = 10  # batches of one outbox that nobody else waits for, until others that came have their turn


class Slots:
    """The work that is being done in this process, by party."""

    def __init__(self, threads: int, indexes: int) -> None:
        self._index_share = max(threads // (indexes + 1), 1)  # one share for each index and one for everything else
        self._troubled_share = {FAILING: max(self._index_share // 2, 1), BLOCKED: max(self._index_share // 4, 1)}
        self._outbox_share = max(threads // 4, 1)
        self._threads = threads
        self._busy: set[str] = set()
        self._refused: set[str] = set()
        self._held: Counter[str] = Counter()
        self._turned_away: defaultdict[str, dict[str, None]] = defaultdict(dict)  # by party, the first one first
        self._waiting: Counter[str] = Counter()  # those that wait a moment for their share, by party
        self._stuck: set[str] = set()  # parties that let one wait in vain, and nothing of theirs was done since
        self._changed = Condition()

    @contextmanager
    def on(self, what: str, index: str | None = None, trouble: str | None = None) -> Iterator[bool]:
        """Within it `what` is being worked on; it gives False where it already was, or its index's share is used, or
        that of the lanes with this `trouble` (FAILING, BLOCKED)."""
        party = None if index is None else _party_of(index)
        if party is None or trouble is None:
            with self._working(what, party, self._index_share, 0.0) as free:
                yield free
            return
        with self._changed:
            free = what not in self._busy and self._has_room(party, trouble)
            if free:
                self._busy.add(what)
                self._count(party, trouble, 1)
        try:
            yield free
        finally:
            if free:
                with self._changed:
                    self._busy.discard(what)
                    self._count(party, trouble, -1)
                    self._changed.notify_all()

    def _has_room(self, party: str, trouble: str) -> bool:
        """An index whose share is a single thread lends it to none of them: they get one beside it."""
        held = self._held[f"{party} {trouble}"]
        both = self._held[f"{party} {FAILING}"] + self._held[f"{party} {BLOCKED}"]
        room = self._index_share == 1 or self._held[party] < self._index_share
        return room and held < self._troubled_share[trouble] and both < self._troubled_share[FAILING]

    def _count(self, party: str, trouble: str, change: int) -> None:
        self._held[f"{party} {trouble}"] += change
        if self._index_share > 1:
            self._held[party] += change

    @contextmanager
    def on_outbox(self, source: str, party: str) -> Iterator[bool]:
        """The same for a source's outbox, which shares with the others of its party (`Relay.party_of`)."""
        with self._working(source, party, self._outbox_share, MOMENT_SECONDS) as free:
            yield free

    def asked_again(self, what: str) -> bool:
        """Whether `what` was asked for while it was last worked on; told once."""
        with self._changed:
            asked = what in self._refused
            self._refused.discard(what)
            return asked

    def has_room_beside(self, party: str) -> bool:
        """Whether who holds some of what a party's outboxes may hold keeps nobody from work by going on: nobody waits
        for it, or did in vain since one of them was done, and half of all threads have nothing to do."""
        with self._changed:
            is_waited_for = self._waiting[party] or party in self._stuck
            return not is_waited_for and 2 * len(self._busy) <= self._threads

    def turned_away(self, index: str) -> str | None:
        """What was refused longest ago because the index's share was used, and was not begun since; told once."""
        with self._changed:
            waits = self._turned_away[_party_of(index)]
            first = next(iter(waits), None)
            if first is not None:
                del waits[first]
            return first

    def to_wake(self, what: str, index: str, *, more: bool) -> list[str]:
        """For what whoever has ended `what`, a step on that index, is to wake: who was turned away, and then for
        itself, where it has `more` to do or was hinted at meanwhile."""
        other = self.turned_away(index)
        others = [] if other is None else [other]
        return [*others, what] if more or self.asked_again(what) else others

    def give_way(self, what: str, index: str) -> None:
        """Have `what` wait behind those that were turned away: the end of another step on that index wakes it."""
        with self._changed:
            self._turned_away[_party_of(index)][what] = None

    @contextmanager
    def _working(self, what: str, party: str | None, share: int, wait: float) -> Iterator[bool]:
        with self._changed:
            free = self._begin(what, party, share, wait)
        try:
            yield free
        finally:
            if free:
                with self._changed:
                    self._busy.discard(what)
                    if party is not None:
                        self._held[party] -= 1
                        self._stuck.discard(party)
                    self._changed.notify_all()

    def _begin(self, what: str, party: str | None, share: int, wait: float) -> bool:
        if what in self._busy:
            self._refused.add(what)
            return False
        self._busy.add(what)  # before the wait: the same wake-up again does not wait beside it
        if party is not None:
            patience = 0.0 if party in self._stuck else wait
            self._waiting[party] += 1
            has_room = self._changed.wait_for(lambda: self._held[party] < share, patience)
            self._waiting[party] -= 1
            if not has_room:
                self._stuck.add(party)
                self._turned_away[party][what] = None
                self._busy.discard(what)
                return False
            self._held[party] += 1
            self._turned_away[party].pop(what, None)
        self._refused.discard(what)
        return True


def _party_of(index: str) -> str:
    return f"index {index}"
