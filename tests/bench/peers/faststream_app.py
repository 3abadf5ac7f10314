"""FastStream on Redis: a stream of row numbers, which a consumer group reads in batches and acknowledges when the call
was accepted.

    python -m tests.bench.peers.faststream_app announce 1 1000   these rows
    python -m tests.bench.peers.faststream_app worker
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, StreamSub
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.bench.peers.sending import connection, send

MOST = 1000
broker = RedisBroker(os.environ["BENCH_BROKER"])
app = FastStream(broker)


@broker.subscriber(
    stream=StreamSub("rows", group="relay", consumer="one", batch=True, max_records=MOST, last_id=">"),
    ack_policy=AckPolicy.NACK_ON_ERROR,
)
def send_rows(ids: list[int]) -> None:
    """Send a batch; FastStream runs it in a thread."""
    with connection() as outbox:
        send(outbox, ids)


async def announce(first: int, last: int) -> None:
    """Tell of rows, as the booking system does after each commit. The group is there before the first, as it is where a
    worker has run before: one that is made later begins with what comes then."""
    async with Redis.from_url(os.environ["BENCH_BROKER"]) as redis:
        with suppress(ResponseError):  # it is there
            await redis.xgroup_create("rows", "relay", id="0", mkstream=True)
    async with broker:
        for row_id in range(first, last + 1):
            await broker.publish(row_id, stream="rows")


if __name__ == "__main__":
    asyncio.run(app.run() if sys.argv[1] == "worker" else announce(int(sys.argv[2]), int(sys.argv[3])))
