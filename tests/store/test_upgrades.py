"""Databases of released versions, brought up to date with what is in them.

`released/` has what each version made, as it was sent to the database, and rows for it. Those files never change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text, update

from relay.database import connect
from relay.store import changes, retention, sources, workers
from relay.store.columns import Instant, metadata
from relay.store.downgrade import RELEASES, CannotGoBack, downgrade
from relay.store.migrate import VERSION_TABLE, DatabaseNotReady, check, upgrade
from relay.store.schema import source
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock
from tests.outbox.written import script

RELEASED: Final = Path(__file__).parent / "released"
VERSIONS: Final = sorted(path.name.removesuffix(".rows.sql") for path in RELEASED.glob("*.rows.sql"))
CATALOGUES: Final = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture(params=VERSIONS)
def old(database_url: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The database of a relay of that version that was at work."""
    engine = connect(database_url)
    for part in (engine.dialect.name, "rows"):
        script(engine, (RELEASED / f"{request.param}.{part}.sql").read_text(encoding="utf-8"))
    yield engine
    engine.dispose()


@pytest.fixture
def fresh(dialect: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database that was made by this version."""
    engine = connect(request.getfixturevalue(f"_relay_in_{dialect}"))
    yield engine
    engine.dispose()


def rows(engine: Engine, tables: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """{table: its rows} of these columns."""
    with engine.connect() as connection:
        return {
            table: sorted(map(tuple, connection.execute(text(f"SELECT {', '.join(columns)} FROM {table}"))), key=str)
            for table, columns in tables.items()
        }


def columns(engine: Engine) -> dict[str, list[str]]:
    """{table: its columns} of the relay's tables."""
    found = inspect(engine)
    return {t: [c["name"] for c in found.get_columns(t)] for t in found.get_table_names() if t != VERSION_TABLE}


def indexes(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        found: Any = connection.execute(text(CATALOGUES[engine.dialect.name]))
        return dict(found.all())


def storage(engine: Engine) -> list[Any]:
    """How PostgreSQL is told to store the tables."""
    if engine.dialect.name == "sqlite":
        return []
    asked = "SELECT relname, reloptions FROM pg_class WHERE relkind = 'r' AND relname LIKE 'ei_%' ORDER BY relname"
    with engine.connect() as connection:
        return list(connection.execute(text(asked)))


def test_an_old_database_becomes_the_same_as_a_new_one(old: Engine, fresh: Engine) -> None:
    with pytest.raises(DatabaseNotReady):
        check(old)

    upgrade(old)

    check(old)
    with old.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_server_default": old.dialect.name == "postgresql"}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    assert columns(old) == columns(fresh)
    assert indexes(old) == indexes(fresh)
    assert storage(old) == storage(fresh)


def test_what_is_in_an_old_database_stays(old: Engine) -> None:
    tables = columns(old)
    before = rows(old, tables)
    assert all(before.values()), "the version's file has rows for every table"

    upgrade(old)

    assert rows(old, tables) == before


@pytest.mark.parametrize("old", ["0.1.0"], indirect=True)  # it did not note when a list was last heard
def test_lists_that_were_left_in_an_old_database_go_a_day_after_the_upgrade(old: Engine) -> None:
    upgrade(old)
    with old.connect() as connection:
        asked = text("SELECT run, heard_at FROM ei_snapshot_run ORDER BY run").columns(heard_at=Instant())
        (_, heard_at), _ = runs = connection.execute(asked).all()
    assert [run for run, _ in runs] == [2, 3]
    assert abs(heard_at - datetime.now(UTC)) < timedelta(minutes=1)

    store, day = Store(old, SetClock()), timedelta(days=1)
    assert store.transact(lambda tx: retention.drop_snapshots(tx, heard_at - day)) == 0
    assert [store.transact(lambda tx: retention.drop_snapshots(tx, heard_at)) for _ in range(3)] == [2, 3, 0]


@pytest.mark.parametrize("old", ["0.2.0"], indirect=True)
def test_lists_that_were_left_with_their_time_go_a_day_after_that_time(old: Engine) -> None:
    upgrade(old)

    store, heard_at = Store(old, SetClock()), datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    early = heard_at - timedelta(seconds=1)
    assert [store.transact(lambda tx: retention.drop_snapshots(tx, early)) for _ in range(2)] == [2, 0], "given up"
    assert [store.transact(lambda tx: retention.drop_snapshots(tx, heard_at)) for _ in range(2)] == [3, 0]


@pytest.mark.parametrize("old", sorted(RELEASES), indirect=True)
def test_a_database_goes_back_to_what_the_release_made_and_forth_again(old: Engine, fresh: Engine) -> None:
    tables, made, stored = columns(old), indexes(old), storage(old)
    before = rows(old, tables)
    upgrade(old)

    for _ in range(2):
        assert downgrade(old, "0.2.0")[1] == "0002"

        assert (columns(old), indexes(old), storage(old)) == (tables, made, stored)
        assert rows(old, tables) == before
        upgrade(old)
    assert columns(old) == columns(fresh)


def _working(tx: Transaction) -> None:
    workers.report(tx, workers.Report("one", "host", "0.3.0", datetime.now(UTC), None, {}))


def _holding(tx: Transaction) -> None:
    changes.hold(tx, "tidbok-nord", changes.REMOVALS, present=10, counts={"removed": 9}, why="many")


def _restored(tx: Transaction) -> None:
    tx.run(update(source).values(restore_suspected_at=tx.now))


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (_working, "1 processes are at work"),
        (_holding, "1 held changes have not ended"),
        (_restored, "a restore is suspected of"),
    ],
)
def test_it_does_not_go_back_while_something_would_be_lost(
    store: Store, happens: Callable[[Transaction], None], says: str
) -> None:
    now = Store(store.engine)  # on the database's own clock
    now.transact(lambda tx: sources.ensure(tx, ["tidbok-nord"]))
    now.transact(happens)

    with pytest.raises(CannotGoBack, match=says):
        downgrade(store.engine, "0.2.0")

    check(store.engine)
