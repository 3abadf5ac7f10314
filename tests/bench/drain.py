"""After an outage of the index: what waits in many lanes goes out, and a booking made meanwhile too.

The index takes one call at a time, each 0.1 s, which is what the national one was measured at. So the calls' own time
is their number by 0.1 s, and what the drain took longer than that is the relay's.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import text

from relay.database import reading
from relay.demo.postgres import Postgres
from relay.demo.throwaway import free_port
from tests.bench.database import Site
from tests.bench.index import Index, stub
from tests.bench.parts import await_
from tests.bench.relayed import outbox_name, running

LANES: Final = 20
OWN: Final = 0.1  # seconds of a call
AGAIN: Final = 2  # seconds that a lane rests after a failed call here; R-35 has 300
EVERY: Final = 0.2  # seconds between two live bookings
PATIENCE: Final = 900


class Drained(NamedTuple):
    """What was measured. `ratio`: the seconds from the first call's beginning to the last one's end by the calls' own
    time. Delays are from a booking's commit until its post was recorded as accepted, while the rest went out."""

    posts: int
    calls: int
    seconds: float
    ratio: float
    live_rows: int
    live_p50: float
    live_p99: float


def measure(server: Postgres, posts: int, folder: Path) -> Drained:
    """So many posts in LANES lanes; live bookings of one source more. Raises NotInTimeError."""
    site = Site(server, "drain")
    tables = [outbox_name(number) for number in range(LANES + 1)]
    site.prepare(tables)
    each = posts // LANES
    for table in tables[1:]:
        site.fill(each, table=table)
    port = free_port()
    absent = Index(f"http://127.0.0.1:{port}/Update", list, lambda: None)
    with running(site, absent, LANES + 1, folder, wake_up=True, again=AGAIN):
        print("… drain: the index is away, the rows are taken", file=sys.stderr, flush=True)
        await_("posts that wait", lambda: _pending(site) >= each * LANES, PATIENCE)
        print("… drain: it is back", file=sys.stderr, flush=True)
        with stub(folder, port, OWN, "one-at-a-time") as index, _booking(site) as booked:
            first, last, calls = index.await_span(each * LANES, PATIENCE)
            number = booked()
            index.await_posts(each * LANES + number, PATIENCE)
            time.sleep(1)  # the last call is accepted; until it is recorded, too
    seconds = last - first + OWN
    delays = site.delays()
    return Drained(
        each * LANES, calls, seconds, seconds / (calls * OWN), number, delays[len(delays) // 2],
        delays[len(delays) * 99 // 100],
    )  # fmt: skip


def _pending(site: Site) -> int:
    with reading(site.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM ei_post WHERE wanted <> known")).scalar_one())


@contextmanager
def _booking(site: Site) -> Iterator[Callable[[], int]]:
    """Bookings of the first source, one after another, until told to stop; gives what stops it and says how many."""
    stop, number = threading.Event(), 0

    def book() -> None:
        nonlocal number
        while not stop.wait(EVERY):
            site.book(number)
            number += 1

    thread = threading.Thread(target=book)
    thread.start()

    def stopped() -> int:
        stop.set()
        thread.join()
        return number

    try:
        yield stopped
    finally:
        stopped()
