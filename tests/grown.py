"""The relay's database after years: so many posts, bookings and receipts that are settled, and the few that are not.

What is settled grows with `posts`; what waits, is parked or was rejected lately does not. So a question about the
latter must cost the same whatever the former.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, DateTime, Engine, event, func, text

from relay.post import PostKey
from relay.store import bookings, collisions, due_summary, figures, lanes, overview, parked, posts, receipts, retention
from relay.store.columns import metadata
from relay.store.due_summary import Pace
from relay.store.posts import DuePost
from relay.store.selection import Selection
from relay.store.transaction import Store, Transaction

SPACING: Final = timedelta(minutes=5)
REST: Final = timedelta(minutes=15)
PACES: Final = {"national": Pace(SPACING, REST, refresh=True)}
LONG: Final = timedelta(days=90)
WAITING: Final = 1_500  # posts of one lane, in two calls
PARKED: Final = 60
REJECTED: Final = 40  # outbox rows within the hour

_HEAD: Final = (
    "INSERT INTO ei_source (name) SELECT 'source-' || i FROM generate_series(1, 4) i",
    """INSERT INTO ei_lane (engagement_index, source_system, source)
       SELECT 'national', 'system-' || i, 'source-' || i FROM generate_series(1, 4) i""",
)
# All of them are settled. Posts expire and bookings end within the next years, one after another.
_SETTLED: Final = {
    "ei_post": """
        INSERT INTO ei_post (lane_id, booking_id, resident_id, care_unit, data_controller, wanted, known, sent_at,
                             wanted_since, digest, expires_at)
        SELECT 1 + i % 4, 'booking-' || i, '191212121212', 'SE2321000016-1HZ5', 'SE232100-0016', '20400601093000',
               '20400601093000', now() - interval '1 day', now() - interval '1 day',
               ('x' || left(md5(i::text), 16))::bit(64)::bigint,
               now() + interval '1 day' + i * interval '1 minute'
        FROM generate_series(1, :posts) i""",
    "ei_booking": """
        INSERT INTO ei_booking (source, booking_id, row_id, source_system, removed, resident_id, care_unit, kind,
                                starts_at, presentable, changed_at, over_at)
        SELECT 'source-' || 1 + i % 4, 'booking-' || i, i, 'system-' || 1 + i % 4, false, '191212121212',
               'SE2321000016-1HZ5', 'booking', '2040-06-01T09:30:00', true, now(),
               now() + interval '1 day' + i * interval '1 minute'
        FROM generate_series(1, :posts) i""",
    "ei_receipt": """
        INSERT INTO ei_receipt (source, row_id, fingerprint, event_id, outcome, reason, settled_at)
        SELECT 'source-1', i, md5(i::text)::varchar(16), 'event-' || i,
               CASE WHEN i % 100 = 0 THEN 'rejected' ELSE 'taken' END,
               CASE WHEN i % 100 = 0 THEN 'resident_id: expected 12 characters' END,
               now() - interval '2 hours' - (:posts - i) * interval '80 days' / :posts
        FROM generate_series(1, :posts) i""",
    "ei_call": """
        INSERT INTO ei_call (lane_id, correlation_id, started_at, lease_until, ended_at, posts, verdict, code)
        SELECT 1 + i % 4, gen_random_uuid()::text, t, t + interval '1 minute', t, 10, 'accepted', 'OK'
        FROM generate_series(0, :posts - 10, 10) i,
             LATERAL (SELECT now() - (:posts - i) * interval '80 days' / :posts) started (t)""",
}  # fmt: skip
MUCH_WAITS: Final = f"UPDATE ei_post SET wanted = '', wanted_since = now() WHERE id <= {4 * WAITING} AND lane_id = 1"
_UNSETTLED: Final = (
    MUCH_WAITS,
    f"""UPDATE ei_post SET wanted = '', parked_code = 'EI004', parked_at = now()
        WHERE id <= {4 * PARKED} AND lane_id = 2""",
    f"""UPDATE ei_post SET parked_code = 'COLLISION', known = '', parked_at = now()
        WHERE id BETWEEN {4 * PARKED + 1} AND {8 * PARKED} AND lane_id = 3""",
    f"UPDATE ei_receipt SET outcome = 'rejected', settled_at = now() WHERE row_id <= {REJECTED}",
)
_CONSTRAINTS: Final = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = CAST(:table AS regclass) AND contype IN ('p', 'u')"""
_INDEXES: Final = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = :table AND indexname NOT IN (SELECT conname FROM pg_constraint)"""

QUESTIONS: Final[dict[str, Callable[[Transaction], object]]] = {
    "what is due": lambda tx: due_summary.read(
        tx.connection, func.statement_timestamp(type_=DateTime(timezone=True)), PACES, REST
    ),
    "which lanes are due": lambda tx: lanes.due(tx, "national", SPACING, REST),
    "which posts a call carries": lambda tx: posts.claim(
        tx, 1, "system-1", tx.now - SPACING, split=True, bulk=True, limit=1000
    ),
    "which posts have expired": posts.expire,
    "which posts wait for another to go": collisions.release,
    "exporter: what waits": figures.waiting,
    "exporter: what is parked": figures.parked,
    "exporter: what was rejected lately": figures.rejected,
    "exporter: the last post": figures.last_post_id,
    "exporter: a range of posts": lambda tx: figures.indexed_between(tx, 8001, 9000),
    "status: lanes": overview.lanes,
    "posts show": lambda tx: overview.posts_of_booking(tx, "booking-7000", None),
    "posts show: by number": lambda tx: overview.post_by_id(tx, 7000),
    "parked list": lambda tx: (parked.counts(tx, Selection()), parked.listed(tx, Selection(), 100)),
    "retention: persons": lambda tx: retention.forget_persons(tx, tx.now - LONG),
    "retention: tombstones": lambda tx: retention.drop_tombstones(tx, tx.now - LONG),
    "retention: absent posts": lambda tx: retention.drop_absent_posts(tx, tx.now - LONG),
    "retention: discarded posts": lambda tx: retention.drop_discarded_posts(tx, tx.now - LONG),
    "retention: receipts": lambda tx: retention.drop_receipts(tx, "source-1", tx.now - LONG),
    "retention: calls": lambda tx: retention.drop_calls(tx, tx.now - LONG),
    "retention: audit": lambda tx: retention.drop_audit(tx, tx.now - LONG),
    "retention: snapshots": lambda tx: retention.drop_snapshots(tx, tx.now - LONG),
}


IDS: Final = range(7000, 8000)
_DUE: Final = [
    DuePost(i, PostKey("191212121212", "SE2321000016-1HZ5", f"booking-{i}", "system-1", "SE232100-0016"),
            "20400601093000", datetime(2040, 6, 1, tzinfo=UTC), "", bulk=False, suspect=None, attempts=0)
    for i in IDS
]  # fmt: skip
BATCHES: Final[dict[str, Callable[[Transaction], object]]] = {
    "the bookings": lambda tx: bookings.load(tx, "source-1", [f"booking-{i}" for i in IDS]),
    "the receipts": lambda tx: receipts.of_rows(tx, "source-1", IDS),
    "the events": lambda tx: receipts.events_taken(tx, "source-1", [f"event-{i}" for i in IDS]),
    "the posts": lambda tx: posts.of_bookings(
        tx, {i: f"system-{i}" for i in range(1, 5)}, [f"booking-{i}" for i in IDS]
    ),
    "the posts of one text": lambda tx: collisions.keep_apart(tx, "national", _DUE),
}
"""What intake asks of a thousand rows, and a call of its posts: as much as they are, found by their keys."""


def grow(engine: Engine, posts: int) -> None:
    """Fill a database that has the relay's empty tables. Indexes are made when the rows are there: much quicker."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for statement in _HEAD:
            connection.execute(text(statement))
        for table, statement in _SETTLED.items():
            connection.execute(text(f"TRUNCATE {table}"))  # in the same transaction: what follows needs no journal
            with _without_indexes(connection, table):
                connection.execute(text(statement), {"posts": posts})
        for statement in _UNSETTLED:
            connection.execute(text(statement))


