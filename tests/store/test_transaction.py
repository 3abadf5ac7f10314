from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from relay.database import connect, describe
from relay.store.schema import source
from relay.store.transaction import TRIES, Store, Transaction, is_passing
from tests.clock import SetClock
from tests.made import RESIDENT
from tests.statements import recorded

ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"])


def names(store: Store) -> list[str]:
    return store.transact(lambda tx: list(tx.run(select(source.c.name).order_by(source.c.name)).scalars()))


def fail(tx: Transaction, state: str) -> None:
    """Let PostgreSQL itself fail with this SQLSTATE."""
    tx.run(text(f"DO $$ BEGIN RAISE EXCEPTION 'value {RESIDENT}' USING ERRCODE = '{state}'; END $$"))


def test_a_transaction_commits_what_it_did_and_gives_what_it_found(store: Store) -> None:
    statement = insert(source).values(name="a").returning(source.c.failures)
    assert store.transact(lambda tx: tx.run(statement).scalar_one()) == 0
    assert names(store) == ["a"]


def test_a_transaction_that_fails_leaves_nothing_and_is_not_repeated(store: Store) -> None:
    tries = []

    def work(tx: Transaction) -> None:
        tries.append(tx.run(insert(source).values(name="a")))
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        store.transact(work)
    assert len(tries) == 1
    assert names(store) == []


