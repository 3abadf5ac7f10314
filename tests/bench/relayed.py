"""The relay for real: Celery workers and beat, a backlog, then a steady trickle, then nothing to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from relay.demo.valkey import Valkey
from relay.outbox.table import DEFAULT_NAME
from tests.bench.database import Site
from tests.bench.index import ROUNDS, Accepted, Index, middle
from tests.bench.names import DATA_CONTROLLER, LOGICAL_ADDRESS, SOURCE_SYSTEM
from tests.bench.parts import await_, cpu_seconds, process, resident_mib
from tests.bench.revision import THIS, Program

PER_SECOND = 50  # live bookings: a large region at its busiest hour
MANY = 50  # sources of one configuration: all booking systems of a large region
WARM_UP = 5  # seconds, for connections and prepared statements
SETTLED = 20  # seconds until many sources have asked all that they ask at start only
_GUARD_OFF = """
        [surge_guard]
        enabled = false
        """


class Idle(NamedTuple):
    """What nothing to do costs: in the database, and of the worker that finds that out every poll interval."""

    sources: int
    statements: float  # a second
    cpu: float | None  # per cent of a core
    worker_mib: float | None


class Relayed(NamedTuple):
    """What was measured. Delays are seconds, memory is MiB."""

    backlog: Accepted
    statements_per_row: float
    wal_per_row: float
    live_rows: int
    delay_p50: float
    delay_p99: float
    idle: Idle
    beat_mib: float | None


class Polled(NamedTuple):
    """The same live bookings where the database does not notify of new rows. Delays are seconds."""

    live_rows: int
    delay_p50: float
    delay_p99: float


def configuration(
    database_url: str,
    broker_url: str,
    index_url: str,
    sources: int = 1,
    guard: bool = True,
    wake_up: bool = False,
    spacing: int | None = None,
    most: int | None = None,
    again: int | None = None,
) -> str:
    """The relay's configuration as TOML: each source has one lane; every other setting as it comes.

    But for the surge guard, which is off: it would hold back bookings that are all of one resident. `guard` is False
    for a revision that has none, and so no such setting. `wake_up` has the outboxes tell of new rows.
    `spacing`: seconds between two sends of a key; `most` posts a call; `again`: seconds after which a failed call is
    repeated; None: as they come.
    """
    return (
        f"""
        environment = "qa"
        database_url = "{database_url}"
        broker_url = "{broker_url}"
        poll_interval = "1s"
        log_level = "WARNING"

        [engagement_index.bench]
        url = "{index_url}"
        logical_address = "{LOGICAL_ADDRESS}"
        """
        + (f'key_spacing = "{spacing}s"\n' if spacing is not None else "")
        + (f"max_posts_per_call = {most}\n" if most is not None else "")
        + (f'retry_after_fault = "{again}s"\nretry_after_fault_max = "{again}s"\n' if again is not None else "")
        + (_GUARD_OFF if guard else "")
        + "".join(_source(number) + ("wake_up = true\n" if wake_up else "") for number in range(sources))
    )


def outbox_name(number: int) -> str:
    """The outbox table of a source; the first has the usual one."""
    return f"{DEFAULT_NAME}_{number}" if number else DEFAULT_NAME


def _source(number: int) -> str:
    return f"""
        [[source]]
        name = "bench{number or ""}"
        source_systems = ["{SOURCE_SYSTEM}{number or ""}"]
        data_controller = "{DATA_CONTROLLER}"
        engagement_index = "bench"
        outbox_table = "{outbox_name(number)}"
        test_residents = "*"
        """


def measure(site: Site, index: Index, rows: int, live: int, idle: int, folder: Path) -> Relayed:
    """Relay backlogs of `rows`, the first of them there already, then a trickle for `live` seconds, then nothing."""
    before = site.work()
    index.forget()
    with running(site, index, 1, folder, wake_up=True) as (worker, beat):
        backlogs = [index.await_posts(rows, 120)]
        work = site.work().since(before)
        for number in range(1, ROUNDS):
            index.forget()
            site.fill(rows, first=1 + number * rows)
            backlogs.append(index.await_posts(rows, 120))
        live_rows = _trickle(site, index, live)
        delays = site.delays()
        return Relayed(
            backlog=middle(backlogs),
            statements_per_row=work.statements / rows,
            wal_per_row=work.wal / rows,
            live_rows=live_rows,
            delay_p50=delays[len(delays) // 2],
            delay_p99=delays[len(delays) * 99 // 100],
            idle=_idle(site, 1, worker, idle),
            beat_mib=resident_mib(beat.pid),
        )


def measure_polled(site: Site, index: Index, live: int, folder: Path) -> Polled:
    """The trickle once more, with outboxes that are only polled."""
    with running(site, index, 1, folder):
        await_("every outbox looked at", lambda: site.lanes() == 1)
        time.sleep(WARM_UP)
        rows = _trickle(site, index, live)
        delays = site.delays()
        return Polled(rows, delays[len(delays) // 2], delays[len(delays) * 99 // 100])


def measure_alone(site: Site, index: Index, folder: Path) -> float | None:
    """The memory of `ei-relay run` with nothing to do, in MiB."""
    config = folder / f"relay-{site.name}.toml"
    config.write_text(configuration(site.url, "redis://unused", index.url))
    environment = {"EI_RELAY_CONFIG": str(config), "EI_RELAY_WORKER_METRICS_PORT": "0"}
    with process(folder / f"run-{site.name}.log", "relay", "run", **environment) as alone:
        await_("every outbox looked at", lambda: site.lanes() == 1)
        time.sleep(WARM_UP)
        return resident_mib(alone.pid)


def measure_idle(site: Site, index: Index, sources: int, seconds: int, folder: Path) -> Idle:
    """Workers and beat for so many sources whose outboxes are empty, all in the relay's own database."""
    with running(site, index, sources, folder, wake_up=True) as (worker, _):
        await_("every outbox looked at", lambda: site.lanes() == sources)
        time.sleep(SETTLED)
        return _idle(site, sources, worker, seconds)


@contextmanager
def running(
    site: Site,
    index: Index,
    sources: int,
    folder: Path,
    program: Program = THIS,
    guard: bool = True,
    wake_up: bool = False,
    spacing: int | None = None,
    most: int | None = None,
    again: int | None = None,
) -> Iterator[tuple[Popen[bytes], Popen[bytes]]]:
    """A worker and beat of a program, and a broker for them."""
    config = folder / f"relay-{site.name}.toml"
    with Valkey() as valkey, ExitStack() as parts:
        config.write_text(configuration(site.url, valkey.url, index.url, sources, guard, wake_up, spacing, most, again))
        worker, beat = (
            parts.enter_context(
                process(
                    folder / f"{role}-{site.name}.log", "celery", "-A", "workers", role,
                    program=program, EI_RELAY_CONFIG=str(config),
                )
            )
            for role in ("worker", "beat")
        )  # fmt: skip
        yield worker, beat


def _idle(site: Site, sources: int, worker: Popen[bytes], seconds: int) -> Idle:
    work, cpu, begin = site.work(), cpu_seconds(worker.pid), time.monotonic()
    time.sleep(seconds)
    lasted = time.monotonic() - begin
    done, used = site.work().since(work), cpu_seconds(worker.pid)
    return Idle(
        sources=sources,
        statements=done.statements / lasted,
        cpu=None if cpu is None or used is None else (used - cpu) / lasted * 100,
        worker_mib=resident_mib(worker.pid),
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
