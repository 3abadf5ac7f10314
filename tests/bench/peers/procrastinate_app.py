"""procrastinate: a job for each row. Its documentation has `lock` for what must go in sequence (BENCH_LOCK); without it
as many at once as the worker is told. Beside a lock one at a time is quickest: a worker that may take more, and finds
the lock held, looks again after its polling interval.

    python -m procrastinate --app tests.bench.peers.procrastinate_app.app schema --apply
    python -m procrastinate --app tests.bench.peers.procrastinate_app.app worker --concurrency 8
    python -m tests.bench.peers.procrastinate_app announce 1 1000   a job for each of these rows
"""

from __future__ import annotations

import os
import sys
import threading

import procrastinate

from tests.bench.peers.sending import connection, send

_URL = os.environ["BENCH_DATABASE"].replace("postgresql+psycopg:", "postgresql:")
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=_URL))
_own = threading.local()


@app.task(queue="rows", lock="engagementindex" if os.environ.get("BENCH_LOCK") else None)
def send_row(row_id: int) -> None:
    """Send one row; runs in a thread, of which each has a connection."""
    if not hasattr(_own, "outbox"):
        _own.outbox = connection()
    send(_own.outbox, [row_id])


if __name__ == "__main__":
    from tests.bench.peers import procrastinate_app as itself  # under its name, which is a part of the tasks'

    with itself.app.open():
        first, last = map(int, sys.argv[2:])
        itself.send_row.batch_defer(*({"row_id": row_id} for row_id in range(first, last + 1)))
