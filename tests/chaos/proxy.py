"""A TCP proxy that stands in the way: it slows, refuses, resets, swallows and cuts what passes through it.

It never delivers what its sender has given up: when a client closes, all that is still on its way is dropped. Else
a slow way would bring calls to the index that had ended for everybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from relay.demo.throwaway import free_port
from tests.waiting import PATIENCE

_CHUNK: Final = 65536
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a RST, and drop what waits


@dataclass(eq=False)
class _Link:
    """A client's connection and the one made for it. `swallowed`: it leads nowhere, for good."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    swallowed: bool = False
    ways: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        for end in (self.client, self.server):
            if end is not None:
                _reset(end)


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and passes everything on to `target`, until told to misbehave."""

    def __init__(self, host: str, port: int) -> None:
        """Start; the work is done in a thread of its own."""
        self._target = (host, port)
        self._latency = 0.0
        self._cut_after: int | None = None
        self._resets = False
        self._swallows = False
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen)

    # --- trouble, each for as long as the context lasts

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Every piece arrives so much later, both ways."""
        self._latency = seconds
        yield
        self._latency = 0.0

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens; what is connected is reset."""
        self._do(self._hang_up)
        yield
        self._do(self._listen)

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Every connection is reset, those that stand and those that come, as soon as they are there."""
        self._resets = True
        self._do(self._reset_all)
        yield
        self._resets = False

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Every connection leads nowhere: no byte, no end, no error. So it stays for those it befell, also after:
        like a firewall that has forgotten them."""
        self._swallows = True
        for link in list(self._links):
            link.swallowed = True
        yield
        self._swallows = False

    @contextmanager
    def cutting(self, after: int) -> Iterator[None]:
        """Every connection is reset when so many bytes have come back on it since the trouble began."""
        self._cut_after = after
        yield
        self._cut_after = None

    def lead_to(self, port: int) -> None:
        """From now on, pass everything on to another port; whoever is connected is reset."""
        self._target = (self._target[0], port)
        self._do(self._reset_all)

    def close(self) -> None:
        """Hang up on everybody and end."""
        self._do(self._see_all_leave)
        self._do(self._hang_up)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside the loop

    def _do(self, what: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(what(), self._loop).result(PATIENCE)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._reset_all()

    async def _reset_all(self) -> None:
        links = list(self._links)
        for link in links:
            link.reset()
            for way in link.ways:
                way.cancel()
        await asyncio.gather(*(way for link in links for way in link.ways), return_exceptions=True)
        await asyncio.sleep(0)

    async def _see_all_leave(self) -> None:
        """Also those that have come just now: one that is not through the door when it closes stays in it."""
        self._resets = True
        await asyncio.sleep(0.01)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._reset_all()
            await asyncio.wait(others, timeout=0.1)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._resets:
            _reset(writer)
            return
        link = _Link(writer, swallowed=self._swallows)
        self._links.add(link)
        try:
            if link.swallowed:
                link.ways = [asyncio.create_task(self._to_server(link, reader, None))]
            else:
                server_reader, link.server = await asyncio.open_connection(*self._target)
                link.ways = [
                    asyncio.create_task(self._to_server(link, reader, link.server)),
                    asyncio.create_task(self._to_client(link, server_reader)),
                ]
            await asyncio.wait(link.ways)
        except OSError:
            pass  # the target is not there: the client sees it as a reset
        finally:
            link.reset()
            self._links.discard(link)

    async def _to_server(self, link: _Link, reader: asyncio.StreamReader, server: asyncio.StreamWriter | None) -> None:
        """Ends with the client, and then nothing of its goes on."""

        async def pass_on(data: bytes) -> None:
            if server is not None and not link.swallowed:
                server.write(data)

        with contextlib.suppress(OSError):
            await self._delayed(reader, pass_on, wait_for_the_rest=False)
        link.reset()

    async def _to_client(self, link: _Link, reader: asyncio.StreamReader) -> None:
        """Ends with the server, when all it said has been passed on."""
        passed = 0

        async def pass_on(data: bytes) -> None:
            nonlocal passed
            if link.swallowed:
                return
            limit = self._cut_after
            if limit is None:
                passed = 0
            elif passed + len(data) > limit:
                link.client.write(data[: limit - passed])
                await link.client.drain()
                link.reset()
                return
            else:
                passed += len(data)
            link.client.write(data)

        with contextlib.suppress(OSError):
            await self._delayed(reader, pass_on, wait_for_the_rest=True)
        if not link.swallowed:
            with contextlib.suppress(OSError):
                link.client.close()

    async def _delayed(
        self, reader: asyncio.StreamReader, pass_on: Callable[[bytes], Any], *, wait_for_the_rest: bool
    ) -> None:
        """Pass on what is read, each piece `latency` after it came, until the end of it."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            with contextlib.suppress(OSError):  # nobody is there to take it any more
                while True:
                    at, data = await pieces.get()
                    if not data:
                        return
                    await asyncio.sleep(max(at - self._loop.time(), 0))
                    await pass_on(data)

        delivery = asyncio.create_task(deliver())
        try:
            while data := await reader.read(_CHUNK):
                pieces.put_nowait((self._loop.time() + self._latency, data))
            if wait_for_the_rest:
                pieces.put_nowait((0.0, b""))
                await delivery
        finally:
            delivery.cancel()


def _reset(end: asyncio.StreamWriter) -> None:
    connection = end.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    end.transport.abort()
