"""Databases that keep their text in another encoding than UTF-8."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from relay.change import UNREADABLE, Rejected, read
from relay.database import connect
from relay.demo.postgres import Postgres
from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader, Settled
from tests.made import SYSTEMS
from tests.outbox.written import AT, RIGHT, outcomes, put


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def old_engine(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Engine]:
    """A database as old installations have it; one that was made in the C locale keeps bytes and knows of no text."""
    name = f"in_{request.param.lower()}"
    with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as administrator:
        administrator.execute(f"CREATE DATABASE {name} ENCODING '{request.param}' LOCALE 'C' TEMPLATE template0")
        engine = connect(postgres.url(name))
        yield engine
        engine.dispose()
        administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_outbox_is_made_read_and_marked_whatever_its_database_keeps_text_in(old_engine: Engine) -> None:
    """R-09: its characters arrive unharmed."""
    create(old_engine)
    id = put(old_engine, **RIGHT | {"booking_id": "åäö-1"})
    reader = OutboxReader(old_engine)

    assert [row.booking_id for row in reader.unread(10)] == ["åäö-1"]

    reader.settle([Settled(id, "rejected", 'kind: was "å"')], AT)
    assert outcomes(old_engine) == {id: ("rejected", 'kind: was "å"')}


@pytest.mark.parametrize("old_engine", ["SQL_ASCII"], indirect=True)
def test_a_value_of_another_encoding_spoils_its_row_alone(old_engine: Engine) -> None:
    """Where the database knows of no encoding, each writer has one of its own."""
    create(old_engine)
    with psycopg.connect(old_engine.url.set(drivername="postgresql").render_as_string()) as writer:
        writer.execute(rb"INSERT INTO ei_outbox (operation, booking_id) VALUES ('remove', E'b-\xe5')")

    (row,) = OutboxReader(old_engine).unread(10)
    assert row.booking_id == UNREADABLE
    said = read(row, SYSTEMS)
    assert isinstance(said, Rejected)
    assert said.reason == "booking_id: the database cannot give it out as text, expected what is valid in UTF-8"
