"""The stage: everything a site has, as real processes, with a proxy on every way that the relay goes.

On the `single` one there is one server of each kind, with a proxy before it that misbehaves. On that of `pairs` the
database is a primary with a copy that it waits for, behind one address, and the broker two servers kept by Sentinels.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import redis
from sqlalchemy import make_url

from relay.demo.postgres import Postgres
from relay.demo.valkey import Valkey
from tests.chaos.proxy import FaultProxy
from tests.integration.sentinels import MASTER, SENTINEL_PASSWORD, Sentinels
from tests.integration.servers import Server
from tests.integration.site import Pace, Site, Source
from tests.integration.test_failover import Standby
from tests.waiting import wait_until

PACE: Final = Pace(key_spacing=2, retry_after_fault=1, retry_after_fault_max=2, call_timeout=4, latency=0.05)
LEASE: Final = PACE.call_timeout + 10
SYSTEMS: Final = {
    "nord": ("SE2321000016-84GX", "se2321000016-84gy"),
    "syd": ("SE2321000024-1A01",),
    "vast": ("HSA-VAST-1",),
}
SINGLE: Final = "single"
PAIRS: Final = "pairs"
CANARY: Final = "canary"  # a booking system whose calls get no bad answers ordered, to see when work goes on


class Stage:
    """Set up, with everything running, on entering; all of it gone on leaving. `kind`: single or pairs."""

    database: Postgres  # the one that is written to now

    def __init__(self, folder: Path, kind: str = SINGLE) -> None:
        self._folder = folder
        self.kind = kind
        self._stack = ExitStack()
        self._proxies: dict[int, FaultProxy] = {}
        self._copying: Future[Standby] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            more = self._set_up_pairs() if self.kind == PAIRS else self._set_up_single()
            self.nords = stack.enter_context(Server("fsync=off"))  # nord's booking system has a server of its own
            self.nords_way = self._proxies[self.nords.port] = stack.enter_context(
                FaultProxy("127.0.0.1", self.nords.port)
            )
            sources = [
                Source("nord", SYSTEMS["nord"], outbox_url=_new_database(self.nords, "nord")),
                Source("syd", SYSTEMS["syd"]),
                Source("vast", SYSTEMS["vast"], outbox_table="public.vast_outbox"),
                Source(CANARY, ("SE0000000000-0001",), outbox_table="public.canary_outbox"),
            ]
            url = _new_database(self.database, "relay").replace(f":{self.database.port}/", f":{self._address}/")
            self.site = stack.enter_context(
                Site(self._folder, url, sources, broker_url=self._broker_url, pace=PACE, detour=self._detour)
            )
            self.site.config.write_text(more + self.site.config.read_text(encoding="utf-8"), encoding="utf-8")
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

    def _set_up_single(self) -> str:
        self.database = server = self._stack.enter_context(Server("fsync=off", "max_connections=200"))
        self.server = server  # the same, which can be frozen
        self._address = server.port
        self.broker = self._stack.enter_context(Valkey())
        self._broker_url = self.broker.url
        self.database_way = self._stack.enter_context(FaultProxy("127.0.0.1", server.port))
        self.broker_way = self._stack.enter_context(FaultProxy("127.0.0.1", self.broker.port))
        self._proxies |= {server.port: self.database_way, self.broker.port: self.broker_way}
        return ""

    def _set_up_pairs(self) -> str:
        """What the configuration has at its beginning."""
        self.database = self._stack.enter_context(Postgres("wal_level=replica", "max_connections=200"))
        self._door = self._stack.enter_context(FaultProxy("127.0.0.1", self.database.port))  # the pair's one address
        self._address = self._door.port
        self.database_way = self._stack.enter_context(FaultProxy("127.0.0.1", self.database.port))
        self._proxies[self._address] = self.database_way
        self._helper = self._stack.enter_context(ThreadPoolExecutor(1))
        self._copying = self._helper.submit(self._copy)
        self._copying.result()
        self.sentinels = self._stack.enter_context(Sentinels(self._folder))
        self._broker_url = self.sentinels.url
        return f'broker_sentinel_master = "{MASTER}"\nbroker_sentinel_password = "{SENTINEL_PASSWORD}"\n'

    def fail_over(self, seconds: float) -> None:
        """The primary dies and does not come back, its copy is promoted so many seconds later, and gets one itself."""
        assert self._copying is not None
        standby = self._copying.result()
        self.database.stop(signal.SIGQUIT)
        time.sleep(seconds)
        _ask(standby, "SELECT pg_promote()")
        self.database = standby
        for way in (self._door, self.database_way):
            way.lead_to(standby.port)
        self._copying = self._helper.submit(self._copy)

    def _copy(self) -> Standby:
        """A copy of the primary, without which that commits nothing from then on."""
        primary, standby = self.database, self._stack.enter_context(Standby(self.database))
        wait_until(lambda: _ask(primary, "SELECT * FROM pg_stat_replication WHERE state = 'streaming'"), "the copy")
        _ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        _ask(primary, "SELECT pg_reload_conf()")
        wait_until(lambda: _ask(primary, "SELECT * FROM pg_stat_replication WHERE sync_state = 'sync'"), "a true copy")
        return standby

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """The database refuses to write, as one does after a failover that nobody has followed (25006)."""
        for setting in ("on", "off"):
            _ask(self.database, f"ALTER SYSTEM SET default_transaction_read_only = {setting}")
            _ask(self.database, "SELECT pg_reload_conf()")
            if setting == "on":
                yield

    def flush_broker(self) -> None:
        """Empty it."""
        with redis.Redis(port=self.broker.port) as broker:
            broker.flushall()

    def _detour(self, url: str) -> str:
        """The address that the relay is told instead: its proxy's. Of Sentinel's servers nobody stands in the way."""
        if url.startswith("sentinel"):
            return url
        port = make_url(url).port
        assert port is not None
        if port not in self._proxies:  # the index has chosen its port only now
            self.index_way = self._proxies[port] = self._stack.enter_context(FaultProxy("127.0.0.1", port))
        return url.replace(f":{port}/", f":{self._proxies[port].port}/")


def _new_database(server: Postgres, name: str) -> str:
    _ask(server, f"CREATE DATABASE {name}")
    return server.url(name)


def _ask(server: Postgres, question: str) -> list[Any]:
    """Ask as an administrator, also a database that is read-only."""
    url = server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        cursor = connection.execute(question)  # type: ignore[call-overload]
        return list(cursor) if cursor.description else []
