"""The lease: how one worker at a time works for a lane, also when workers freeze and wake up.

A lease is two columns on the row it guards, `lease_token` and `lease_until`, and the database's clock.

    take      One UPDATE: where lease_until ≤ now, set token = token + 1 and lease_until = now + length.
              Of several workers one gets the row; the token tells its lease from every earlier one.
    write     Every transaction that ends a piece of work first touches the row "where token = mine". That
              locks the row until commit, and finds none where somebody else has taken it: then nothing of
              the transaction stands (LeaseLost).
    look      Right before the first byte of a call the worker looks at its own clock. It calls only if what
              is left of the lease is at least as long as the call can still take, which began with connecting.
    give back lease_until = now. Whoever dies instead leaves a lease that ends by itself.

        free ──take──▶ held ──give back──▶ free
          ▲              │
          └──time passes─┘   its token is dead from the next take on

Two clocks are at work, and neither can hurt. The database's clock alone decides who may take. The worker's
own clock (`steady_seconds`) only measures how much is left; it is read *before* the database's, so a worker
that freezes in between believes in less time than it has. It is a clock that goes on while the process is
stopped or the machine sleeps.

What no fence can close: a worker that is frozen after its last look and before its first byte has left, for
longer than the lease, sends that byte when it wakes. The index may then see two calls of one lane at a time.
Nothing of the late call is written down, and the keys it carried are held in doubt by whoever came after.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

# BOOTTIME also counts while a machine sleeps. Windows has neither
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class LeaseLost(Exception):
    """The lease ran out and somebody else has taken it; nothing more may be written under it."""


class LeaseTooShort(Exception):
    """What is left of the lease is shorter than the call can still take, so no call is made."""


def steady_seconds() -> float:
    """Seconds on a clock that never jumps and goes on while this process is stopped."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as its holder sees it: the fencing token, and its end on the holder's own clock."""

    token: int
    ends: float

    def lasts(self) -> bool:
        """Whether it is not over yet."""
        return self.ends > steady_seconds()

    def demand(self, seconds: float) -> None:
        """Raise LeaseTooShort unless at least `seconds` are left."""
        left = self.ends - steady_seconds()
        if left < seconds:
            raise LeaseTooShort(f"{max(left, 0):.1f} s are left of the lease, the call may take {seconds:.1f} s")


def lease_end(length: timedelta) -> float:
    """The end of a lease of `length` on our own clock; ask before the transaction that takes it begins."""
    return steady_seconds() + length.total_seconds()
