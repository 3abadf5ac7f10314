from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, text

from relay.change import Change, read
from relay.outbox.reader import OutboxReader, Settled
from tests.made import OTHER_SYSTEM, RESIDENT, STARTS, SYSTEM, SYSTEMS, UNIT
from tests.outbox.conftest import SERVERS
from tests.outbox.written import AT, RIGHT, fates, instant, put, said
from tests.statements import recorded


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


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_the_quick_way_to_read_gives_the_rows_that_the_other_one_gives(engine: Engine) -> None:
    """A row that is read again must have its fingerprint, whichever way that is and whatever else is in the batch."""
    odd = ["NULL", "", " ", "{a,b}", 'a"b', "a\\b", "a\nb", "å, ä", "x" * 255, "{}", "\\N", "😀"]
    with engine.begin() as connection:
        for column, kind in (("care_unit", "char(300)"), ("valid_until", "text"), ("version", "numeric")):
            connection.execute(text(f"ALTER TABLE ei_outbox ALTER {column} TYPE {kind}"))
    for each in odd:
        put(engine, **RIGHT | {"booking_id": each, "resident_id": each}, event_id=each, data_controller=each, kind=each)
    times = ["infinity", "-infinity", "20026-01-01 00:00:00", "0044-03-15 00:00:00 BC", "2026-01-01 10:00:00.123"]
    for each in times:
        put(engine, **RIGHT | {"starts_at": each}, created_at=each, version="12.50", presentable=False)
    for each in ("2026-01-01T10:00:00", "2026-01-01T10:00:00+01:00", "soon"):
        put(engine, **RIGHT, valid_until=each, version=-5, invited_on="infinity")
    reader = OutboxReader(engine)
    with recorded(engine) as statements:
        quick = reader.unread(100)
    assert len(statements) == 1

    put(engine, **RIGHT | {"booking_id": "y" * 300})
    with recorded(engine) as statements:
        both = reader.unread(100)

    assert len(statements) == 2
    assert both[:-1] == quick
    assert [row.fingerprint() for row in both[:-1]] == [row.fingerprint() for row in quick]
    assert len(quick) == len(odd) + len(times) + 3


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


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_row_that_commits_late_is_found(engine: Engine) -> None:
    """Ids are not commit order: the lower one was still being written when the higher one was settled."""
    reader = OutboxReader(engine)
    with engine.connect() as slow, slow.begin():
        low = put(slow, **RIGHT)
        high = put(engine, **RIGHT)
        assert [row.id for row in reader.unread(10)] == [high]
        reader.settle([Settled(high, "taken", None)], AT)
    assert low < high
    assert [row.id for row in reader.unread(10)] == [low]


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_no_writer_waits_for_the_relay(engine: Engine) -> None:
    """A booking is written while the relay is between its marks and its commit, however long that takes."""
    ids = [put(engine, **RIGHT) for _ in range(3)]
    written: list[int] = []

    def write(_connection: object) -> None:
        with engine.begin() as writer:
            if engine.dialect.name == "mysql":
                writer.execute(text("SET innodb_lock_wait_timeout = 1"))
            written.append(put(writer, **RIGHT))

    event.listen(engine, "commit", write, once=True)
    OutboxReader(engine).settle([Settled(id, "taken", None) for id in ids], AT)

    assert written
    assert [row.id for row in OutboxReader(engine).unread(10)] == written


# --- a table that several sources share


def test_each_source_takes_its_own_rows_and_the_first_those_of_nobody(engine: Engine) -> None:
    first = OutboxReader(engine, own=frozenset({SYSTEM}), others=frozenset({OTHER_SYSTEM}))
    second = OutboxReader(engine, own=frozenset({OTHER_SYSTEM}), others=frozenset({SYSTEM}), first=False)
    named = (SYSTEM, OTHER_SYSTEM, None, OTHER_SYSTEM.lower(), "SE-UNKNOWN", "")
    ids = [put(engine, **RIGHT, source_system=system) for system in named]

    assert [row.id for row in first.unread(10)] == [ids[0], ids[2], ids[4], ids[5]]
    assert [row.id for row in second.unread(10)] == [ids[1], ids[3]]
    assert (first.backlog()[0], second.backlog()[0]) == (4, 2)


def test_reading_a_batch_is_one_statement(engine: Engine) -> None:
    for _ in range(20):
        put(engine)
    reader = OutboxReader(engine)
    reader.unread(1)  # some databases are asked once what types the columns have
    with recorded(engine) as statements:
        assert len(reader.unread(1000)) == 20
    assert len(statements) == 1


def test_the_backlog_is_what_waits_and_since_when(engine: Engine) -> None:
    reader = OutboxReader(engine)
    assert reader.backlog() == (0, None)
    settled = put(engine, created_at=instant(engine, "2026-11-02 07:00:00"))
    for time in ("2026-11-02 08:30:00", "2026-11-02 08:00:00"):
        put(engine, created_at=instant(engine, time))
    reader.settle([Settled(settled, "taken", None)], AT)

    number, oldest_seconds = reader.backlog()

    assert number == 2
    assert oldest_seconds is not None
    since = datetime.now(UTC) - timedelta(seconds=oldest_seconds)
    assert abs(since - datetime(2026, 11, 2, 8, 0, tzinfo=UTC)) < timedelta(minutes=1)
