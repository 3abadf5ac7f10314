"""The stage: everything a site has, as real processes, with a proxy on every way that the relay goes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg
import redis
from sqlalchemy import make_url

from relay.demo.valkey import Valkey
from tests.chaos.proxy import FaultProxy
from tests.integration.servers import Server
from tests.integration.site import Pace, Site, Source
from tests.waiting import wait_until

PACE: Final = Pace(key_spacing=2, retry_after_fault=1, retry_after_fault_max=2, call_timeout=2.5, latency=0.05)
LEASE: Final = PACE.call_timeout + 10
SYSTEMS: Final = {
    "nord": ("SE2321000016-84GX", "se2321000016-84gy"),
    "syd": ("SE2321000024-1A01",),
    "vast": ("HSA-VAST-1",),
}
CANARY: Final = "canary"  # a booking system whose calls get no bad answers ordered, to see when work goes on


class Stage:
    """Set up, with everything running, on entering; all of it gone on leaving."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.database = stack.enter_context(Server("fsync=off", "max_connections=200"))
            self.broker = stack.enter_context(Valkey())
            self.database_way = stack.enter_context(FaultProxy("127.0.0.1", self.database.port))
            self.broker_way = stack.enter_context(FaultProxy("127.0.0.1", self.broker.port))
            self._proxies = {self.database.port: self.database_way, self.broker.port: self.broker_way}
            self._stack = stack
            sources = [
                Source("nord", SYSTEMS["nord"], outbox_url=self._new_database("nord")),
                Source("syd", SYSTEMS["syd"]),
                Source("vast", SYSTEMS["vast"], outbox_table="public.vast_outbox"),
                Source(CANARY, ("SE0000000000-0001",), outbox_table="public.canary_outbox"),
            ]
            self.site = stack.enter_context(
                Site(self._folder, self._new_database("relay"), sources, broker_url=self.broker.url, pace=PACE,
                     detour=self._detour)
            )  # fmt: skip
            self.site.prepare()
            self.workers = [self.site.start_worker("worker-1"), self.site.start_worker("worker-2")]
            self.beats = [self.site.start_beat("beat-1"), self.site.start_beat("beat-2")]
            wait_until(lambda: all("ready" in w.log() for w in self.workers), "both workers ready")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def flush_broker(self) -> None:
        """Empty it."""
        with redis.Redis(port=self.broker.port) as broker:
            broker.flushall()

    def _new_database(self, name: str) -> str:
        with psycopg.connect(self.database.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.database.url(name)

    def _detour(self, url: str) -> str:
        """The address that the relay is told instead: its proxy's."""
        port = make_url(url).port
        assert port is not None
        if port not in self._proxies:  # the index has chosen its port only now
            self.index_way = self._proxies[port] = self._stack.enter_context(FaultProxy("127.0.0.1", port))
        return url.replace(f":{port}/", f":{self._proxies[port].port}/")
