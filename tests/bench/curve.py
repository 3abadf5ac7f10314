"""What a backlog costs as things grow: the sources that have it, the posts of a call, and the posts that are there.

Each point is a database, a worker and beat of its own. One is varied, the others stay: one source, calls of 1000, an
empty database. Statements of a row are the server's count from the first row to the last call's end, ticks included.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from relay.demo.postgres import Postgres
from tests.bench.database import Site
from tests.bench.index import Index
from tests.bench.parts import await_
from tests.bench.relayed import outbox_name, running
from tests.grown import grow, settle

SOURCES: Final = (1, 4, 16, 64)
CALLS: Final = (10, 100, 1000)
THERE: Final = (10_000, 1_000_000)
EACH: Final = 1000  # rows of a source at least: a whole call
SMALL_CALLS: Final = 100  # calls that are enough to know the rate of small ones
PATIENCE: Final = 600


class Point(NamedTuple):
    """One measurement: `at` so many of `what`."""

    what: str
    at: int
    rate: float
    statements: float


def measure(server: Postgres, index: Index, rows: int, there: Sequence[int], folder: Path) -> list[Point]:
    """Every point of the three curves; `there`: how many posts an older database has. Raises NotInTimeError."""
    names = (f"curve{number}" for number in count())

    def point(what: str, at: int, **how: int) -> Point:
        print(f"… curve: {at} {what}", file=sys.stderr, flush=True)
        return _point(server, index, next(names), what, at, folder, **how)

    return [
        *(point("sources", at, rows=max(rows, at * EACH), sources=at) for at in SOURCES),
        *(point("posts a call", at, rows=min(rows, at * SMALL_CALLS), most=at) for at in CALLS),
        *(point("posts there", at, rows=rows, there=at) for at in there),
    ]


def _point(
    server: Postgres, index: Index, name: str, what: str, at: int, folder: Path, *,
    rows: int, sources: int = 1, most: int | None = None, there: int = 0,
) -> Point:  # fmt: skip
    site = Site(server, name)
    tables = [outbox_name(number) for number in range(sources)]
    site.prepare(tables)
    if there:
        grow(site.engine, there)
        settle(site.engine)
    index.forget()
    with running(site, index, sources, folder, wake_up=True, most=most):
        await_("every outbox looked at", lambda: site.lanes() >= sources, 120)
        before = site.work()
        for table in tables:
            site.fill(rows // sources, table=table)
        accepted = index.await_posts(rows // sources * sources, PATIENCE)
        done = site.work().since(before)
    site.drop(server)
    return Point(what, at, accepted.rate, done.statements / accepted.posts)
