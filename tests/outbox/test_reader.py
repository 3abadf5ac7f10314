from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from relay.change import Change, Rejected, read
from relay.database import connect
from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader, Settled
from relay.wallclock import parse_instant
from tests.made import OTHER_SYSTEM, RESIDENT, STARTS, SYSTEM, SYSTEMS, UNIT
from tests.outbox.written import outcomes, put, value
from tests.statements import recorded

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
RIGHT = {"resident_id": RESIDENT, "care_unit": UNIT, "starts_at": "2026-12-24 10:30:00"}


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    """A PostgreSQL database that has an empty `ei_outbox`."""
    engine = connect(postgres_url)
    create(engine)
    yield engine
    engine.dispose()


def said(engine: Engine) -> list[Change | Rejected]:
    return [read(row, SYSTEMS) for row in OutboxReader(engine).unread(100)]


def fates(engine: Engine) -> list[str]:
    """Of every unread row, by id: `taken`, or the fields it is rejected for."""
    return [
        "taken" if isinstance(each, Change) else ",".join(part.split(":")[0] for part in each.reason.split("; "))
        for each in said(engine)
    ]


# --- reading


def test_a_row_is_read_as_it_was_written(engine: Engine) -> None:
    put(
        engine, **RIGHT, event_id="e-1", version=2**63 - 1, source_system=SYSTEM, presentable=False,
        data_controller="232100-0016", valid_until="2026-12-31 00:00:00", booking_id="bokning-åäö",
    )  # fmt: skip

    (row,) = OutboxReader(engine).unread(10)
    change = read(row, SYSTEMS)

    assert isinstance(change, Change), change
    assert (change.booking_id, change.version, change.source_system) == ("bokning-åäö", 2**63 - 1, SYSTEM)
    assert change.details is not None
    assert change.details.starts_at == STARTS
    assert change.details.valid_until == datetime(2026, 12, 31)
    assert change.details.presentable is False
    assert change.details.data_controller == "232100-0016"
    assert row.event_id == "e-1"


def test_an_open_invitation_and_a_removal_are_read(engine: Engine) -> None:
    put(engine, resident_id=RESIDENT, care_unit=UNIT, kind="open_invitation", invited_on="2026-11-01")
    put(engine, operation="remove")
    assert fates(engine) == ["taken", "taken"]


def test_the_time_a_row_was_written_is_read(engine: Engine) -> None:
    """R-33: the 60 minutes start at created_at, which the database fills in."""
    before = datetime.now(UTC).replace(microsecond=0)
    put(engine, **RIGHT)
    (change,) = said(engine)
    assert isinstance(change, Change)
    assert change.registered_at is not None
    assert 0 <= (change.registered_at - before).total_seconds() < 60


def test_rows_come_by_id_and_no_more_than_asked_for(engine: Engine) -> None:
    ids = [put(engine, **RIGHT) for _ in range(5)]
    reader = OutboxReader(engine)
    assert [row.id for row in reader.unread(3)] == ids[:3]
    assert [row.id for row in reader.unread(10)] == ids


@pytest.mark.parametrize("late", [4, 9])
def test_a_row_is_found_by_its_state_and_not_by_its_id(engine: Engine, late: int) -> None:
    put(engine, id=5, **RIGHT)
    reader = OutboxReader(engine)
    reader.settle([Settled(5, "taken", None)], AT)
    put(engine, id=late, **RIGHT)
    assert [row.id for row in reader.unread(10)] == [late]


def test_a_row_that_commits_late_is_found(postgres_engine: Engine) -> None:
    """Ids are not commit order: the lower one was still being written when the higher one was settled."""
    reader = OutboxReader(postgres_engine)
    with postgres_engine.connect() as slow, slow.begin():
        low = put(slow, **RIGHT)
        high = put(postgres_engine, **RIGHT)
        assert [row.id for row in reader.unread(10)] == [high]
        reader.settle([Settled(high, "taken", None)], AT)
    assert low < high
    assert [row.id for row in reader.unread(10)] == [low]


# --- values that cannot be read


def test_values_no_driver_can_hold_spoil_only_their_row(postgres_engine: Engine) -> None:
    right = put(postgres_engine, **RIGHT)
    put(postgres_engine, **(RIGHT | {"starts_at": "infinity"}))
    put(postgres_engine, **(RIGHT | {"starts_at": "20026-01-01 10:00"}))
    put(postgres_engine, **(RIGHT | {"starts_at": "0044-03-15 10:00 BC"}))
    put(postgres_engine, **RIGHT, valid_until="-infinity")
    put(postgres_engine, resident_id=RESIDENT, care_unit=UNIT, kind="open_invitation", invited_on="20026-01-01")
    put(postgres_engine, **RIGHT, created_at="infinity")
    last = put(postgres_engine, **RIGHT, created_at="20026-01-01 10:00+00")

    assert fates(postgres_engine) == [
        "taken", "starts_at", "starts_at", "starts_at", "valid_until", "invited_on", "taken", "taken",
    ]  # fmt: skip
    assert last > right


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_values_of_wrong_types_spoil_only_their_row(engine: Engine) -> None:
    """SQLite keeps in a column whatever is put there: bytes that are no UTF-8, numbers, blobs."""
    bad = "CAST(X'62FF' AS TEXT)"
    with engine.begin() as connection:
        for values in (
            "'upsert', 'b-1', '2026-12-24 10:30', 1, NULL",
            f"'upsert', {bad}, '2026-12-24 10:30', 1, NULL",
            "'upsert', X'00FF', '2026-12-24 10:30', 1, NULL",
            f"'upsert', 'b-1', {bad}, 1, NULL",
            "'upsert', 'b-1', 20261224, 1, NULL",
            "'upsert', 'b-1', '2026-12-24 10:30', 'yes', NULL",
            "'upsert', 'b-1', '2026-12-24 10:30', 1, 'one'",
            "'upsert', 'b-1', '2026-12-24 10:30', 1, 1.5",
            "'upsert', 'b-1', '2026-12-24T09:30:00Z', '1', '7'",
            "'upsert', 5, '2026-12-24 10:30', 1, 7",
        ):
            connection.execute(
                text(
                    "INSERT INTO ei_outbox"
                    " (resident_id, care_unit, operation, booking_id, starts_at, presentable, version)"
                    f" VALUES ('{RESIDENT}', '{UNIT}', {values})"
                )
            )

    assert fates(engine) == [
        "taken", "booking_id", "booking_id", "starts_at", "starts_at", "presentable", "version", "version", "taken",
        "taken",
    ]  # fmt: skip


