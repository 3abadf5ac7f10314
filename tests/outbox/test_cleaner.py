from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from relay.database import connect
from relay.outbox import cleaner, ddl
from relay.outbox.cleaner import OutboxCleaner
from relay.outbox.reader import OutboxReader, Settled
from tests.outbox.written import outcomes, put

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def outbox(engine: Engine) -> Engine:
    """An outbox of five rows: two settled a day ago, one now, two not yet."""
    with engine.begin() as connection:
        for n in range(5):
            put(connection, operation="remove", booking_id=f"b-{n}")
    reader = OutboxReader(engine)
    reader.settle([Settled(1, "taken", None), Settled(3, "rejected", "why")], NOW - timedelta(days=1))
    reader.settle([Settled(4, "taken", None)], NOW)
    return engine


def test_only_what_was_settled_long_enough_ago_goes(outbox: Engine) -> None:
    clean = OutboxCleaner(outbox, "ei_outbox")

    assert clean.clean(NOW - timedelta(hours=1)) == 2
    assert clean.clean(NOW - timedelta(hours=1)) == 0
    assert list(outcomes(outbox)) == [2, 4, 5]


def test_a_time_is_compared_as_it_was_written(outbox: Engine) -> None:
    assert OutboxCleaner(outbox, "ei_outbox").clean(NOW - timedelta(days=1, microseconds=1)) == 0
    assert OutboxCleaner(outbox, "ei_outbox").clean(NOW) == 3


def test_a_batch_is_bounded(outbox: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaner, "BATCH", 2)
    assert OutboxCleaner(outbox, "ei_outbox").clean(NOW) == 1


@pytest.fixture
def roles(postgres_url: str) -> Iterator[Engine]:
    """A PostgreSQL outbox with its roles, as `ei-relay outbox ddl` makes them, and a settled row."""
    engine = connect(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(ddl.ddl("postgresql"))
        put(connection, operation="remove", booking_id="b-1")
    OutboxReader(engine).settle([Settled(1, "taken", None)], NOW)
    yield engine
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE ei_outbox"))
        for role in (ddl.WRITER, ddl.READER, ddl.CLEANER):  # they are the whole server's
            connection.execute(text(f"DROP ROLE {role}"))
    engine.dispose()


def _become(role: str, connection: psycopg.Connection[Any], _record: object) -> None:
    connection.execute(f"SET ROLE {role}")
    connection.commit()


def test_the_cleaners_role_is_enough_and_needed(roles: Engine) -> None:
    def clean_as(role: str) -> int:
        engine = connect(roles.url.render_as_string(hide_password=False))
        event.listen(engine, "connect", partial(_become, role))
        try:
            return OutboxCleaner(engine, "ei_outbox").clean(NOW)
        finally:
            engine.dispose()

    with pytest.raises(SQLAlchemyError, match="permission denied"):
        clean_as(ddl.READER)
    assert clean_as(ddl.CLEANER) == 1
