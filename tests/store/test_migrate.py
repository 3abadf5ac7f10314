from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from relay.database import connect, reading
from relay.sessions import Bounds
from relay.store import due_summary, sources
from relay.store.columns import metadata
from relay.store.migrate import _ADVISORY_LOCK, _MIGRATIONS, VERSION_TABLE, DatabaseNotReady, check, known, upgrade
from relay.store.transaction import Store
from tests.waiting import wait_until


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A database without a table."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


def test_an_empty_database_is_brought_to_the_newest_version(empty: Engine) -> None:
    before, after = upgrade(empty)

    assert before is None
    assert after
    check(empty)
    assert set(inspect(empty).get_table_names()) == {*metadata.tables, VERSION_TABLE}
    assert all(name.startswith("ei_") for name in inspect(empty).get_table_names())


def test_upgrading_again_changes_nothing(empty: Engine) -> None:
    _, version = upgrade(empty)
    store = Store(empty)
    store.transact(lambda tx: sources.ensure(tx, ["tidbok-nord"]))

    assert upgrade(empty) == (version, version)

    assert [
        seen.name for seen in store.ask(partial(due_summary.read, paces={}, compared=timedelta(hours=1))).sources
    ] == ["tidbok-nord"]


def test_the_migrations_make_the_tables_the_code_knows(empty: Engine) -> None:
    upgrade(empty)
    options = {
        "version_table": VERSION_TABLE,
        "compare_type": True,
        "compare_server_default": empty.dialect.name == "postgresql",  # SQLite knows no identity, and so tells wrong
    }
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_partial_indexes_are_partial(empty: Engine) -> None:
    """Autogenerate does not compare conditions; without them the indexes grow with the whole history."""
    upgrade(empty)
    made = {index.name for table in metadata.tables.values() for index in table.indexes}
    catalogue = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    }[empty.dialect.name]
    with empty.connect() as connection:
        there = {name: sql for name, sql in connection.execute(text(catalogue)) if name in made}
    assert {name: " WHERE " in sql for name, sql in there.items()} == {
        "ei_booking_over": True,
        "ei_call_started": False,
        "ei_held_booking_change": False,
        "ei_post_collision": True,
        "ei_post_digest": True,
        "ei_post_undigested": True,
        "ei_post_absent": True,
        "ei_post_company": True,
        "ei_post_expiry": True,
        "ei_post_parked": True,
        "ei_post_pending": True,
        "ei_post_unconfirmed": True,
        "ei_receipt_booking": True,
        "ei_receipt_event": True,
        "ei_receipt_rejected": True,
    }


def test_a_database_that_is_not_ready_says_what_to_do(empty: Engine) -> None:
    with pytest.raises(DatabaseNotReady, match=r"is at version none .* run `ei-relay db upgrade`$"):
        check(empty)
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0000'"))
    for step in (check, upgrade):
        with pytest.raises(DatabaseNotReady, match="is at version 0000, which this program does not know"):
            step(empty)


def test_upgrades_at_once_wait_for_each_other(empty: Engine) -> None:
    """As when several workers' machines are set up at a time."""
    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(lambda _: upgrade(empty), range(3)))
    assert sorted(before or "" for before, _ in versions)[0] == ""
    assert len({after for _, after in versions}) == 1
    check(empty)


def test_an_upgrade_waits_for_one_under_way_longer_than_for_any_other_lock(postgres_url: str) -> None:
    """An index over a large table takes its time."""
    engine = connect(postgres_url, bounds=Bounds(lock=1))
    long_wait = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND now() - query_start > '1.5 s'"

    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as under_way, reading(engine) as looking:
            under_way.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            other = pool.submit(upgrade, engine)
            wait_until(lambda: looking.execute(text(long_wait)).scalar_one() or other.done(), "the other waits")
        before, after = other.result()

    assert (before, bool(after)) == (None, True)
    with engine.begin() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "1s"
    engine.dispose()


def test_the_versions_are_the_ones_that_alembic_finds() -> None:
    """Who only checks the version does not import Alembic, and reads them from the files' names."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)

    assert known() == sorted(script.revision for script in scripts.walk_revisions())
    assert known()[-1] == scripts.get_current_head()
