"""An index that says OK: `python -m tests.bench.stub PORT LATENCY [one-at-a-time]`, seconds after a request's last
byte; or, one at a time, so many seconds for each call that waits.

It reads nothing of a call but how many posts it holds. GET gives what was accepted as JSON: [seconds, posts] for
each call, on the machine's monotonic clock. DELETE forgets it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import nullcontext

ANSWER = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    b'<UpdateResponse xmlns="urn:riv:itintegration:engagementindex:UpdateResponder:1">'
    b"<ResultCode>OK</ResultCode></UpdateResponse></s:Body></s:Envelope>"
)


class Stub:
    """The calls that were accepted."""

    def __init__(self, latency: float, *, one_at_a_time: bool = False) -> None:
        self._latency = latency
        self._turn = asyncio.Lock() if one_at_a_time else nullcontext()
        self._accepted: list[tuple[float, int]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                if not head.startswith(b"POST"):
                    if head.startswith(b"DELETE"):
                        self._accepted.clear()
                    answer, kind = json.dumps(self._accepted).encode(), b"application/json"
                else:
                    async with self._turn:
                        await asyncio.sleep(self._latency)
                    self._accepted.append((time.monotonic(), body.count(b"engagementTransaction>") // 2))
                    answer, kind = ANSWER, b"text/xml; charset=utf-8"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(answer)))
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _main(port: int, latency: float, *options: str) -> None:
    index = Stub(latency, one_at_a_time=bool(options))
    server = await asyncio.start_server(index.serve, "127.0.0.1", port, limit=1 << 22)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]))
