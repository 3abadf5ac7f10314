"""The plain way, as a Celery app: a task for each row, which reads it, calls the index with zeep, and marks it.

Written as one would who has a day for it, and fairly: one zeep client and one database connection a process, no
result backend, no logging. What it leaves out is what a relay is for: it sends a key as often as it changes,
calls in parallel for one source system, never asks what came of a call, and deletes nothing under the key that a
booking had before.

    python -m tests.bench.plain_app announce 1 1000   a task for each of these rows
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

import psycopg
from celery import Celery

from tests.bench.peers.sending import connection
from tests.bench.peers.sending import send as send_rows

app = Celery("plain", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_prefetch_multiplier=4)


@cache
def _outbox() -> psycopg.Connection[dict[str, Any]]:
    return connection()


@app.task(name="plain.send")
def send(row_id: int) -> None:
    """Send one row to the index."""
    send_rows(_outbox(), [row_id])


if __name__ == "__main__":
    for number in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        app.send_task("plain.send", (number,), ignore_result=True)
