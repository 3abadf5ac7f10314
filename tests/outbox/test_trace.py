"""The rows of one booking are found in every kind of outbox, and a huge one is gone through only for so long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, text

from relay.database import connect
from relay.outbox import trace as module
from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader
from relay.outbox.table import outbox_table
from relay.outbox.trace import FAR, Reach, _indexed, trace
from tests.statements import recorded


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def dialect(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def reader(database_url: str) -> Iterator[OutboxReader]:
    engine = connect(database_url)
    create(engine)
    yield OutboxReader(engine)
    engine.dispose()


def write(reader: OutboxReader, *rows: tuple[str, str | None]) -> None:
    """(booking id, outcome) of rows that are committed, in this order."""
    table = outbox_table(dialect=reader.engine.dialect.name)
    made = [{"operation": "remove", "booking_id": b, "event_id": f"e-{b}", "outcome": o} for b, o in rows]
    with reader.engine.begin() as connection:
        connection.execute(insert(table), made)


def test_rows_are_found_by_booking_event_and_number(reader: OutboxReader) -> None:
    write(reader, ("b-1", "taken"), ("b-2", "taken"), ("b-1", "superseded"), ("b-1", None))

    by_booking = trace(reader, booking_id="b-1")
    assert [(row.row.id, row.outcome) for row in by_booking.rows] == [(1, "taken"), (3, "superseded"), (4, None)]
    assert by_booking.back_to is None
    assert [row.row.id for row in trace(reader, event_id="e-b-2").rows] == [2]
    assert [row.row.id for row in trace(reader, row_ids=[2, 3, 99]).rows] == [2, 3]
    assert trace(reader, booking_id="b-9").rows == ()


def test_settled_rows_are_looked_for_from_the_newest_on_while_the_patience_lasts(
    reader: OutboxReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 2)
    write(reader, ("b-1", "taken"), ("b-2", "taken"), ("b-2", "taken"), ("b-1", "taken"), ("b-1", None))

    assert [row.row.id for row in trace(reader, booking_id="b-1").rows] == [1, 4, 5]

    late = iter([0.0, FAR.seconds])
    found = trace(reader, booking_id="b-1", clock=lambda: next(late))
    assert ([row.row.id for row in found.rows], found.back_to) == ([4, 5], 4)


def test_settled_rows_are_looked_for_through_so_many_of_the_newest(
    reader: OutboxReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 2)
    write(reader, ("b-1", "taken"), ("b-1", "taken"), ("b-2", "taken"), ("b-1", "taken"), ("b-2", "taken"))

    found = trace(reader, booking_id="b-1", reach=Reach(rows=3))
    assert ([row.row.id for row in found.rows], found.back_to) == ([4], 3)
    assert FAR.among(3) == Reach(1.0)
    assert Reach(3.0, 100).among(3) == Reach(1.0, 33)


def test_where_somebody_made_an_index_of_bookings_all_rows_are_found_by_it(
    reader: OutboxReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 2)
    write(reader, ("b-1", "taken"), *[("b-2", "taken")] * 5, ("b-1", None))
    assert trace(reader, booking_id="b-1", reach=Reach(rows=2)).back_to == 6
    _indexed.clear()
    with reader.engine.begin() as connection:
        connection.execute(text("CREATE INDEX of_bookings ON ei_outbox (booking_id)"))

    with recorded(reader.engine) as statements:
        found = trace(reader, booking_id="b-1", reach=Reach(rows=2))
    assert ([row.row.id for row in found.rows], found.back_to) == ([1, 7], None)
    assert len([each for each in statements if "SELECT min(" in each]) == 1
