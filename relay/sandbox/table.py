"""The index's table: a row for each identity, who is told when one changes, and copies of it to go back to.

A row is identified by a digest of the key's fields written one after the other, without separators. So two keys
whose texts together are the same are one row to the index: the first one's fields stay, the last one's time stands,
and the delete of either removes it. Here the text itself stands for its digest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from relay.sandbox.model import Key, Transaction

Notification = Literal["new", "changed", "deleted"]
Event = Literal["missing", "colliding"]
"""A delete of a post that is not there; a key that is the same text as another key's."""


class Row(NamedTuple):
    """A post as it is stored."""

    key: Key
    content: str | None


class Table:
    """Rows by identity. Whoever uses it from several threads holds a lock around it."""

    def __init__(self, owner: str, tell: Callable[[Event, Transaction], None] = lambda _event, _post: None) -> None:
        """An empty table of the index that `owner` names. `tell` is called with what a sender did not mean."""
        self._owner = owner
        self._tell = tell
        self._rows: dict[str, Row] = {}
        self.notified: Counter[Notification] = Counter()
        self.notified_of: Counter[Key] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def posts(self) -> dict[Key, str | None]:
        """Every post's mostRecentContent by its key, the oldest row first."""
        return dict(self._rows.values())

    def apply(self, transactions: Iterable[Transaction]) -> None:
        """Write one message: deletes before saves, each identity once.

        Subscribers are notified of a new post, of another mostRecentContent, and of every delete, also of a post that
        is not there; of a post that is repeated as it was, nobody.
        """
        saves: list[Transaction] = []
        for transaction in transactions:
            if not transaction.delete:
                saves.append(transaction)
                continue
            row = self._rows.pop(self._identity(transaction.key), None)
            if row is None:
                self._tell("missing", transaction)
            elif row.key != transaction.key:
                self._tell("colliding", transaction)
            self._notify("deleted", row.key if row else transaction.key)
        for transaction in saves:
            identity = self._identity(transaction.key)
            row = self._rows.get(identity)
            if row is not None and row.key != transaction.key:
                self._tell("colliding", transaction)
            if row is None:
                self._rows[identity] = Row(transaction.key, transaction.content)
                self._notify("new", transaction.key)
            elif row.content != transaction.content:
                self._rows[identity] = Row(row.key, transaction.content)
                self._notify("changed", row.key)

    def copy(self) -> dict[str, Row]:
        """The rows as they are now, for `restore`."""
        return dict(self._rows)

    def restore(self, copy: dict[str, Row]) -> list[Row]:
        """Hold what a copy held, and nothing else: the rows that were lost by it, or went back to another time."""
        lost = [row for identity, row in self._rows.items() if copy.get(identity) != row]
        self._rows = dict(copy)
        return lost

    def _identity(self, key: Key) -> str:
        return key.text(self._owner)

    def _notify(self, kind: Notification, key: Key) -> None:
        self.notified[kind] += 1
        self.notified_of[key] += 1
