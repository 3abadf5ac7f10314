from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Row, select

from relay.store import due_summary, sources
from relay.store.schema import source
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock


@pytest.fixture
def names(store: Store) -> list[str]:
    """Two sources."""
    store.transact(lambda tx: sources.ensure(tx, ["tidbok-nord", "tidbok-syd"]))
    return ["tidbok-nord", "tidbok-syd"]


def row(store: Store, name: str) -> Row[Any]:
    return store.transact(lambda tx: tx.run(select(source).where(source.c.name == name)).one())


def to_look_at(store: Store) -> list[str]:
    seen = store.ask(partial(due_summary.read, paces={}, compared=timedelta(hours=1)))
    return [source.name for source in seen.sources if source.look]


def trouble(store: Store, name: str, failures: int, seconds: int) -> None:
    rest = timedelta(seconds=seconds)
    store.transact(lambda tx: sources.trouble(tx, name, "OperationalError", failures, tx.now + rest))


def test_sources_are_made_once(store: Store, names: list[str]) -> None:
    trouble(store, "tidbok-syd", 2, 60)
    store.transact(lambda tx: sources.ensure(tx, [*names, "tidbok-ost"]))
    assert row(store, "tidbok-syd").failures == 2
    assert to_look_at(store) == ["tidbok-nord", "tidbok-ost"]


def test_a_source_in_trouble_is_left_alone_for_a_while(store: Store, names: list[str], clock: SetClock) -> None:
    since = clock.at
    trouble(store, "tidbok-nord", 1, 2)
    assert to_look_at(store) == ["tidbok-syd"]
    clock.advance(seconds=2)
    assert to_look_at(store) == names

    trouble(store, "tidbok-nord", 2, 4)

    stands = row(store, "tidbok-nord")
    assert (stands.failures, stands.error, stands.error_since) == (2, "OperationalError", since)
    assert stands.next_look_at == clock.at + timedelta(seconds=4)
    assert store.transact(lambda tx: sources.failures(tx, "tidbok-nord")) == 2


def test_a_source_that_answers_again_has_no_trouble(store: Store, names: list[str], clock: SetClock) -> None:
    trouble(store, "tidbok-nord", 3, 2)
    clock.advance(seconds=2)
    store.transact(lambda tx: sources.answers(tx, "tidbok-nord"))
    stands = row(store, "tidbok-nord")
    assert (stands.failures, stands.error, stands.error_since) == (0, None, None)


@pytest.mark.parametrize("dialect", ["postgresql"])  # on SQLite every transaction waits for every other one
def test_one_worker_at_a_time_takes_in_a_source(store: Store, names: list[str], clock: SetClock) -> None:
    """Nobody waits for the other: its turn is the next look."""
    with store.engine.begin() as one:
        assert sources.lock(Transaction(one, clock.at), "tidbok-nord") is not None
        assert store.transact(lambda tx: sources.lock(tx, "tidbok-nord")) is None
        assert store.transact(lambda tx: sources.lock(tx, "tidbok-syd")) is not None
    assert store.transact(lambda tx: sources.lock(tx, "tidbok-nord")) is not None


def test_a_source_that_is_not_there_is_not_locked(store: Store, names: list[str]) -> None:
    assert store.transact(lambda tx: sources.lock(tx, "unknown")) is None
    assert store.transact(lambda tx: sources.lock(tx, "tidbok-nord")) is not None
