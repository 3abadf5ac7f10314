"""Databases that keep their text in another encoding than UTF-8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, select, text

from relay.change import UNREADABLE, Rejected, read
from relay.database import connect
from relay.demo.postgres import Postgres
from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader, Settled
from relay.store import posts
from relay.store.posts import Sent
from relay.store.schema import post
from tests.made import SYSTEMS
from tests.outbox.contract.site import LATER, SOURCE, relay_of, take_all, trouble
from tests.outbox.written import AT, RIGHT, outcomes, put
from tests.statements import recorded


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


_LULEA = (
    "Vårdcentralen Ängsgatan, mottagning 2, plan 3, Luleå"  # too long to be shown whole in a reason: it ends in "…"
)


def good_rows(engine: Engine, number: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at)"
                " VALUES ('upsert', :booking_id, :resident_id, :care_unit, '2099-12-24 10:30')"
            ),
            [{**RIGHT, "booking_id": f"b-{n}"} for n in range(number)],
        )


@pytest.mark.parametrize("old_engine", ["LATIN1"], indirect=True)
def test_a_reason_is_written_in_the_characters_that_the_outbox_has(old_engine: Engine, tmp_path: Path) -> None:
    create(old_engine)
    good_rows(old_engine, 500)
    bad = put(old_engine, **RIGHT | {"care_unit": _LULEA})
    good_rows(old_engine, 3000)
    relay = relay_of(old_engine, tmp_path)

    assert take_all(relay) == 3501

    found = outcomes(old_engine)
    assert Counter(outcome for outcome, _ in found.values()) == {"taken": 3500, "rejected": 1}
    assert found[bad][1].startswith('care_unit: was "Vårdcentralen Ängsgatan, mottagning 2, p"..., expected')
    assert trouble(relay) is None
    relay.close()


@pytest.mark.parametrize("old_engine", ["LATIN1"], indirect=True)
def test_the_relay_s_own_database_may_lack_characters(old_engine: Engine, tmp_path: Path) -> None:
    """A row that says what it cannot keep is rejected, and no other."""
    outbox = connect(f"sqlite:///{tmp_path / 'outbox.db'}")
    create(outbox)
    good = put(outbox, **LATER | {"booking_id": "åäö-1"})
    strange = put(outbox, **LATER | {"booking_id": "b-\N{EURO SIGN}"}, event_id="e-\N{EURO SIGN}")
    unit = put(outbox, **LATER | {"care_unit": _LULEA})
    relay = relay_of(outbox, tmp_path, old_engine.url.render_as_string(hide_password=False))

    assert take_all(relay) == 3

    found = outcomes(outbox)
    assert found[good] == ("taken", None)
    assert found[strange][1].startswith("event_id: has a character that the relay's own database, which keeps")
    assert found[unit][1].startswith('care_unit: was "Vårdcentralen')
    relay.close()
    outbox.dispose()


@pytest.mark.parametrize("old_engine", ["SQL_ASCII"], indirect=True)
@pytest.mark.parametrize("bad", [1, 5])
def test_values_that_the_database_cannot_give_out_spoil_their_rows_alone(
    old_engine: Engine, tmp_path: Path, bad: int
) -> None:
    create(old_engine)
    good_rows(old_engine, 700)
    with psycopg.connect(old_engine.url.set(drivername="postgresql").render_as_string()) as writer:
        for n in range(bad):
            writer.execute(
                b"INSERT INTO ei_outbox (operation, booking_id, data_controller)"
                b" VALUES ('remove', E'B-\xc5', E'%d')" % n
            )
    good_rows(old_engine, 2300)
    relay = relay_of(old_engine, tmp_path)
    reader = relay.source(SOURCE).reader

    assert take_all(relay) == 3000 + bad

    found = outcomes(old_engine)
    assert Counter(outcome for outcome, _ in found.values()) == {"taken": 3000, "rejected": bad}
    assert {reason for outcome, reason in found.values() if outcome == "rejected"} == {
        "booking_id: the database cannot give it out as text, expected what is valid in UTF-8"
    }
    assert trouble(relay) is None
    with recorded(reader.engine) as statements:
        take_all(relay)
    assert len(statements) == 1
    relay.close()


@pytest.mark.parametrize("old_engine", ["LATIN1"], indirect=True)
def test_what_an_index_says_is_kept_in_the_characters_of_the_relay_s_own_database(
    old_engine: Engine, tmp_path: Path
) -> None:
    """Or its refusal could never be written down, and the post would be sent and refused for ever."""
    outbox = connect(f"sqlite:///{tmp_path / 'outbox.db'}")
    create(outbox)
    put(outbox, **LATER)
    relay = relay_of(outbox, tmp_path, old_engine.url.render_as_string(hide_password=False))
    take_all(relay)
    sent = relay.store.transact(lambda tx: tx.run(select(post.c.id, post.c.wanted)).one())
    said = Sent(sent.id, None, None, parked_code="EI002", parked_text="ogiltigt “å” → \\ \N{GRINNING FACE}", refused=1)

    relay.store.transact(lambda tx: posts.record(tx, 1, [said], {sent.id: sent.wanted}))

    kept = relay.store.transact(lambda tx: tx.run(select(post.c.parked_text)).scalar_one())
    assert kept == r'ogiltigt "å" \u2192 \ \U0001f600'
    relay.close()
    outbox.dispose()
