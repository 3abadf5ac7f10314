"""What an operator sees of a relay at work, of one in trouble, and of one whose parts are away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import event, insert, text, update

from relay.database import connect
from relay.exporter.families import LANE_STATES
from relay.flow.intake.step import intake
from relay.flow.maintenance.nightly_lists import compare_now
from relay.flow.publishing.follow import CHECK
from relay.flow.relay import Relay
from relay.outbox.table import outbox_table
from relay.store import lanes, sources, workers
from relay.store.lanes import LaneName
from relay.store.schema import receipt
from relay.store.transaction import Transaction
from relay.store.workers import Report
from tests.exporter.conftest import CERTIFICATE_ENDS, Serve
from tests.index.certificates import pkcs12_of
from tests.made import OTHER_SYSTEM, RESIDENT, SYSTEM, UNIT
from tests.store.steps import CONTENT, alter, alter_lane, rows

LANE = {"index": "national", "source_system": SYSTEM}


def book(relay: Relay, *booking_ids: str, created_at: datetime | None = None) -> None:
    """Write bookings to nord's outbox."""
    at = created_at or datetime.now(UTC)
    sqlite = relay.store.engine.dialect.name == "sqlite"
    starts_at = datetime(2040, 6, 1, 9, 30)
    said = {"operation": "upsert", "resident_id": RESIDENT, "care_unit": UNIT,
            "starts_at": starts_at.isoformat() if sqlite else starts_at,
            "created_at": at.isoformat() if sqlite else at}  # fmt: skip
    with relay.store.engine.begin() as connection:
        connection.execute(
            insert(outbox_table(dialect=relay.store.engine.dialect.name)),
            [said | {"booking_id": b} for b in booking_ids],
        )


def lane_id(relay: Relay) -> int:
    return relay.store.transact(lambda tx: lanes.of_source(tx, "nord"))[LaneName("national", SYSTEM)]


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"ei_relay_{name}", labels)


def test_rows_that_wait_in_an_outbox(relay: Relay, served: Serve) -> None:
    book(relay, "b-1", "b-2", created_at=datetime.now(UTC) - timedelta(minutes=3))

    registry = served()

    assert value(registry, "outbox_up", source="nord") == 1
    assert value(registry, "outbox_unread", source="nord") == 2
    assert value(registry, "outbox_oldest_unread_seconds", source="nord") == pytest.approx(180, abs=30)


def test_rows_that_were_rejected_within_the_hour(relay: Relay, served: Serve) -> None:
    book(relay, "b-1", "x" * 200, "y" * 200)
    intake(relay, "nord")
    assert value(served(), "outbox_rejected_rows", source="nord") == 2
    assert value(served(), "outbox_rejected_rows", source="syd") == 0

    # when an hour has passed over one of them
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with relay.store.engine.begin() as connection:
        connection.execute(update(receipt).where(receipt.c.row_id == 2).values(settled_at=hour_ago))

    assert value(served(), "outbox_rejected_rows", source="nord") == 1


def test_posts_by_state_and_how_late_they_are(relay: Relay, served: Serve) -> None:
    book(relay, "b-1", "b-2", "b-3", "b-4", created_at=datetime.now(UTC) - timedelta(minutes=50))
    intake(relay, "nord")
    indexed, parked, *_ = rows(relay.store)
    alter(relay.store, indexed.id, known=indexed.wanted)
    alter(relay.store, parked.id, parked_code="EI004")

    registry = served()

    states = {state: value(registry, "posts", source="nord", state=state) for state in ("indexed", "pending", "parked")}
    assert states == {"indexed": 1, "pending": 2, "parked": 1}
    assert value(registry, "posts", source="syd", state="pending") == 0
    assert value(registry, "oldest_pending_seconds", **LANE) == pytest.approx(3000, abs=30)
    assert value(registry, "oldest_pending_seconds", index="national", source_system=OTHER_SYSTEM) == 0
    assert value(registry, "parked_posts", **LANE, code="EI004") == 1
    assert value(registry, "outbox_oldest_unread_seconds", source="nord") == 0


def test_a_lane_is_in_one_state_and_says_since_when_it_is_blocked(relay: Relay, served: Serve) -> None:
    since = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    alter_lane(relay.store, lane_id(relay), blocked_code="VP007", blocked_since=since, failures=3)

    registry = served()

    states = {state: value(registry, "lane_state", **LANE, state=state) for state in LANE_STATES}
    assert states == {"open": 0, "calling": 0, "resting": 0, "blocked": 1, "paused": 0}
    assert value(registry, "lane_blocked_timestamp_seconds", **LANE, code="VP007") == since.timestamp()
    assert value(registry, "lane_failures", **LANE) == 3


def test_the_last_success_of_a_source_and_none_before_the_first(relay: Relay, served: Serve) -> None:
    at = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
    alter_lane(relay.store, lane_id(relay), last_success_at=at)

    registry = served()

    assert value(registry, "last_success_timestamp_seconds", source="nord") == at.timestamp()
    assert value(registry, "last_success_timestamp_seconds", source="syd") is None


def test_the_day_the_client_certificate_ends(served: Serve) -> None:
    """R-37"""
    assert value(served(), "client_certificate_expiry_timestamp_seconds", index="national") == (
        CERTIFICATE_ENDS.timestamp()
    )


