"""The rows of one booking are found in every kind of outbox, and a huge one is gone through only for so long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from relay.database import connect
from relay.outbox import trace as module
from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader
from relay.outbox.table import outbox_table
from relay.outbox.trace import trace


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

    late = iter([0.0, module.PATIENCE])
    found = trace(reader, booking_id="b-1", clock=lambda: next(late))
    assert ([row.row.id for row in found.rows], found.back_to) == ([4, 5], 4)
