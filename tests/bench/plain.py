"""The plain way, measured: how fast it is with several processes, and one call at a time, which R-31 asks for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from celery import Celery

from relay.demo.valkey import Valkey
from tests.bench.database import Site
from tests.bench.index import Accepted, Index
from tests.bench.parts import process

PROCESSES = 8


class Plain(NamedTuple):
    """What was measured."""

    parallel: Accepted
    in_sequence: Accepted


def measure(site: Site, index: Index, rows: int, folder: Path) -> Plain:
    """Send `rows` of a filled site with PROCESSES calls at once, then a tenth as many in sequence."""
    few = max(rows // 10, 10)
    return Plain(
        _send(site, index, range(1, rows + 1), PROCESSES, folder),
        _send(site, index, range(rows + 1, rows + few + 1), 1, folder),
    )


def _send(site: Site, index: Index, ids: range, processes: int, folder: Path) -> Accepted:
    with Valkey() as valkey:
        producer = Celery(broker=valkey.url)
        for row_id in ids:
            producer.send_task("plain.send", (row_id,), ignore_result=True)
        producer.close()
        index.forget()
        env = {"BENCH_BROKER": valkey.url, "BENCH_INDEX": index.url, "BENCH_DATABASE": site.url}
        worker = ("-A", "tests.bench.plain_app", "worker", "--concurrency", str(processes), "--loglevel", "WARNING")
        with process(folder / "plain.log", "celery", *worker, **env):
            return index.await_posts(len(ids), 120)
