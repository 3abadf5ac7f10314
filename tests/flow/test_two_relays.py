"""Two relays, each with a database of its own, read one outbox: both notice, hold back, and say what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from relay.database import connect
from relay.flow.intake.restored import EVERY_SECONDS
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.settings import parse
from relay.store import overview, restores
from relay.store.migrate import upgrade
from tests.clock import SetClock
from tests.made import CONTROLLER, SYSTEM
from tests.outbox.contract.site import LATER, SOURCE
from tests.outbox.written import put


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'tidbok.db'}")
    create(engine)
    yield engine
    engine.dispose()


def relay_at(folder: Path, outbox: Engine, clock: SetClock) -> Relay:
    folder.mkdir()
    index = {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}
    source = {"name": SOURCE, "source_systems": [SYSTEM], "data_controller": CONTROLLER, "engagement_index": "practice",
              "test_residents": "*", "outbox_url": str(outbox.url)}  # fmt: skip
    document = {"environment": "qa", "database_url": f"sqlite:///{folder / 'relay.db'}",
                "engagement_index": {"practice": index}, "source": [source]}  # fmt: skip
    relay = Relay(parse(document), clock)
    upgrade(relay.store.engine)
    relay.prepare()
    return relay


@pytest.fixture
def relays(tmp_path: Path, outbox: Engine, clock: SetClock) -> Iterator[tuple[Relay, Relay]]:
    """One that has been at work for an hour, and another that was forgotten on an old host."""
    both = relay_at(tmp_path / "one", outbox, clock), relay_at(tmp_path / "two", outbox, clock)
    for relay in both:
        book(outbox, f"first-{id(relay)}")
        look(relay)
    clock.advance(hours=1)
    yield both
    for relay in both:
        relay.close()


def book(outbox: Engine, booking_id: str) -> None:
    put(outbox, **LATER | {"booking_id": booking_id})


def look(relay: Relay) -> None:
    """Take what is there; the time to compare has come."""
    relay.next_compare.clear()
    intake(relay, SOURCE)


def said(relay: Relay) -> str:
    (row,) = relay.store.transact(overview.sources)
    return str(row.restore_why)


def is_held(relay: Relay) -> bool:
    return SOURCE in relay.store.transact(restores.suspected)


def test_a_second_relay_is_noticed_by_what_it_marks(
    relays: tuple[Relay, Relay], outbox: Engine, clock: SetClock
) -> None:
    one, two = relays
    book(outbox, "taken-by-one")
    look(one)
    look(two)
    assert is_held(two)
    assert "it was restored, or lost its last transactions; or another relay marks the same table" in said(two)

    # as long as nothing more is taken by the other, that is all that is known
    clock.advance(seconds=3 * EVERY_SECONDS)
    book(outbox, "taken-by-two")
    look(two)
    look(two)
    assert "it was restored" in said(two)

    # and then it is certain
    book(outbox, "taken-by-one-again")
    look(one)
    look(two)
    assert "Another relay reads the same table: stop one of the two" in said(two)
    assert is_held(two)
    before = said(two)
    book(outbox, "and-again")
    look(one)
    look(two)
    assert said(two) == before  # told once


def test_a_restored_database_is_not_taken_for_a_second_relay(
    relays: tuple[Relay, Relay], outbox: Engine, clock: SetClock
) -> None:
    one, two = relays
    book(outbox, "lost")
    look(one)  # stands for the time that a backup does not know
    look(two)
    assert is_held(two)
    for _ in range(4):
        clock.advance(seconds=EVERY_SECONDS)
        book(outbox, f"b-{clock.at}")
        look(two)
        assert "it was restored" in said(two)
