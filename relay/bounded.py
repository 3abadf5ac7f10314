"""PostgreSQL connections that give up on a server which does not answer.

`statement_timeout` is the server's promise, and a server that hangs keeps none: a frozen process, a stuck disk, a
firewall that forgot the connection. So the client counts too, a little longer than the server.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors

T = TypeVar("T")

_LOOK_SECONDS: Final = 0.5  # how often a silent connection is looked at


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no wait is longer than `bound_seconds`; after one that is, it is closed."""

    bound_seconds: float = 35.0

    def wait(self, gen: Generator[Any, Any, T], interval: float = _LOOK_SECONDS, timeout: float | None = None) -> T:
        """As psycopg's, with a time-out where it has none. Raises psycopg.OperationalError."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.bound_seconds)
        except errors._WaitTimeout:
            self.pgconn.finish()  # what would still come over it answers a statement nobody waits for
            raise psycopg.OperationalError(f"no answer within {self.bound_seconds:.0f} s") from None
