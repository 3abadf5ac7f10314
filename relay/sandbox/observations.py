"""What is no breach of a rule and still worth knowing of a sender: counted and shown, by kind.

single    a call of few enough posts to be gathered in memory, where a back end that dies loses them
missing   a delete of a post that is not there: subscribers are notified of it all the same
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, Literal

from relay.sandbox.referee import HISTORY

Kind = Literal["single", "missing"]


class Observations:
    """Whoever uses it from several threads holds a lock around it."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.noted: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self.counts: Counter[Kind] = Counter()

    def note(self, kind: Kind, at: float, source_system: str, text: str) -> None:
        """Count one and keep it; `text` holds no resident."""
        self.counts[kind] += 1
        self.noted.append({"kind": kind, "at": at, "source_system": source_system, "text": text})
