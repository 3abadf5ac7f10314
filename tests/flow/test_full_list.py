"""The nightly comparison with the booking system's own tables, on each kind of database that these can be in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from relay.database import connect
from relay.flow.inquiry.found import Inquiry
from relay.flow.inquiry.gather import gather
from relay.flow.intake import hold
from relay.flow.intake.step import intake
from relay.flow.maintenance import full_list
from relay.flow.maintenance.full_list import NotCompared
from relay.flow.maintenance.nightly_lists import compare_due, compare_now
from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.settings import parse
from relay.snapshot import Fate
from relay.store import audit, changes, notes
from relay.store.schema import snapshot
from relay.story.story import as_text, tell
from tests.clock import SetClock
from tests.flow.test_snapshot import wanted
from tests.made import CONTROLLER, RESIDENT, SYSTEM, UNIT
from tests.store.conftest import SOURCE

VIEW = "SELECT id AS booking_id, resident AS resident_id, unit AS care_unit, at AS starts_at FROM appointment"
AT = "2026-12-24 10:30:00"
CONTENT = "20261224103000"


class Vendor:
    """A booking system's own table, beside its outbox."""

    def __init__(self, url: str) -> None:
        self.url, self.engine = url, connect(url)
        create(self.engine)
        self.run("CREATE TABLE appointment (id VARCHAR(200), resident VARCHAR(400), unit VARCHAR(64), at VARCHAR(40))")

    def run(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def has(self, *ids: str | None, at: str = AT, resident: str = RESIDENT) -> None:
        """Book, and tell the outbox nothing."""
        for each in ids:
            values = {"id": each, "resident": resident, "unit": UNIT, "at": at}
            self.run("INSERT INTO appointment VALUES (:id, :resident, :unit, :at)", **values)

    def tells(self, *ids: str, at: str = AT, operation: str = "upsert") -> None:
        """Tell the outbox, and book nothing."""
        for each in ids:
            values = {"o": operation, "id": each, "resident": RESIDENT, "unit": UNIT, "at": at}
            self.run(
                "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at) "
                "VALUES (:o, :id, :resident, :unit, :at)", **values,
            )  # fmt: skip

    def loses(self, *ids: str) -> None:
        """As a cascade does: no trigger hears of it."""
        for each in ids:
            self.run("DELETE FROM appointment WHERE id = :id", id=each)


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def vendor(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Vendor]:
    kind = request.param
    url = f"sqlite:///{tmp_path / 'vendor.db'}" if kind == "sqlite" else request.getfixturevalue(
        {"postgresql": "postgres_url", "mariadb": "mariadb_url"}[kind]
    )  # fmt: skip
    there = Vendor(url)
    yield there
    there.engine.dispose()


@pytest.fixture
def dialect() -> str:
    """The relay's own database; what it can be is tested elsewhere."""
    return "sqlite"


@pytest.fixture
def relay(relay_url: str, clock: SetClock, vendor: Vendor) -> Iterator[Relay]:
    made = make(relay_url, clock, vendor)
    yield made
    made.close()


def make(relay_url: str, clock: SetClock, vendor: Vendor, **source: object) -> Relay:
    document = {
        "environment": "production",
        "database_url": relay_url,
        "engagement_index": {"national": {"url": "http://127.0.0.1:1/Update", "logical_address": "5565594230"}},
        "surge_guard": {"least": 4, "alike": 60},
        "source": [
            {
                "name": SOURCE, "source_systems": [SYSTEM], "data_controller": CONTROLLER,
                "engagement_index": "national", "outbox_url": vendor.url, "full_list_query": VIEW,
            } | source
        ],
    }  # fmt: skip
    relay = Relay(parse(document), clock)
    relay.prepare()
    return relay


def known(relay: Relay, vendor: Vendor, *ids: str) -> None:
    """Bookings that both have, and that the index was told of."""
    vendor.has(*ids)
    vendor.tells(*ids)
    intake(relay, SOURCE)
    relay.store.transact(lambda tx: tx.run(text("UPDATE ei_post SET known = wanted, sent_at = wanted_since")))


def presents(relay: Relay) -> set[str]:
    return {booking for booking, (content, _) in wanted(relay).items() if content}


def note(relay: Relay) -> dict[str, Any]:
    return dict(relay.store.transact(lambda tx: notes.of(tx, notes.FULL_LIST))[SOURCE].said)


def ids(number: int, start: int = 0) -> list[str]:
    return [f"b-{n:03}" for n in range(start, start + number)]


def test_what_no_outbox_told_is_found_and_sent_as_bulk(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    known(relay, vendor, *ids(30))
    clock.advance(minutes=1)
    vendor.loses("b-001")
    vendor.has("new")
    vendor.run("UPDATE appointment SET at = '2026-12-24 11:00:00' WHERE id = 'b-002'")
    assert compare_now(relay, SOURCE)
    posts = wanted(relay)
    assert (posts["b-001"], posts["new"], posts["b-002"]) == (("", True), (CONTENT, True), ("20261224110000", True))
    assert posts["b-003"] == (CONTENT, False)
    said = note(relay)
    assert (said["created"], said["changed"], said["gone"], said["listed"], said["error"]) == (1, 1, 1, 30, None)
    (entry,) = relay.store.transact(lambda tx: audit.latest(tx, 9))
    assert (entry.who, entry.command, entry.subject) == (
        "relay", "full list", f"{SOURCE}: 1 created, 1 changed, 1 gone",
    )  # fmt: skip
    # And the next night it has nothing more to say
    assert compare_now(relay, SOURCE)
    assert note(relay)["changed"] == note(relay)["gone"] == note(relay)["created"] == 0
    assert len(relay.store.transact(lambda tx: audit.latest(tx, 9))) == 1


def test_what_changes_while_the_list_is_read_is_not_undone(
    relay: Relay, vendor: Vendor, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is a photograph from before; the outbox has gone on, and partly is still to be read."""
    known(relay, vendor, *ids(30))
    read = full_list.read_list

    def slowly(*args: Any) -> Iterator[Any]:
        lines = list(read(*args))
        clock.advance(seconds=30)
        vendor.tells("b-001", operation="remove")
        vendor.tells("booked meanwhile")
        intake(relay, SOURCE)
        clock.advance(seconds=30)
        vendor.tells("b-002", at="2026-12-24 12:00:00")  # committed, and not read yet
        vendor.run("UPDATE appointment SET at = '2026-12-24 12:00:00' WHERE id = 'b-002'")
        yield from lines

    vendor.run("UPDATE appointment SET at = '2026-12-24 11:00:00' WHERE id = 'b-002'")
    monkeypatch.setattr(full_list, "read_list", slowly)
    assert compare_now(relay, SOURCE)
    posts = wanted(relay)
    assert posts["b-001"] == ("", False)
    assert posts["booked meanwhile"] == (CONTENT, False)
    assert posts["b-002"] == (CONTENT, False)  # left to the row that waits
    assert note(relay)["waiting"] == 1
    intake(relay, SOURCE)
    assert wanted(relay)["b-002"] == ("20261224120000", False)


@pytest.mark.parametrize("query", [
    VIEW + " WHERE 1 = 0", VIEW + " WHERE id < 'b-010'", "SELECT * FROM nothing_here", VIEW.replace("resident_id", "x"),
])  # fmt: skip
def test_a_list_that_fails_is_empty_or_lacks_half_removes_nothing(
    relay_url: str, clock: SetClock, vendor: Vendor, query: str
) -> None:
    relay = make(relay_url, clock, vendor, full_list_query=query)
    known(relay, vendor, *ids(30))
    clock.advance(minutes=1)
    vendor.has("new")
    compare_now(relay, SOURCE)
    assert presents(relay) == set(ids(30))
    assert note(relay)["error"]
    assert "compared_at" not in note(relay)
    relay.close()


def test_more_removals_than_may_go_are_held_and_the_rest_is_done(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    """The view has lost a unit: its posts stay until somebody approves."""
    known(relay, vendor, *ids(30))
    clock.advance(minutes=1)
    vendor.loses(*ids(8))
    vendor.has("new")
    assert compare_now(relay, SOURCE)
    assert presents(relay) == {*ids(30), "new"}
    (change,) = relay.store.transact(changes.every)
    assert (change.kind, change.status, change.removed, change.present) == ("full list", "held", 8, 30)
    assert note(relay)["held"] == 8
    # The next night it is as it was, and asked once
    clock.advance(days=1)
    assert compare_now(relay, SOURCE)
    assert [(c.status, c.removed) for c in relay.store.transact(changes.every)] == [("held", 8)]
    # One of them is on the list again: it is let go
    vendor.has("b-000")
    assert compare_now(relay, SOURCE)
    assert relay.store.transact(lambda tx: changes.still_held(tx, change.id)) == 7
    # Approved, the others go
    hold.approve(relay.store, change.id, relay.source(SOURCE).policies.rules(), "eva", "they did close")
    assert presents(relay) == {*ids(22, 8), "b-000", "new"}
    assert relay.store.transact(changes.every) == []


def test_a_whole_list_the_next_night_withdraws_what_was_held(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    known(relay, vendor, *ids(30))
    clock.advance(minutes=1)
    vendor.loses(*ids(8))
    assert compare_now(relay, SOURCE)
    vendor.has(*ids(8))
    clock.advance(days=1)
    assert compare_now(relay, SOURCE)
    (change,) = relay.store.transact(lambda tx: changes.every(tx, ended=True))
    assert change.status == "withdrawn"
    assert wanted(relay) == dict.fromkeys(ids(30), (CONTENT, False))


def test_a_bad_row_is_reported_and_leaves_its_booking_as_it_is(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    known(relay, vendor, *ids(30))
    clock.advance(minutes=1)
    vendor.run("UPDATE appointment SET at = 'tomorrow' WHERE id = 'b-001'")
    vendor.run("UPDATE appointment SET resident = :r WHERE id = 'b-002'", r="1" * 300)
    vendor.loses("b-003")
    assert compare_now(relay, SOURCE)
    assert presents(relay) == set(ids(30)) - {"b-003"}
    said = note(relay)
    assert said["rejected"] == 2
    assert [reason.partition(": ")[0] for reason in sorted(said["reasons"])] == ["booking b-001", "booking b-002"]
    # A row of which nobody knows whose it is might be any that is missing: nothing is removed then
    vendor.has(None)
    vendor.loses("b-004")
    vendor.has("new")
    assert compare_now(relay, SOURCE)
    assert presents(relay) == {*ids(30), "new"} - {"b-003"}


def test_history_is_no_news(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    """A booking system that lists what is over does not fill the relay with it, each night anew."""
    known(relay, vendor, *ids(10))
    clock.advance(minutes=1)
    vendor.has("long ago", at="2020-01-01 10:00:00")
    vendor.run("UPDATE appointment SET at = '2020-01-01 10:00:00' WHERE id = 'b-001'")
    assert compare_now(relay, SOURCE)
    assert note(relay)["created"] == 0
    assert "long ago" not in wanted(relay)
    assert "b-001" not in presents(relay)  # it did stand, and was moved to a time that has passed


def test_a_test_run_in_the_tables_is_held(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    known(relay, vendor, *ids(5))
    clock.advance(minutes=1)
    vendor.has(*ids(61, 100))
    assert compare_now(relay, SOURCE)
    assert presents(relay) == set(ids(5))
    assert [c.kind for c in relay.store.transact(changes.every)] == ["arrivals"]


@pytest.mark.parametrize("vendor", ["postgresql"], indirect=True)  # elsewhere a function cannot, or makes a commit
def test_it_can_write_nothing(relay_url: str, clock: SetClock, vendor: Vendor) -> None:
    """Whatever a query calls: it runs in a session that only reads."""
    vendor.run("CREATE FUNCTION spoil() RETURNS text LANGUAGE sql AS 'DELETE FROM appointment; SELECT $$x$$::text'")
    relay = make(relay_url, clock, vendor, full_list_query=VIEW.replace("unit AS", "spoil() AS"))
    known(relay, vendor, *ids(3))
    assert not compare_now(relay, SOURCE)
    assert presents(relay) == set(ids(3))
    with vendor.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM appointment")).scalar_one() == 3
    relay.close()


def test_a_query_that_takes_too_long_is_given_up(relay_url: str, clock: SetClock, vendor: Vendor) -> None:
    endless = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS booking_id, i AS resident_id, i AS care_unit FROM n WHERE i < 0",
        "postgresql": VIEW.replace("at AS", "pg_sleep(60)::text AS"),
        "mysql": VIEW.replace("at AS", "sleep(60) AS"),
    }[vendor.engine.dialect.name]
    relay = make(relay_url, clock, vendor, full_list_query=endless, full_list_timeout="1s")
    known(relay, vendor, *ids(3))
    with pytest.raises(NotCompared, match=r"too long|longer than"):
        full_list.compare(relay, SOURCE)
    relay.close()


def test_it_runs_once_a_night_and_again_after_a_failure(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    vendor.has("b-1")
    clock.at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    compare_due(relay)
    assert presents(relay) == set()
    assert "tried_at" not in note(relay)
    clock.at = datetime(2026, 12, 2, 1, 59, tzinfo=UTC)  # 02:59 in Sweden
    compare_due(relay)
    assert "tried_at" not in note(relay)
    clock.at += timedelta(minutes=1)
    vendor.run("ALTER TABLE appointment RENAME TO away")
    compare_due(relay)
    assert "not there" in note(relay)["error"]
    vendor.run("ALTER TABLE away RENAME TO appointment")
    clock.at += timedelta(minutes=29)
    compare_due(relay)
    assert note(relay)["error"]
    clock.at += timedelta(minutes=1)
    compare_due(relay)
    assert presents(relay) == {"b-1"}
    vendor.has("b-2")
    clock.at += timedelta(hours=3)
    compare_due(relay)
    assert presents(relay) == {"b-1"}
    clock.at += timedelta(hours=21)
    compare_due(relay)
    assert presents(relay) == {"b-1", "b-2"}


def test_a_list_that_somebody_is_at_is_not_taken_over(relay: Relay, vendor: Vendor) -> None:
    vendor.has("b-1")
    found = full_list.compare(relay, SOURCE)
    with pytest.raises(NotCompared, match="another list"):
        full_list.compare(relay, SOURCE)
    assert full_list.apply(relay, found, "eva", "a try").fates == {Fate.CREATED: 1}
    full_list.forget(relay, found)


@pytest.mark.parametrize("number", [2500])
def test_it_reads_page_by_page(relay: Relay, vendor: Vendor, number: int) -> None:
    values = [
        {"id": f"b-{n}", "r": RESIDENT, "u": UNIT, "t": f"2026-12-24 {10 + n % 8}:{n % 60:02}:00"}
        for n in range(number)
    ]
    with vendor.engine.begin() as connection:
        connection.execute(text("INSERT INTO appointment VALUES (:id, :r, :u, :t)"), values)
    found = full_list.compare(relay, SOURCE)
    assert found.plan.fates == {Fate.CREATED: number}
    assert full_list.apply(relay, found, "eva", "a first list", ask=False).fates == {Fate.CREATED: number}
    assert len(presents(relay)) == number


@pytest.mark.parametrize("vendor", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
def test_bookings_that_go_by_a_cascade_are_found_at_night(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    """MariaDB fires no trigger for them."""
    vendor.run("CREATE TABLE clinic (unit VARCHAR(64) PRIMARY KEY)")
    vendor.run("INSERT INTO clinic VALUES (:unit), ('SE2321000016-CLOSED')", unit=UNIT)
    vendor.run("ALTER TABLE appointment ADD FOREIGN KEY (unit) REFERENCES clinic (unit) ON DELETE CASCADE")
    vendor.run(
        "CREATE TRIGGER cancelled AFTER DELETE ON appointment FOR EACH ROW "
        "INSERT INTO ei_outbox (operation, booking_id) VALUES ('remove', OLD.id)"
    )
    known(relay, vendor, *ids(30))
    vendor.run("UPDATE appointment SET unit = 'SE2321000016-CLOSED' WHERE id < 'b-003'")
    clock.advance(minutes=1)
    vendor.run("DELETE FROM clinic WHERE unit = 'SE2321000016-CLOSED'")
    intake(relay, SOURCE)
    assert presents(relay) == set(ids(30))
    assert compare_now(relay, SOURCE)
    assert presents(relay) == set(ids(27, 3))


@pytest.mark.parametrize("vendor", ["sqlite"], indirect=True)
def test_the_story_of_a_booking_says_that_a_list_said_it(relay: Relay, vendor: Vendor, clock: SetClock) -> None:
    known(relay, vendor, *ids(30))
    clock.advance(minutes=1)
    vendor.loses(*ids(3))
    vendor.has("new")
    assert compare_now(relay, SOURCE)

    def story(booking: str) -> str:
        (found,) = Inquiry(relay).of_booking(booking)
        return as_text([tell(gather(relay, found))])

    assert "the booking is removed, as a full list said" in story("b-001")
    assert "though it is not on the booking system's full list of bookings" in story("b-001").splitlines()[-1]
    assert "as a full list said" in story("new")
    assert "as row 30 said" in story("b-029")


@pytest.mark.parametrize("vendor", ["sqlite"], indirect=True)
def test_what_was_read_of_a_list_goes_when_it_ends_before_it_was_gone_through(relay: Relay, vendor: Vendor) -> None:
    """And the next one who compares need not wait until it counts as left behind."""
    vendor.has(*ids(3))
    stops = iter([False, True])
    with pytest.raises(NotCompared, match="stops"):
        full_list.compare(relay, SOURCE, is_stopping=lambda: next(stops))

    assert relay.store.transact(lambda tx: tx.run(select(snapshot)).all()) == []
    full_list.forget(relay, full_list.compare(relay, SOURCE))
