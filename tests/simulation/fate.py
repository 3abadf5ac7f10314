"""When a worker of the simulated world dies: right before or right after a commit or a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from relay.store.transaction import Store, Transaction

T = TypeVar("T")


class Crash(BaseException):
    """The worker is killed here: nothing after this happens in it."""


@dataclass
class Fate:
    """When the worker dies: at the n-th commit point from now; never, while it is None."""

    countdown: int | None = None
    points: int = 0

    def point(self) -> None:
        """A moment at which a kill makes a difference: before and after each commit and each call."""
        self.points += 1
        if self.countdown is not None:
            self.countdown -= 1
            if self.countdown <= 0:
                self.countdown = None
                raise Crash


class MortalStore(Store):
    """A store whose user can die right before or right after each commit."""

    def __init__(self, engine: Any, clock: Any, fate: Fate) -> None:
        super().__init__(engine, clock)
        self._fate = fate

    def transact(self, work: Callable[[Transaction], T], keep_trying: Callable[[], bool] = lambda: False) -> T:
        def mortal(tx: Transaction) -> T:
            result = work(tx)
            self._fate.point()
            return result

        result = super().transact(mortal, keep_trying)
        self._fate.point()
        return result
