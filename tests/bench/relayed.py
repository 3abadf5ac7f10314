"""The relay for real: Celery workers and beat, a backlog, then a steady trickle, then nothing to do."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from relay.demo.valkey import Valkey
from tests.bench.database import Site
from tests.bench.index import ROUNDS, Accepted, Index, middle
from tests.bench.parts import process, resident_mib

PER_SECOND = 50  # live bookings: a large region at its busiest hour
SOURCE_SYSTEM = "SE2321000016-84GX"
LOGICAL_ADDRESS = "5565594230"
DATA_CONTROLLER = "SE232100-0016"


class Relayed(NamedTuple):
    """What was measured. Delays are seconds, memory is MiB."""

    backlog: Accepted
    statements_per_row: float
    wal_per_row: float
    live_rows: int
    delay_p50: float
    delay_p99: float
    idle_statements: float  # a second
    worker_mib: float | None
    beat_mib: float | None


def configuration(database_url: str, broker_url: str, index_url: str) -> str:
    """The relay's configuration as TOML: one source, one lane, every other setting as it comes."""
    return f"""
        environment = "qa"
        database_url = "{database_url}"
        broker_url = "{broker_url}"
        poll_interval = "1s"
        log_level = "WARNING"

        [engagement_index.bench]
        url = "{index_url}"
        logical_address = "{LOGICAL_ADDRESS}"

        [[source]]
        name = "bench"
        source_systems = ["{SOURCE_SYSTEM}"]
        data_controller = "{DATA_CONTROLLER}"
        engagement_index = "bench"
        test_residents = "*"
        """


def measure(site: Site, index: Index, rows: int, live: int, idle: int, folder: Path) -> Relayed:
    """Relay backlogs of `rows`, the first of them there already, then a trickle for `live` seconds, then nothing."""
    with ExitStack() as parts:
        valkey = parts.enter_context(Valkey())
        config = folder / "relay.toml"
        config.write_text(configuration(site.url, valkey.url, index.url))
        before = site.work()
        index.forget()
        env = {"EI_RELAY_CONFIG": str(config)}
        worker = parts.enter_context(process(folder / "worker.log", "celery", "-A", "workers", "worker", **env))
        beat = parts.enter_context(process(folder / "beat.log", "celery", "-A", "workers", "beat", **env))
        backlogs = [index.await_posts(rows, 120)]
        work = site.work().since(before)
        for number in range(1, ROUNDS):
            index.forget()
            site.fill(rows, first=1 + number * rows)
            backlogs.append(index.await_posts(rows, 120))
        live_rows = _trickle(site, index, live)
        delays = site.delays()
        before = site.work()
        time.sleep(idle)
        idle_work = site.work().since(before)
        return Relayed(
            backlog=middle(backlogs),
            statements_per_row=work.statements / rows,
            wal_per_row=work.wal / rows,
            live_rows=live_rows,
            delay_p50=delays[len(delays) // 2],
            delay_p99=delays[len(delays) * 99 // 100],
            idle_statements=idle_work.statements / idle,
            worker_mib=resident_mib(worker.pid),
            beat_mib=resident_mib(beat.pid),
        )


def _trickle(site: Site, index: Index, seconds: int) -> int:
    """Write bookings at a steady rate, each when it is due and not when the one before it is done."""
    index.forget()
    number = PER_SECOND * seconds
    begin = time.monotonic()
    wait = threading.Event().wait
    for i in range(number):
        wait(max(begin + i / PER_SECOND - time.monotonic(), 0))
        site.book(i)
    index.await_posts(number, 30)
    wait(1)  # the last call is accepted; until it is recorded, too
    return number
