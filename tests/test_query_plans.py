"""That PostgreSQL finds the few posts that wait without looking at the many that do not.

How few they are it cannot know, for `wanted <> known` has no statistics: it takes nearly all for pending. So the
questions that are asked every second must be put in a way that leaves it no choice but the index made for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

from relay.database import connect, reading
from relay.store import figures, lanes, parked, posts, retention
from relay.store.migrate import upgrade
from relay.store.selection import Selection
from relay.store.transaction import Store, Transaction

SPACING: Final = timedelta(minutes=5)
REST: Final = timedelta(minutes=15)

_LANES = text("""
    INSERT INTO ei_lane (engagement_index, source_system, source)
    SELECT 'national', 'system-' || i, 'source-' || i FROM generate_series(1, 4) i""")
_SOURCES = text("INSERT INTO ei_source (name) SELECT 'source-' || i FROM generate_series(1, 4) i")
_SETTLED = text("""
    INSERT INTO ei_post (lane_id, booking_id, resident_id, care_unit, data_controller, wanted, known, sent_at,
                         wanted_since, expires_at)
    SELECT 1 + i % 4, 'booking-' || i, '191212121212', 'UNIT', 'CONTROLLER', '20400601093000', '20400601093000',
           now() - interval '1 day', now() - interval '1 day', '2040-06-01 07:30Z'
    FROM generate_series(1, :posts) i""")
_OVER = text("""
    INSERT INTO ei_booking (source, booking_id, row_id, source_system, removed, changed_at, over_at)
    SELECT 'source-1', 'booking-' || i, i, 'system-1', false, now(), now() + i * interval '1 minute'
    FROM generate_series(1, 20000) i""")
_RECEIPTS: Final = text("""
    INSERT INTO ei_receipt (source, row_id, fingerprint, outcome, settled_at)
    SELECT 'source-' || 1 + i % 4, i, 'f', CASE WHEN i % 100 = 0 THEN 'rejected' ELSE 'taken' END,
           now() - interval '90 days' + i * interval '90 days' / :rows
    FROM generate_series(1, :rows) i""")
POSTS: Final = int(os.environ.get("EI_TEST_POSTS", "50000"))  # the plans are the same with ten million
_PENDING = text("UPDATE ei_post SET wanted = '', wanted_since = now() WHERE id <= 30000 AND lane_id = 1")


@pytest.fixture(scope="module")
def engine(postgres: Any) -> Iterator[Engine]:
    """A database with 50 000 settled posts in four lanes, or EI_TEST_POSTS."""
    administrator = create_engine(postgres.url())
    with reading(administrator) as connection:
        connection.execute(text("CREATE DATABASE plans"))
    engine = connect(postgres.url("plans"))
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(_LANES)
        connection.execute(_SOURCES)
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(_SETTLED, {"posts": POSTS})
        connection.execute(_OVER)
        connection.execute(_RECEIPTS, {"rows": POSTS})
    with reading(engine) as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE ei_post, ei_lane, ei_booking, ei_receipt"))
    yield engine
    engine.dispose()
    with reading(administrator) as connection:
        connection.execute(text("DROP DATABASE plans WITH (FORCE)"))
    administrator.dispose()


@pytest.fixture(params=["nothing waits", "one lane has much"])
def store(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Store]:
    """The same, and in one lane nothing or 7500 posts waiting; their time of waiting is one and the same."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE ei_post SET wanted = known WHERE wanted <> known"))
        if request.param == "one lane has much":
            connection.execute(_PENDING)
    return Store(engine)


def plan_of(store: Store, question: Callable[[Transaction], object]) -> str:
    """How PostgreSQL goes about a question, with the rows that it really read."""
    plans: list[str] = []

    def explain(connection: Connection, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        if sql.startswith("SET"):
            return
        with connection.connection.cursor() as own:
            own.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}", values)
            plans.extend(row[0] for row in own.fetchall())

    event.listen(store.engine, "before_cursor_execute", explain)
    try:
        store.transact(question)
    finally:
        event.remove(store.engine, "before_cursor_execute", explain)
    return "\n".join(plans)


def test_which_lanes_are_due(store: Store) -> None:
    plan = plan_of(store, lambda tx: lanes.due(tx, "national", SPACING, REST))

    assert "using ei_post_pending" in plan
    assert "Seq Scan on ei_post" not in plan


def test_which_posts_a_call_carries(store: Store) -> None:
    """It reads no more than the call carries, though all have waited since the same moment."""
    plan = plan_of(
        store,
        lambda tx: posts.claim(tx, 1, "system-1", tx.now - SPACING, split=True, bulk=True, limit=1000),
    )

    assert "using ei_post_pending" in plan
    assert "Sort" not in plan


def test_which_posts_have_expired(store: Store) -> None:
    plan = plan_of(store, posts.expire)

    assert "using ei_post_expiry" in plan
    assert "Seq Scan on ei_post" not in plan


def test_what_the_exporter_asks_is_bounded_by_what_waits(store: Store) -> None:
    """Every ten seconds, whatever the history."""
    plan = plan_of(store, figures.waiting)

    assert "using ei_post_pending" in plan or "on ei_post_pending" in plan
    assert "Seq Scan on ei_post" not in plan
    plan = plan_of(store, figures.parked)
    assert "ei_post_parked" in plan
    assert "Seq Scan on ei_post" not in plan


def test_what_was_rejected_lately_is_found_without_what_was_rejected_before(store: Store) -> None:
    plan = plan_of(store, figures.rejected)

    assert "using ei_receipt_rejected" in plan
    assert "Seq Scan on ei_receipt" not in plan


def test_posts_are_counted_a_range_of_ids_at_a_time(store: Store) -> None:
    plan = plan_of(store, lambda tx: figures.indexed_between(tx, 1001, 2000))

    assert "ei_post_pkey" in plan
    assert "Seq Scan on ei_post" not in plan
    assert "ei_post_pkey" in plan_of(store, figures.last_post_id)


@pytest.mark.parametrize(
    ("step", "index"),
    [
        (retention.drop_absent_posts, "ei_post_absent"),
        (retention.drop_discarded_posts, "ei_post_parked"),
        (retention.forget_persons, "ei_booking_over"),
        (retention.drop_tombstones, "ei_booking_over"),
    ],
)
def test_what_retention_takes_out(store: Store, step: Callable[..., int], index: str) -> None:
    """Nothing is over here, as most of the time."""
    plan = plan_of(store, lambda tx: step(tx, tx.now - timedelta(days=90)))

    assert f"using {index}" in plan or f"on {index}" in plan
    assert "Seq Scan on ei_post" not in plan
    assert "Seq Scan on ei_booking" not in plan


def test_what_is_parked(store: Store) -> None:
    plan = plan_of(store, lambda tx: (parked.counts(tx, Selection()), parked.listed(tx, Selection(), 100)))

    assert "Seq Scan on ei_post" not in plan
