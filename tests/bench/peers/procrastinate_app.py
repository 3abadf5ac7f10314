"""procrastinate: a job for each row. Its documentation has `lock` for what must go in sequence (BENCH_LOCK); without it
as many at once as the worker is told.

    python -m tests.bench.peers.procrastinate_app schema            make its tables
    python -m tests.bench.peers.procrastinate_app announce 1 1000   a job for each of these rows
    python -m tests.bench.peers.procrastinate_app worker
"""

from __future__ import annotations

import os
import sys
import threading

import procrastinate

from tests.bench.peers.sending import connection, send

AT_ONCE = 8
_URL = os.environ["BENCH_DATABASE"].replace("postgresql+psycopg:", "postgresql:")
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=_URL))
_own = threading.local()


@app.task(queue="rows", lock="engagementindex" if os.environ.get("BENCH_LOCK") else None)
def send_row(row_id: int) -> None:
    """Send one row; runs in a thread, of which each has a connection."""
    if not hasattr(_own, "outbox"):
        _own.outbox = connection()
    send(_own.outbox, [row_id])


def main(what: str, *ids: str) -> None:
    """One of the three."""
    if what == "worker":
        app.run_worker(queues=["rows"], concurrency=AT_ONCE)
        return
    with app.open():
        if what == "schema":
            app.schema_manager.apply_schema()
        else:
            first, last = map(int, ids)
            send_row.batch_defer(*({"row_id": row_id} for row_id in range(first, last + 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
