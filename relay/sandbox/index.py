"""The index proper: takes calls or says why not, hands them to its back end, and finds posts again.

No HTTP, no threads and no clock of its own; whoever uses it from several threads holds a lock around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from relay.sandbox.backend import BackEnd, Pace
from relay.sandbox.collector import Collect
from relay.sandbox.contract import CONTENT, KEY_FIELDS, OWNER
from relay.sandbox.dates import read_time
from relay.sandbox.model import Key, Refusal, Transaction, Update
from relay.sandbox.table import Event, Notification, Table
from relay.sandbox.validation import Ownership, refusal

_DIGITS: Final = 14  # of a time as it should be written, and is stored


class Index:
    """What is held as of `now()`: what the back end would have done by now counts as done."""

    def __init__(
        self,
        own: Ownership,
        collect: Collect | None,
        now: Callable[[], float],
        pace: Pace | None = None,
        tell: Callable[[Event, Transaction], None] = lambda _event, _post: None,
    ) -> None:
        """An empty index. Without `collect` and `pace`, every accepted call is applied at once."""
        self.own = own
        self._now = now
        self.table = Table(own.owner, tell)
        self._back_end = BackEnd(self.table, collect, pace or Pace())

    def take(self, update: Update, again: float | None = None) -> Refusal | None:
        """Accept a call into the queues, or say why not. None means OK, and OK means queued.

        `again`: the platform delivers the same call once more so many seconds later.
        """
        if problem := refusal(update, self.own):
            return problem
        self._back_end.take(tuple(map(_as_stored, update.transactions)), self._now(), again)
        return None

    @property
    def back_end(self) -> BackEnd:
        """The back end as it is by now."""
        self._back_end.advance(self._now())
        return self._back_end

    @property
    def posts(self) -> dict[Key, str | None]:
        """Every post's mostRecentContent by its key."""
        self._back_end.advance(self._now())
        return self.table.posts()

    @property
    def notified(self) -> Counter[Notification]:
        """How often subscribers were told, by what of."""
        self._back_end.advance(self._now())
        return self.table.notified

    @property
    def notified_of(self) -> Counter[Key]:
        """How often subscribers were told, by post."""
        return self.table.notified_of

    @property
    def waiting(self) -> int:
        """How many messages wait in the collect queue."""
        return self.back_end.waiting

    @property
    def dropped(self) -> int:
        """How many accepted messages the collect queue has thrown away."""
        return self._back_end.dropped

    def find(self, criteria: Mapping[str, str]) -> list[tuple[Key, str | None]]:
        """FindContent: posts that equal every criterion; mostRecentContent asks for that time or later."""
        if criteria.get(OWNER, self.own.owner) != self.own.owner:
            return []
        wanted = [(at, criteria[name]) for at, name in enumerate(KEY_FIELDS) if name in criteria]
        since = criteria.get(CONTENT, "")
        return [
            (key, content)
            for key, content in self.posts.items()
            if all(key[at] == value for at, value in wanted) and (content or "") >= since
        ]

    def settle(self) -> None:
        """Do what the back end has left to do now, without waiting."""
        self._back_end.settle(self._now())


def _as_stored(transaction: Transaction) -> Transaction:
    """With its time as the table holds it, however it was written."""
    content = transaction.content
    if content is None or (len(content) == _DIGITS and content.isascii() and content.isdecimal()):
        return transaction
    return transaction._replace(content=read_time(content), extra={})
