"""What came of trying something that a configuration names: gathered piece by piece, told in one line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Trial:
    """One attempt, as far as it came. It failed where anything is `wrong`; `doubts` do no harm today."""

    account: str = ""  # as whom it was tried, as the other side says it
    did: list[str] = field(default_factory=list)  # what was tried, and how it went
    wrong: list[str] = field(default_factory=list)  # each with what to do
    doubts: list[str] = field(default_factory=list)