def test_a_vendor_s_own_columns_with_a_zone_are_converted(postgres_url: str) -> None:
    """R-05: timestamptz is read as the Swedish time of its instant, whatever zone it was written in."""
    engine = connect(postgres_url)
    create(engine)
    with engine.begin() as connection:
        for column in ("starts_at", "valid_until"):
            connection.execute(text(f"ALTER TABLE ei_outbox ALTER {column} TYPE timestamptz"))
    put(engine, **(RIGHT | {"starts_at": "2026-12-24 04:30:00-05"}), valid_until="2026-07-01 00:00:00+02")

    (change,) = said(engine)
    engine.dispose()

    assert isinstance(change, Change)
    assert change.details is not None
    assert change.details.starts_at == STARTS
    assert change.details.valid_until == datetime(2026, 7, 1)


# --- a table that several sources share


def test_each_source_takes_its_own_rows_and_the_first_those_of_nobody(engine: Engine) -> None:
    first = OutboxReader(engine, own=frozenset({SYSTEM}), others=frozenset({OTHER_SYSTEM}))
    second = OutboxReader(engine, own=frozenset({OTHER_SYSTEM}), others=frozenset({SYSTEM}), first=False)
    named = (SYSTEM, OTHER_SYSTEM, None, OTHER_SYSTEM.lower(), "SE-UNKNOWN", "")
    ids = [put(engine, **RIGHT, source_system=system) for system in named]

    assert [row.id for row in first.unread(10)] == [ids[0], ids[2], ids[4], ids[5]]
    assert [row.id for row in second.unread(10)] == [ids[1], ids[3]]
    assert (first.backlog()[0], second.backlog()[0]) == (4, 2)


# --- marking


def test_outcomes_are_written_with_their_reasons(engine: Engine) -> None:
    ids = [put(engine, **RIGHT) for _ in range(4)]
    reader = OutboxReader(engine)

    reader.settle([Settled(ids[0], "taken", None), Settled(ids[1], "rejected", "å" * 500)], AT)

    assert outcomes(engine) == {
        ids[0]: ("taken", None), ids[1]: ("rejected", "å" * 500), ids[2]: (None, None), ids[3]: (None, None),
    }  # fmt: skip
    assert [row.id for row in reader.unread(10)] == ids[2:]


def test_the_mark_says_when(engine: Engine) -> None:
    id = put(engine)
    OutboxReader(engine).settle([Settled(id, "taken", None)], AT)
    assert parse_instant(str(value(engine, "relayed_at"))) == AT


def test_an_outcome_that_is_there_is_kept(engine: Engine) -> None:
    id = put(engine)
    reader = OutboxReader(engine)
    reader.settle([Settled(id, "taken", None)], AT)
    reader.settle([Settled(id, "rejected", "too late")], AT)
    assert outcomes(engine) == {id: ("taken", None)}


def test_marking_a_batch_takes_few_statements(engine: Engine) -> None:
    """One for each different outcome and 500 rows, in one transaction."""
    with engine.begin() as connection:
        ids = [put(connection) for _ in range(1000)]
    settled = [
        Settled(id, "rejected", "why") if n % 100 == 0 else Settled(id, "taken", None) for n, id in enumerate(ids)
    ]

    with recorded(engine) as statements:
        OutboxReader(engine).settle(settled, AT)

    assert len(statements) == 3  # 990 taken, 10 rejected
    assert list(outcomes(engine).values()).count(("taken", None)) == 990


def test_reading_a_batch_is_one_statement(engine: Engine) -> None:
    for _ in range(20):
        put(engine)
    with recorded(engine) as statements:
        assert len(OutboxReader(engine).unread(1000)) == 20
    assert len(statements) == 1


def test_the_backlog_is_what_waits_and_since_when(engine: Engine) -> None:
    reader = OutboxReader(engine)
    assert reader.backlog() == (0, None)
    settled = put(engine, created_at="2026-11-02T07:00:00Z")
    for time in ("2026-11-02T08:30:00Z", "2026-11-02T08:00:00Z"):
        put(engine, created_at=time)
    reader.settle([Settled(settled, "taken", None)], AT)

    number, oldest = reader.backlog()

    assert number == 2
    assert oldest is not None
    assert parse_instant(oldest) == datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
