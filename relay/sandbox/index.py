"""The index proper: takes calls, applies them, counts whom it would notify, and finds posts again.

No HTTP, no threads and no clock of its own; whoever uses it from several threads holds a lock around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from relay.sandbox.collector import Collect, Collector
from relay.sandbox.contract import CONTENT, KEY_FIELDS, OWNER
from relay.sandbox.model import Key, Refusal, Transaction, Update
from relay.sandbox.validation import Ownership, refusal

Notification = Literal["new", "changed", "deleted"]


class Index:
    """What is held as of `now()`: a collect window that has fallen due counts as written."""

    def __init__(self, own: Ownership, collect: Collect | None, now: Callable[[], float]) -> None:
        """An empty index. Without `collect`, every accepted call is applied at once."""
        self.own = own
        self._now = now
        self._collector = Collector(collect) if collect else None
        self._posts: dict[Key, str | None] = {}
        self.notified: Counter[Notification] = Counter()
        self.notified_of: Counter[Key] = Counter()

    def take(self, update: Update) -> Refusal | None:
        """Accept a call into the queues, or say why not. None means OK, and OK means queued."""
        if problem := refusal(update, self.own):
            return problem
        self._write_due()
        if self._collector and len(update.transactions) == 1:
            self._collector.add(update.transactions[0], self._now())
            self._write_due()  # the message may have filled the window
        else:
            self._apply(update.transactions)
        return None

    @property
    def posts(self) -> dict[Key, str | None]:
        """Every post's mostRecentContent by its key. A live view: copy it before time passes."""
        self._write_due()
        return self._posts

    @property
    def waiting(self) -> int:
        """How many messages wait in the collect queue."""
        self._write_due()
        return self._collector.waiting if self._collector else 0

    @property
    def dropped(self) -> int:
        """How many accepted messages the collect queue has thrown away."""
        return self._collector.dropped if self._collector else 0

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

    def forget(self) -> None:
        """Lose what the collect queue holds now, as a back end that is killed does."""
        self._write_due()
        if self._collector:
            self._collector.drain()

    def restore(self, table: Mapping[Key, str | None]) -> None:
        """Hold what an earlier copy of the table says, and nothing else."""
        self._write_due()
        self._posts = dict(table)

    def settle(self) -> None:
        """Write what the collect queue holds now, without waiting for quiet."""
        if self._collector:
            self._apply(self._collector.drain())

    def _write_due(self) -> None:
        """Do what the back end would have done by now.

        To look only when somebody calls or asks is as good as a thread that waits: nothing else changes a
        post, and a window that fell due is always written before what came after it.
        """
        if self._collector and self._collector.due(self._now()):
            self._apply(self._collector.drain())

    def _apply(self, transactions: Iterable[Transaction]) -> None:
        """Write one call or one window: deletes before saves; keys are unique, so no other order matters."""
        saves: list[Transaction] = []
        for transaction in transactions:
            if not transaction.delete:
                saves.append(transaction)
            elif transaction.key in self._posts:  # a delete of what is not there is OK and does nothing
                del self._posts[transaction.key]
                self._notify("deleted", transaction.key)
        for key, _, content in saves:
            if key not in self._posts:
                self._notify("new", key)
            elif self._posts[key] != content:
                self._notify("changed", key)
            self._posts[key] = content

    def _notify(self, kind: Notification, key: Key) -> None:
        self.notified[kind] += 1
        self.notified_of[key] += 1