def settle(engine: Engine) -> None:
    """Vacuum and analyse, as autovacuum has done on a database of that age; from now on it does nothing there.

    Else it would come in the middle of some test, a minute after enough rows were changed, and with it other plans.
    """
    with engine.connect() as connection:
        own = connection.execution_options(isolation_level="AUTOCOMMIT")
        own.execute(text("SET statement_timeout = 0"))
        own.execute(text("VACUUM ANALYZE"))
        for table in metadata.tables:
            own.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))


@contextmanager
def _without_indexes(connection: Connection, table: str) -> Iterator[None]:
    constraints = connection.execute(text(_CONSTRAINTS), {"table": table}).all()
    indexes = connection.execute(text(_INDEXES), {"table": table}).all()
    for name, _ in constraints:
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    yield
    for name, definition in constraints:
        connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))
    for _, definition in indexes:
        connection.execute(text(definition))


@dataclass(frozen=True)
class Cost:
    """What PostgreSQL did for a question: the nodes of its plans in order ("Index Scan ei_post_pending"), the rows it
    looked at, the pages it touched."""

    plan: tuple[str, ...]
    rows: int
    pages: int


def cost_of(store: Store, question: Callable[[Transaction], object]) -> Cost:
    """What a question costs; nothing that it changes stays."""
    with suppress(_Undone), explaining(store.engine) as plans:
        store.transact(lambda tx: _asked(tx, question))
    return cost(plans)


@contextmanager
def explaining(engine: Engine) -> Iterator[list[dict[str, Any]]]:
    """The plans of all that is asked meanwhile, as PostgreSQL really went about it."""
    plans: list[dict[str, Any]] = []

    def explain(connection: Connection, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        if sql.startswith("SET"):
            return
        alone = bool(connection.connection.dbapi_connection.autocommit)  # a question by itself: nothing to take back
        with connection.connection.cursor() as own:
            if not alone:
                own.execute("SAVEPOINT explained")
            own.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", values)
            row = own.fetchone()
            if not alone:
                own.execute("ROLLBACK TO explained")
            told = row[0] if row else []
            plans.append((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def cost(plans: list[dict[str, Any]]) -> Cost:
    """What these plans cost together."""
    nodes = [node for plan in plans for node in _nodes(plan)]
    return Cost(
        tuple(" ".join(filter(None, (n["Node Type"], n.get("Index Name") or n.get("Relation Name")))) for n in nodes),
        sum(_looked_at(node) for node in nodes),
        sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans),
    )


class _Undone(Exception):
    """Takes back what a question changed."""


def _asked(tx: Transaction, question: Callable[[Transaction], object]) -> None:
    question(tx)
    raise _Undone


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _looked_at(node: dict[str, Any]) -> int:
    if "Scan" not in node["Node Type"] or node["Node Type"] in ("CTE Scan", "Subquery Scan", "Function Scan"):
        return 0
    kept = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return round(kept * node["Actual Loops"])
