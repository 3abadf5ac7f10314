from __future__ import annotations

from secrets import token_hex

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader
from relay.outbox.table import OUTCOME_COLUMNS, outbox_table
from tests.outbox.written import put, value

_TEXTS = ("event_id", "operation", "booking_id", "source_system", "resident_id", "care_unit", "kind", "data_controller")


@pytest.mark.parametrize("missing", ["operation", "booking_id"])
def test_the_table_refuses_a_missing_operation_or_booking(engine: Engine, missing: str) -> None:
    with pytest.raises(IntegrityError):
        put(engine, **{missing: None})


def test_the_table_refuses_nothing_else(engine: Engine) -> None:
    """It must never be able to make a booking fail: long texts, nulls and repeats all pass."""
    long = dict.fromkeys(_TEXTS, "å" * 300)
    put(engine, **long)
    put(engine, **long)
    huge = token_hex(1950 if engine.dialect.name == "oracle" else 4000)  # which nothing makes short enough for an index
    put(engine, event_id=huge, kind=huge)
    assert str(OutboxReader(engine).unread(10)[-1].event_id).startswith(huge[:256])
    blank = " " if engine.dialect.name == "oracle" else ""  # to which an empty text is null
    put(engine, operation=blank, booking_id=blank)
    table = outbox_table(dialect=engine.dialect.name)
    optional = [c.name for c in table.columns if c.name not in ("id", "operation", "booking_id")]
    last = put(engine, **dict.fromkeys(optional))
    assert last == 5


def test_what_a_writer_leaves_out_gets_its_default(engine: Engine) -> None:
    put(engine)
    assert value(engine, "kind") == "booking"
    assert value(engine, "presentable") == 1
    assert value(engine, "created_at") is not None
    assert [value(engine, column) for column in OUTCOME_COLUMNS] == [None, None, None]


def test_ids_are_not_given_twice(engine: Engine) -> None:
    """Also after a clean-up has deleted the newest rows."""
    first = put(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ei_outbox")
    assert put(engine) > first


def test_creating_it_again_says_that_it_is_there(engine: Engine) -> None:
    put(engine)
    assert create(engine) is False
    assert create(engine, "another_outbox") is True
    assert put(engine, "another_outbox") == 1
    assert value(engine, "count(*)") == 1
