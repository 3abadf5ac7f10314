"""The relay of one process: its settings, its database, its outboxes and its clients, each made once.

Everything here is made when first needed, so that a database or an index that is away at start costs nothing
but its own work.
"""

from __future__ import annotations

import logging
import os
import random
import re
import socket
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import Engine, event, make_url

from relay.database import connect
from relay.flow.maintenance.clockwatch import ClockWatch
from relay.flow.publishing.policies import PolicyFiles
from relay.flow.schedule.rounds import Rounds
from relay.index.endpoint import Endpoint
from relay.longlived import spare
from relay.outbox.reader import OutboxReader
from relay.outbox.waiting import AT_ONCE
from relay.sessions import Bounds
from relay.settings import EngagementIndex, Settings, Source
from relay.settings.outboxes import Place
from relay.store import audit, indexes, lanes, sources
from relay.store.lanes import LaneName
from relay.store.migrate import check
from relay.store.transaction import Clock, Store, Transaction
from relay.surge import Guard

if TYPE_CHECKING:  # lxml comes with the clients, which only whoever calls an index needs
    from relay.flow.delivery.spool import Spool
    from relay.index.client import IndexClient
    from relay.index.find import Finder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What the steps need of one source."""

    name: str
    reader: OutboxReader
    policies: PolicyFiles
    local_identities: re.Pattern[str] | None
    source_systems: Mapping[str, str]  # {upper case: as configured}, the default first


class Relay:
    """Holds what the steps share. Safe to use from several threads."""

    def __init__(self, settings: Settings, clock: Clock | None = None, bounds: Bounds | None = None) -> None:
        self.settings = settings
        self.instance = f"{socket.gethostname()[:128]}:{os.getpid()}:{time.time_ns() // 1000}"  # no other has this name
        self.watch = ClockWatch() if clock is None else None  # a clock that is given is believed
        self._bounds = bounds  # how long databases are waited for; None: as workers do
        self._lock = Lock()
        self._preparing = Lock()
        self._prepared = False
        self._engines: dict[str, Engine] = {}
        self._clients: dict[str, IndexClient] = {}
        self._contexts: dict[str, SourceContext] = {}
        self.store = Store(self._engine(settings.database_url), clock)
        if self.store.engine.dialect.name == "postgresql":
            event.listen(self.store.engine, "connect", lambda *_: self.may_be_elsewhere.set())
        self.troubled = {source.name for source in settings.source}  # outboxes that may be noted as not answering
        self.doubtful: set[str] = set()  # outboxes that did not answer when this process last asked
        self.identified: set[str] = set()  # sources that have noted which table they read
        self.identities: dict[str, str | None] = {}  # {source: which table it reads}, as last heard
        self.asked: dict[str, str | None] = {}  # which table a source reads, where another one has asked for it
        self.alone: dict[str, float] = {}  # until when a source need not look whether another one reads its table
        # Set: our database may be on another server than it was (relay.flow.delivery.cluster).
        self.may_be_elsewhere = Event()
        self.looking_where = Lock()
        self.where: dict[str, str] | None = None  # the server it was on when this process last looked
        self.moves = 0  # how often that was another one than before
        self.next_cluster = 0.0  # when to look at that all the same, by the steady clock
        self.next_compare: dict[str, float] = {}  # {source: when to compare its marks, by the steady clock}
        self.notifies: set[str] = set()  # sources whose outbox's database notifies this process of new rows
        # A clock that is given stands or jumps, and says nothing of how long an outbox has really been quiet.
        bound = settings.quiet_poll_interval if clock is None else settings.poll_interval
        self.rounds = Rounds(settings.poll_interval, bound, self.notifies.__contains__)
        self._sources = {source.name: source for source in settings.source}
        self._readers: defaultdict[Place, list[Source]] = defaultdict(list)  # the sources of each table, as configured
        for source in settings.source:
            self._readers[settings.outbox_of(source)].append(source)
        self._source_of = {LaneName(s.engagement_index, system): s.name for s in settings.source
                           for system in s.source_systems}  # fmt: skip

    @cached_property
    def spool(self) -> Spool:
        """Where acceptances are kept until the database has them."""
        from relay.flow.delivery.spool import Spool  # with it comes what delivers, which a look at all does not need

        return Spool(self.settings.spool_folder)

    @property
    def source_names(self) -> Collection[str]:
        """Every source of the configuration."""
        return self._sources.keys()

    @property
    def lane_names(self) -> Collection[LaneName]:
        """Every lane of the configuration. The database may have more: a source system that is no longer configured
        keeps its lane until nothing is wanted of its posts."""
        return self._source_of.keys()

    @property
    def guard(self) -> Guard:
        """What may be removed, moved or brought without an operator's decision."""
        said = self.settings.surge_guard
        alike = said.alike if self.settings.environment == "production" else 0
        return Guard(said.enabled, said.percent, said.least, alike)

    @contextmanager
    def on_time(self, tx: Transaction) -> Iterator[None]:
        """What is decided within goes by a time that is not ahead of what can be believed
        (`relay.flow.maintenance.clockwatch`). What is written down of leases and sends does not: there the later time
        is the safe one."""
        now = tx.now
        if self.watch is not None:
            tx.now = self.watch.not_ahead(now)
        yield
        tx.now = now

    def prepare(self) -> None:
        """See that the database is at our version, and make the rows of the configured sources and lanes.

        Before every step; it does something only until it has succeeded once. Raises DatabaseNotReady.
        """
        if self._prepared:
            return
        with self._preparing:
            if not self._prepared:
                check(self.store.engine)
                self.store.transact(self._make_rows)
                self.replay()
                self._prepared = True
                spare("prepared")

    def replay(self) -> None:
        """Write down the acceptances that the spool has kept, where that can still be done."""
        from relay.flow.delivery.spool import write_down

        for answer in self.spool.kept():
            index = self.settings.engagement_index.get(LaneName.parse(answer.lane).engagement_index)
            if index is not None:
                self.store.transact(partial(write_down, answer=answer, index=index))
            self.spool.forget(answer)

    def _make_rows(self, tx: Transaction) -> None:
        identities = {
            label: f"{index.logical_address.upper()}@{(urlsplit(index.url).hostname or '').lower()}"
            for label, index in self.settings.engagement_index.items()
        }
        for old, new in indexes.adopt(tx, identities).items():
            audit.note(tx, "relay", "lanes rename", f"{old} {new}", "the same index under another name")
            tx.tell(
                log.warning,
                "an index has another name in the configuration; its lanes go on",
                extra={"was": old, "is": new},
            )
        sources.ensure(tx, self._sources)
        from relay.flow.delivery.load import FRESH

        jitter = 0.5 + 0.5 * random.random()  # noqa: S311 - lanes that begin together are not to go on together
        begin = {name: index.refresh_every * FRESH * jitter for name, index in self.settings.engagement_index.items()}
        lanes.ensure(tx, self._source_of.items(), begin)

    def index_of(self, lane: LaneName) -> EngagementIndex:
        """The settings of the index a lane calls."""
        return self.settings.engagement_index[lane.engagement_index]

    def source_of(self, lane: LaneName) -> str:
        """The name of the source whose posts a lane carries; "" where it is no longer configured."""
        return self._source_of.get(lane, "")

    def source(self, name: str) -> SourceContext:
        """One source's outbox and policy."""
        with self._lock:
            context = self._contexts.get(name)
            if context is None:
                context = self._contexts[name] = self._context(self._sources[name])
            return context

    def outbox_table(self, name: str) -> str:
        """The name of a source's outbox table."""
        return self._sources[name].outbox_table

    def sharing(self, name: str) -> list[str]:
        """The sources that read the table of this one, which is among them."""
        return [source.name for source in self._readers[self.settings.outbox_of(self._sources[name])]]

    def by_database(self, names: Iterable[str]) -> list[tuple[str, ...]]:
        """The sources, those together whose outboxes are in one database, by the address that they are read at; but
        no more than can be looked at together."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            known = self._sources.get(name)  # one that is not is alone, so that it fails alone
            found[self.settings.outbox_url_of(known) if known is not None else name].append(name)
        return [tuple(each[at : at + AT_ONCE]) for each in found.values() for at in range(0, len(each), AT_ONCE)]

    def party_of(self, name: str) -> str:
        """Whom a source's outbox may keep waiting: those on the same server; and in doubt, those in doubt."""
        if name in self.doubtful:
            return "outboxes that do not answer"
        url = make_url(self.settings.outbox_url_of(self._sources[name]))
        return f"outboxes at {url.host}:{url.port}" if url.host else f"outboxes in {url.database}"

    def read_elsewhere_before(self, name: str) -> list[str]:
        """The sources before this one that read another table, as far as their addresses tell, of the same kind."""
        mine = self.settings.outbox_of(self._sources[name])
        before: list[str] = []
        for other, source in self._sources.items():
            if other == name:
                return before
            place = self.settings.outbox_of(source)
            if place != mine and place.backend == mine.backend:
                before.append(other)
        return before

    def may_be_read_after(self, name: str) -> list[str]:
        """The sources after this one whose address, but for host, port and user, is this one's."""
        mine = self.settings.outbox_of(self._sources[name])
        names = list(self._sources)
        after = {other: self.settings.outbox_of(self._sources[other]) for other in names[names.index(name) + 1 :]}
        return [other for other, place in after.items() if place != mine and place.looks_like(mine)]

    def looks_like(self, one: str, other: str) -> bool:
        """Whether two sources' addresses may be of one table."""
        one_place, other_place = (self.settings.outbox_of(self._sources[name]) for name in (one, other))
        return one_place.looks_like(other_place)

    def outbox_url(self, name: str) -> str:
        """The address of a source's outbox."""
        return self.settings.outbox_url_of(self._sources[name])

    def systems_of(self, name: str) -> frozenset[str]:
        """A source's own systems, in upper case."""
        return frozenset(system.upper() for system in self._sources[name].source_systems)

    def is_read_beside(self, name: str) -> bool:
        """Whether another source reads a database of the same kind by another address."""
        mine = self.settings.outbox_of(self._sources[name])
        places = [self.settings.outbox_of(source) for source in self._sources.values()]
        return any(place != mine and place.backend == mine.backend for place in places)

    def client(self, engagement_index: str) -> IndexClient:
        """The client of one index."""
        with self._lock:
            client = self._clients.get(engagement_index)
            if client is None:
                from relay.index.client import IndexClient

                client = IndexClient(endpoint_of(self.settings.engagement_index[engagement_index]))
                self._clients[engagement_index] = client
                spare("client")
            return client

    def finder(self, engagement_index: str) -> Finder:
        """Who asks an index what it holds; whoever has it closes it. Its settings name a find_content_url."""
        from relay.index.find import Finder

        index = self.settings.engagement_index[engagement_index]
        return Finder(endpoint_of(index), index.find_content_url)

    def look_closely(self, names: Iterable[str]) -> None:
        """These outboxes may be noted as not answering, or their marks are to be compared before anything is sent."""
        self.troubled.update(names)
        for name in names:
            self.next_compare.pop(name, None)

    def close(self) -> None:
        """Let go of every connection."""
        for client in self._clients.values():
            client.close()
        for engine in self._engines.values():
            engine.dispose()

    def _engine(self, url: str) -> Engine:
        engine = self._engines.get(url)
        if engine is None:
            engine = self._engines[url] = connect(
                url, self.settings.worker_threads, self._bounds, private=url == self.settings.database_url
            )
        return engine

    def _context(self, source: Source) -> SourceContext:
        systems = {system.upper(): system for system in source.source_systems}
        sharing = self._readers[self.settings.outbox_of(source)]
        reader = OutboxReader(
            self._engine(self.settings.outbox_url_of(source)),
            source.outbox_table,
            first=sharing[0] is source,
            own=frozenset(systems),
            others=frozenset(x.upper() for s in sharing if s is not source for x in s.source_systems),
        )
        policies = PolicyFiles(self.settings, source)
        return SourceContext(source.name, reader, policies, policies.local_identities, systems)


def endpoint_of(index: EngagementIndex) -> Endpoint:
    """Where an index is and how it is called, from its settings."""
    return Endpoint(
        url=index.url,
        logical_address=index.logical_address,
        client_certificate=_path(index.client_certificate),
        client_key=_path(index.client_key),
        client_key_password=index.client_key_password.get_secret_value() or None,
        client_key_password_file=_path(index.client_key_password_file),
        ca_bundle=_path(index.ca_bundle),
        proxy=index.proxy,
        original_consumer=index.original_consumer,
        on_behalf_of=index.on_behalf_of,
        connect_timeout=index.connect_timeout,
        read_timeout=index.read_timeout,
        call_timeout=index.call_timeout,
        wsdl=_path(index.wsdl),
    )


def _path(path: Path | None) -> str:
    return str(path) if path is not None else ""
