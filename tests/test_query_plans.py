"""That PostgreSQL finds the few rows that a question is about without looking at the many that it is not.

How few posts wait it cannot know, for `wanted <> known` has no statistics: it takes nearly all for pending. So the
questions that are asked every second must be put in a way that leaves it no choice but the index made for them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from sqlalchemy import Engine, create_engine, text

from relay.database import connect, reading
from relay.demo.postgres import Postgres
from relay.sessions import Bounds
from relay.store import figures
from relay.store.migrate import upgrade
from relay.store.transaction import Store
from tests.grown import BATCHES, IDS, MUCH_WAITS, QUESTIONS, Cost, cost_of, grow, settle

MANY: Final = 100_000
FEW: Final = 10_000
TEN_MILLION: Final = 10_000_000
DISK: Final = 14  # GB free; some 8 are needed for a while
GROWN: Final = ("ei_post", "ei_booking", "ei_receipt", "ei_call")
INDEX: Final = {
    "which lanes are due": "ei_post_pending",
    "which posts a call carries": "ei_post_pending",
    "which posts have expired": "ei_post_expiry",
    "exporter: what waits": "ei_post_pending",
    "exporter: what is parked": "ei_post_parked",
    "exporter: what was rejected lately": "ei_receipt_rejected",
    "exporter: the last post": "ei_post_pkey",
    "exporter: a range of posts": "ei_post_pkey",
    "status: lanes": "ei_post_pending",
    "parked list": "ei_post_parked",
    "retention: persons": "ei_booking_over",
    "retention: tombstones": "ei_booking_over",
    "retention: absent posts": "ei_post_absent",
    "retention: discarded posts": "ei_post_parked",
    "retention: receipts": "ei_receipt_pkey",
    "retention: calls": "ei_call_started",
}


def new_database(server: Any, name: str, posts: int) -> Engine:
    """A database of that name with so many settled posts."""
    administrator = create_engine(server.url())
    with reading(administrator) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    administrator.dispose()
    engine = connect(server.url(name), bounds=Bounds(statement=600))
    upgrade(engine)
    grow(engine, posts)
    settle(engine)
    return engine


def whole_tables(cost: Cost) -> list[str]:
    """The tables that grow and were read from end to end."""
    return [table for table in GROWN if f"Seq Scan {table}" in cost.plan]


@pytest.fixture(scope="module")
def engine(postgres: Any) -> Iterator[Engine]:
    """A database with a hundred thousand settled posts in four lanes."""
    engine = new_database(postgres, "plans", MANY)
    yield engine
    engine.dispose()
    administrator = create_engine(postgres.url())
    with reading(administrator) as connection:
        connection.execute(text("DROP DATABASE plans WITH (FORCE)"))
    administrator.dispose()


@pytest.fixture(params=["one lane has much", "nothing waits"])
def store(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Store]:
    """The same, and in one lane 1500 posts waiting, all since one and the same moment, or none."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE ei_post SET wanted = known WHERE parked_code IS NULL AND wanted <> known"))
        if request.param == "one lane has much":
            connection.execute(text(MUCH_WAITS))
    return Store(engine)


@pytest.mark.parametrize("asked", QUESTIONS)
def test_a_question_reads_no_table_that_grows(store: Store, asked: str) -> None:
    cost = cost_of(store, QUESTIONS[asked])

    assert whole_tables(cost) == []
    if asked in INDEX:
        assert any(node.endswith(INDEX[asked]) for node in cost.plan), cost.plan


def test_a_call_reads_no_more_than_it_carries(store: Store) -> None:
    """Though all have waited since the same moment."""
    cost = cost_of(store, QUESTIONS["which posts a call carries"])

    assert cost.rows <= 1000
    assert "Sort" not in cost.plan


def test_posts_in_bulk_that_wait_for_their_pace_are_not_looked_at(store: Store) -> None:
    """R-34. They may be millions for days, and what is due is asked every second."""
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE ei_post SET bulk = true WHERE wanted <> known"))
        connection.execute(text("UPDATE ei_lane SET next_bulk_at = now() + interval '1 hour'"))

    cost = cost_of(store, QUESTIONS["which lanes are due"])

    with store.engine.begin() as connection:
        connection.execute(text("UPDATE ei_post SET bulk = false WHERE bulk"))
        connection.execute(text("UPDATE ei_lane SET next_bulk_at = now()"))
    assert cost.rows < 50


def test_what_stands_in_the_index_is_told_without_counting_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "EXACTLY", 1_000)
    monkeypatch.setattr(figures, "_SAMPLE", 20)
    cost = cost_of(store, figures.indexed)

    assert whole_tables(cost) == []
    assert cost.rows <= 5_000


@pytest.fixture(scope="module")
def sizes() -> Iterator[tuple[Store, Store]]:
    """A database with ten thousand posts and one with ten million, and as many bookings and receipts."""
    free = shutil.disk_usage("/tmp").free / 1e9  # where the server keeps its data
    if free < DISK:
        pytest.skip(f"the disk has {free:.0f} GB free and not {DISK}: the plans at ten million posts are NOT tested")
    journal = ("wal_level=minimal", "max_wal_senders=0", "max_wal_size=1GB")
    with Postgres("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", *journal) as server:
        began = time.monotonic()
        few, many = new_database(server, "few", FEW), new_database(server, "many", TEN_MILLION)
        print(
            f"built in {time.monotonic() - began:.0f} s; {free - shutil.disk_usage('/tmp').free / 1e9:.1f} GB of disk"
        )
        yield Store(few), Store(many)
        few.dispose()
        many.dispose()


@pytest.mark.heavy
@pytest.mark.parametrize("asked", QUESTIONS)
def test_a_question_costs_the_same_at_ten_million_posts_as_at_ten_thousand(
    sizes: tuple[Store, Store], asked: str
) -> None:
    few, many = (cost_of(store, QUESTIONS[asked]) for store in sizes)
    print(asked, few, many, sep="\n  ")

    # A thousand times as many posts: another plan over the same few rows may cost more, one that grows would cost a
    # thousand times as much. The trees are higher by a level or two; and rows that are far apart in the table are far
    # apart in its visibility map too, so that some cost a page of it each.
    assert whole_tables(many) == []
    assert many.rows <= 3 * few.rows
    assert many.pages <= 3 * few.pages + 20 + many.rows // 4


@pytest.mark.heavy
@pytest.mark.parametrize("asked", BATCHES)
def test_a_batch_is_found_by_its_keys_among_ten_million(sizes: tuple[Store, Store], asked: str) -> None:
    cost = cost_of(sizes[1], BATCHES[asked])
    print(asked, cost, sep="\n  ")

    assert whole_tables(cost) == []
    assert cost.rows <= len(IDS)
    assert cost.pages <= 6 * len(IDS)  # four levels of a tree, and the row
