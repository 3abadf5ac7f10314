"""The floor: what the relay's own traffic costs when nobody thinks.

The relay's steps run once, one after the other in this process, and every statement with its parameters, every
commit and every message is written down. Then the same is played on a copy of the same database: the same SQL,
read to the last row, and the same bytes posted, and nothing else. What the relay takes longer than that is Python.
"""

from __future__ import annotations

import http.client
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, event

from relay.flow.delivery.step import deliver
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.index.verdict import Verdict
from relay.settings import Settings
from tests.bench.database import Site
from tests.bench.index import ROUNDS, Accepted, Index, middle
from tests.bench.relayed import configuration


class Query(NamedTuple):
    """A statement that was sent; `alone` if it stood outside a transaction."""

    sql: str
    parameters: Any
    alone: bool


class Commit(NamedTuple):
    """The end of a transaction."""


class Message(NamedTuple):
    """An envelope that was posted."""

    body: bytes


Step = Query | Commit | Message


class Floor(NamedTuple):
    """What was measured: the steps in one process, and the same traffic without them."""

    steps: Accepted
    played: Accepted
    compiled: int  # statements that SQLAlchemy had to compile, of `statements`
    statements: int


def measure(sites: Iterator[Site], index: Index, rows: int) -> Floor:
    """Relay the backlog of a filled site in this process and play what was sent on its twin, by turns.

    `sites` are equal to the last byte; two are used up in each round.
    """
    by_steps, played = [], []
    for _ in range(ROUNDS):
        relay, twin = _prepared(next(sites), index), _prepared(next(sites), index)
        index.forget()
        with _recorded(relay) as (steps, caching):
            _run(relay)
        by_steps.append(index.await_posts(rows, 1))
        index.forget()
        _play(steps, twin.store.engine, index.url)
        played.append(index.await_posts(rows, 1))
        relay.close()
        twin.close()
    return Floor(middle(by_steps), middle(played), caching["CACHE_MISS"], caching.total())


def _prepared(site: Site, index: Index) -> Relay:
    relay = Relay(Settings.model_validate(tomllib.loads(configuration(site.url, "redis://unused", index.url))))
    relay.prepare()
    return relay


def _run(relay: Relay) -> None:
    """All of the backlog, as the workers take it: a batch, then the call it is enough for."""
    (source,), (lane,) = relay.source_names, relay.lane_names
    while intake(relay, source).rows:
        deliver(relay, lane)
    while deliver(relay, lane):
        pass


@contextmanager
def _recorded(relay: Relay) -> Iterator[tuple[list[Step], Counter[str]]]:
    """What goes to the database and to the index meanwhile, and how often a statement was found compiled."""
    steps: list[Step] = []
    caching: Counter[str] = Counter()

    def query(connection: Connection, _cursor: Any, sql: str, parameters: Any, context: Any, _many: bool) -> None:
        alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        steps.append(Query(sql, parameters, alone))
        caching[context.cache_hit.name] += 1

    client = relay.client("bench")
    send = client.send

    def message(envelope: bytes, **options: Any) -> Verdict:
        steps.append(Message(envelope))
        return send(envelope, **options)

    engine = relay.store.engine
    event.listen(engine, "before_cursor_execute", query)
    event.listen(engine, "commit", lambda _connection: steps.append(Commit()))
    client.send = message  # type: ignore[method-assign]
    yield steps, caching


def _play(steps: list[Step], engine: Engine, url: str) -> None:
    """Send it all again, over two connections to the database and one to the index."""
    address = urlsplit(url)
    line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
    with closing(engine.raw_connection()) as first, closing(engine.raw_connection()) as second:
        working: Any = first.driver_connection
        reading: Any = second.driver_connection
        reading.autocommit = True
        for step in steps:
            match step:
                case Query(sql, parameters, alone):
                    cursor = (reading if alone else working).cursor()
                    if sql.startswith("COPY "):
                        with cursor.copy(sql) as copy:
                            for row in parameters["rows"]:
                                copy.write_row(row)
                    elif cursor.execute(sql, parameters).description is not None:
                        cursor.fetchall()
                case Commit():
                    working.commit()
                case Message(body):
                    line.request("POST", address.path, body, headers)
                    line.getresponse().read()
        reading.autocommit = False
    line.close()
