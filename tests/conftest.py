"""What the tests share: a real PostgreSQL server, databases of both kinds, and a relay's store with a clock to set."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from relay.database import connect
from relay.demo import throwaway
from relay.demo.postgres import Postgres
from relay.store.columns import metadata
from relay.store.migrate import VERSION_TABLE, upgrade
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.mariadb import MISSING, MariaDb, binary
from tests.outbox import named

# an example is as slow as the machine is busy, and no promise of ours
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Between a port's choice and its use another of the suite's workers could choose it: each has ports of its own.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
throwaway._PORTS = throwaway._PORTS[_worker % 10 * 1000 :][:1000]  # type: ignore[misc]

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run; its data may be lost, so it does not wait for the disk."""
    with Postgres("fsync=off", "synchronous_commit=off", "full_page_writes=off") as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    with _administrator(postgres) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    yield postgres.url(name)
    with _administrator(postgres) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A MariaDB server for the whole run, where there are binaries."""
    if binary() is None:
        pytest.skip(MISSING)
    with MariaDb() as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb: MariaDb) -> Iterator[str]:
    """A fresh, empty MariaDB database, in the character set that old servers give: not the one that we need."""
    name = f"test_{next(_numbers)}"
    with mariadb.administrator() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET latin1")
    yield mariadb.url(name)
    with mariadb.administrator() as cursor:
        cursor.execute(f"DROP DATABASE {name}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was not tested is said aloud: a skip in a row of dots is not read."""
    reasons = [
        str(report.longrepr[2]).removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", ())
    ]
    for reason, number in Counter(reasons).items():
        if "NOT" in reason:
            terminalreporter.write_line(f"!!! {reason} ({number} skipped)", red=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The tests that need it run on both kinds of database."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of that kind; or the one that was named for a proof."""
    if named.NAMED:
        return named.NAMED
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue({"postgresql": "postgres_url", "mariadb": "mariadb_url"}[dialect])
    return url


@pytest.fixture
def relay_url(dialect: str, request: pytest.FixtureRequest) -> str:
    """A database of either kind that has the relay's tables, and nothing in them."""
    url: str = request.getfixturevalue(f"_relay_in_{dialect}")
    return url


@pytest.fixture
def clock() -> SetClock:
    """The store's clock; it stands until a test moves it."""
    return SetClock()


@pytest.fixture
def store(relay_url: str, clock: SetClock) -> Iterator[Store]:
    """The relay's own database, empty and up to date, on `clock`."""
    engine = connect(relay_url)
    yield Store(engine, clock)
    engine.dispose()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "relay.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def _relay_in_sqlite(_sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(_sqlite_template, tmp_path / "relay.db")
    return f"sqlite:///{tmp_path / 'relay.db'}"


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: Postgres) -> str:
    with _administrator(postgres) as connection:
        connection.execute("CREATE DATABASE relay")
    _migrate(postgres.url("relay"))
    return "relay"


@pytest.fixture
def _relay_in_postgresql(postgres: Postgres, _migrated_postgres: str) -> str:
    """The same database for every test, emptied before each: much quicker than a new one."""
    with _administrator(postgres, _migrated_postgres) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        there = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        for name in there - {*metadata.tables, VERSION_TABLE}:
            connection.execute(f"DROP TABLE {name}")
        connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    return postgres.url(_migrated_postgres)


def _administrator(server: Postgres, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(server.url(database).replace("+psycopg", ""), autocommit=True)


def _migrate(url: str) -> None:
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