def test_the_day_a_certificate_in_pkcs12_ends(relay: Relay, served: Serve, tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("relay.example", not_after=CERTIFICATE_ENDS + timedelta(days=1))
    (tmp_path / "tls.crt").write_bytes(pkcs12_of(issued))
    registry = served()
    assert value(registry, "client_certificate_readable", index="national") == 1
    assert value(registry, "client_certificate_expiry_timestamp_seconds", index="national") == (
        CERTIFICATE_ENDS.timestamp() + 86400
    )


def test_what_is_away_spoils_nothing_else(relay: Relay, served: Serve) -> None:
    registry = served()

    assert value(registry, "outbox_up", source="syd") == 0
    assert value(registry, "outbox_unread", source="syd") is None
    assert value(registry, "outbox_up", source="nord") == 1
    assert value(registry, "broker_up") == 0
    assert value(registry, "database_up") == 1


def test_a_database_that_is_away_is_told_of_and_no_old_figure_with_it(relay: Relay, served: Serve) -> None:
    with relay.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ei_lane RENAME TO ei_lane_away")
    try:
        registry = served()
    finally:
        with relay.store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE ei_lane_away RENAME TO ei_lane")

    assert value(registry, "database_up") == 0
    assert value(registry, "posts", source="nord", state="pending") is None
    assert value(registry, "outbox_unread", source="nord") == 0


def test_no_resident_booking_or_unit_is_served(relay: Relay, served: Serve) -> None:
    book(relay, "b-secret")
    intake(relay, "nord")

    text = generate_latest(served()).decode()

    assert "ei_relay_posts{" in text
    for personal in (RESIDENT, "b-secret", UNIT, CONTENT, "broker:6379"):
        assert personal not in text


@pytest.mark.parametrize("dialect", ["postgresql"])  # on SQLite nothing is made during a look
def test_a_lane_that_is_made_during_a_look_spoils_nothing(relay: Relay, served: Serve, relay_url: str) -> None:
    another = connect(relay_url)
    statements = iter(
        (
            "INSERT INTO ei_lane (engagement_index, source_system, source) VALUES ('national', 'SE-new', 'syd')",
            "INSERT INTO ei_post (lane_id, booking_id, resident_id, care_unit, data_controller, wanted, wanted_since)"
            " SELECT max(id), 'b-1', '191212121212', 'U', 'C', '20991224103000', now() FROM ei_lane",
        )
    )

    def make(_connection: Any, _cursor: Any, asked: str, *_rest: Any) -> None:
        if "FROM ei_lane" in asked:
            with another.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))

    event.listen(relay.store.engine, "after_cursor_execute", make)
    registry = served()
    event.remove(relay.store.engine, "after_cursor_execute", make)
    another.dispose()

    assert value(registry, "posts", source="syd", state="pending") == 0
    assert value(served(), "posts", source="syd", state="pending") == 1


def test_workers_are_counted_in_the_database_and_sources_say_when_they_were_looked_after(
    relay: Relay, served: Serve
) -> None:
    """Their own series end with them; these go on."""
    registry = served()
    assert registry.get_sample_value("ei_relay_workers") == 0
    assert registry.get_sample_value("ei_relay_source_last_look_timestamp_seconds", {"source": "nord"}) == 0

    def work(tx: Transaction) -> float:
        workers.report(tx, Report("w", "host", "0.3.0", tx.now, 0, {}))
        sources.checked(tx, "nord", None, None, tx.now + CHECK)
        return tx.now.timestamp()

    at = relay.store.transact(work)
    registry = served()
    assert registry.get_sample_value("ei_relay_workers") == 1
    looked = registry.get_sample_value("ei_relay_source_last_look_timestamp_seconds", {"source": "nord"})
    assert looked == pytest.approx(at)


def test_a_certificate_that_cannot_be_read_is_told_of(served: Serve, tmp_path: Path) -> None:
    assert served().get_sample_value("ei_relay_client_certificate_readable", {"index": "national"}) == 1
    (tmp_path / "tls.crt").unlink()
    assert served().get_sample_value("ei_relay_client_certificate_readable", {"index": "national"}) == 0


def test_when_a_full_list_was_compared_and_what_was_found(relay: Relay, served: Serve) -> None:
    def stamp() -> float | None:
        return value(served(), "full_list_timestamp_seconds", source="nord")

    assert stamp() is None
    compare_now(relay, "nord")
    failed_at = stamp()
    assert failed_at is not None  # since when it should have been
    assert value(served(), "full_list_failed", source="nord") == 1
    book(relay, "b-1")
    with relay.store.engine.begin() as connection:
        columns = "booking_id, resident_id, care_unit, starts_at"
        connection.execute(text(f"CREATE VIEW ei_full_list AS SELECT {columns} FROM ei_outbox"))
    intake(relay, "nord")
    book(relay, "b-2")  # of which a row waits
    assert compare_now(relay, "nord")
    registry = served()
    assert (stamp() or 0) > failed_at
    assert value(registry, "full_list_failed", source="nord") == 0
    assert value(registry, "full_list_bookings", source="nord", result="created") == 0
    assert value(registry, "full_list_failed", source="syd") is None
    with relay.store.engine.begin() as connection:
        connection.execute(text("DROP VIEW ei_full_list"))
