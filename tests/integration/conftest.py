"""What the integration tests share: one PostgreSQL server, a Valkey for each test, and sites to run on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import psycopg
import pytest

from relay.demo.postgres import Postgres
from relay.demo.valkey import Valkey
from tests.integration.site import Pace, Site, Source

NewDatabase = Callable[[], str]
NewSite = Callable[..., Site]

TIDBOK = Source("tidbok-nord", ("SE2321000016-84GX",))


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """One PostgreSQL server for all tests that do not stop theirs."""
    with Postgres("fsync=off", "max_connections=200") as postgres:
        yield postgres


@pytest.fixture(scope="session")
def new_database(server: Postgres) -> NewDatabase:
    """Makes an empty database and gives its URL."""
    numbers = count(1)

    def make() -> str:
        name = f"integration_{next(numbers)}"
        with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return server.url(name)

    return make


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A broker of the test's own, empty."""
    with Valkey() as server:
        yield server


@pytest.fixture
def new_site(tmp_path: Path, new_database: NewDatabase, valkey: Valkey) -> Iterator[NewSite]:
    """Makes a site with one booking system, whose outbox lies in the relay's own PostgreSQL database."""
    with ExitStack() as sites:

        def make(pace: Pace | None = None, database_url: str = "", broker: bool = True) -> Site:
            url = database_url or new_database()
            return sites.enter_context(
                Site(tmp_path, url, [TIDBOK], broker_url=valkey.url if broker else "", pace=pace)
            )

        yield make