def test_what_is_told_of_a_transaction_is_said_once_when_it_is_committed(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it was run; and not at all where it came to nothing."""
    log = logging.getLogger("said")
    tries = []

    def work(tx: Transaction) -> None:
        tries.append(1)
        tx.tell(log.error, "change %d is held", 7, extra={"source": "s"})
        assert "change 7" not in caplog.text
        if len(tries) < 3:
            raise OperationalError("", None, sqlite3.OperationalError("database is locked"))

    store.transact(work)
    assert (len(tries), [record.getMessage() for record in caplog.records].count("change 7 is held")) == (3, 1)

    def fail_at_last(tx: Transaction) -> None:
        tx.tell(log.error, "change 8 is held")
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        store.transact(fail_at_last)
    assert "change 8" not in caplog.text


def test_the_time_is_read_once_at_the_start(store: Store, clock: SetClock) -> None:
    start = clock.at

    def work(tx: Transaction) -> datetime:
        clock.advance(hours=1)
        return tx.now

    assert store.transact(work) == start


def test_all_workers_share_the_database_s_clock(relay_url: str, dialect: str) -> None:
    """No worker's own clock decides anything on PostgreSQL; SQLite is a file on the worker's machine."""
    engine = connect(relay_url)
    with recorded(engine) as statements:
        now = Store(engine).transact(lambda tx: tx.now)
    engine.dispose()
    assert [("clock_timestamp()" in each) for each in statements] == ([] if dialect == "sqlite" else [True])
    assert now.utcoffset() is not None
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60


# --- what is tried again


@pytest.fixture(autouse=True)
def _everything_is_said() -> Iterator[None]:
    """In a process that runs for days a complaint comes once in a while; a test wants each."""
    logger = logging.getLogger("relay.store.transaction")
    filters = logger.filters[:]
    logger.filters.clear()
    yield
    logger.filters[:] = filters


@ON_POSTGRESQL
@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_what_may_pass_is_tried_again_from_the_start(
    store: Store, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    tries = []

    def work(tx: Transaction) -> str:
        tries.append(tx.now)
        tx.run(insert(source).values(name=f"try {len(tries)}"))
        if len(tries) < TRIES:
            fail(tx, state)
        return "done"

    with caplog.at_level(logging.WARNING):
        assert store.transact(work) == "done"

    assert len(tries) == TRIES
    assert names(store) == [f"try {TRIES}"]
    assert len(caplog.records) == TRIES - 1
    assert RESIDENT not in caplog.text
    assert state in caplog.records[0].__dict__["error"]


def test_a_connection_of_ours_that_others_hold_is_waited_for_again(relay_url: str, clock: SetClock) -> None:
    """`celery worker -c` may start more threads than there are connections; no answer is to be lost for that."""
    engine = create_engine(relay_url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01)
    held = [engine.connect()]

    def free() -> bool:
        if held:
            held.pop().close()
        return True

    store = Store(engine, clock)
    assert store.transact(lambda tx: tx.now, keep_trying=free) == clock.at
    engine.dispose()


@ON_POSTGRESQL
def test_it_is_not_tried_for_ever(store: Store) -> None:
    tries = []

    def work(tx: Transaction) -> None:
        tries.append(tx)
        fail(tx, "40001")

    with pytest.raises(OperationalError):
        store.transact(work)
    assert len(tries) == TRIES


@ON_POSTGRESQL
def test_what_cannot_come_again_is_tried_for_as_long_as_it_makes_sense(store: Store) -> None:
    tries = []

    def work(tx: Transaction) -> str:
        tries.append(tx)
        if len(tries) < TRIES + 2:
            fail(tx, "40001")
        return "done"

    assert store.transact(work, keep_trying=lambda: True) == "done"
    assert len(tries) == TRIES + 2


@ON_POSTGRESQL
def test_and_no_longer(store: Store) -> None:
    tries = []

    def work(tx: Transaction) -> None:
        tries.append(tx)
        fail(tx, "40001")

    with pytest.raises(OperationalError):
        store.transact(work, keep_trying=lambda: len(tries) < TRIES + 1)
    assert len(tries) == TRIES + 1


@ON_POSTGRESQL
def test_a_connection_that_was_cut_is_replaced(store: Store) -> None:
    tries = []

    def work(tx: Transaction) -> int:
        process = tx.run(text("SELECT pg_backend_pid()")).scalar_one()
        tries.append(process)
        if len(tries) == 1:
            store.transact(lambda other: other.run(text(f"SELECT pg_terminate_backend({process}, 5000)")))
        tx.run(insert(source).values(name="a"))
        return int(process)

    assert store.transact(work) == tries[1] != tries[0]
    assert names(store) == ["a"]


@ON_POSTGRESQL
@pytest.mark.parametrize("state", ["23505", "22001", "42P01", "57014", "P0001"])
def test_what_will_not_pass_is_not_tried_again(store: Store, state: str) -> None:
    tries = []

    def work(tx: Transaction) -> None:
        tries.append(tx)
        fail(tx, state)

    with pytest.raises(DBAPIError):
        store.transact(work)
    assert len(tries) == 1


def test_a_file_that_is_locked_may_pass_and_a_broken_rule_may_not(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x TEXT PRIMARY KEY)")
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        connection.exec_driver_sql("INSERT INTO t VALUES ('1')")
    with pytest.raises(IntegrityError) as broken, engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES ('1')")
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError) as locked, engine.begin():
            pass
        other.execute("ROLLBACK")
    engine.dispose()
    assert is_passing(locked.value)
    assert not is_passing(broken.value)
    assert not is_passing(ValueError())


# --- what is said of it


@ON_POSTGRESQL
def test_a_server_s_error_is_described_without_its_values(store: Store) -> None:
    """Its own text quotes the key that was there already."""
    store.transact(lambda tx: tx.run(insert(source).values(name=RESIDENT)))
    with pytest.raises(IntegrityError, match=RESIDENT) as refused:
        store.transact(lambda tx: tx.run(insert(source).values(name=RESIDENT)))
    assert describe(refused.value) == "UniqueViolation (SQLSTATE 23505)"


def test_any_other_error_is_described_by_its_class() -> None:
    assert describe(ValueError(RESIDENT)) == "ValueError"


def test_an_address_nobody_answers_at_is_described_without_its_password() -> None:
    engine = connect("postgresql+psycopg://relay:s3cret@127.0.0.1:1/x")
    with pytest.raises(OperationalError) as refused, engine.connect():
        pass
    engine.dispose()
    assert describe(refused.value) == "OperationalError"
    assert is_passing(refused.value)
