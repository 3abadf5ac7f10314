"""The relay's database is restored to a random time: it is noticed, nothing is sent, and after `recover` the index is
equal to what the outbox says: no ghosts, none lost, and no key sent too soon (R-32).

The environment variable EI_RELAY_RECOVER_SEEDS says how many histories are tried; 40 without it. A tenth as many on
PostgreSQL.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from relay.flow.actions import recover
from relay.flow.actions.operations import Request
from relay.store import restores
from tests.simulation.bookings import expected
from tests.simulation.world import SPACING, SYSTEMS, World

NewWorld = Callable[..., World]
SEEDS = int(os.environ.get("EI_RELAY_RECOVER_SEEDS", "40"))
BY = Request("anna", "recover", "the database was restored")
RESIDENTS = ("191212121212", "195712130011")
UNITS = ("SE2321000016-1HZ5", "SE2321000016-1HZ6", "SE2321000016-1HZ7")


def is_suspected(world: World) -> bool:
    return "tidbok" in world.relay.store.transact(restores.suspected)


def run_recover(world: World, since: datetime | None) -> recover.Found:
    total = recover.Found()
    for page in recover.recover(world.relay, "tidbok", recover.since_of(world.relay, "tidbok", since), BY):
        total.add(page)
    return total


class Life:
    """A booking system's random life with a relay that works, fails and dies."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rows: list[dict[str, object]] = []
        self._random = random.Random(seed)
        self._version = 0

    def some(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self._step()

    def write(self, booking: str | None = None) -> None:
        chance = self._random
        booking = booking or f"B{chance.randint(1, 4)}"
        row: dict[str, object] = {"operation": "remove", "booking_id": booking}
        if chance.random() < 0.7:
            hours = chance.choice((0.1, 0.4, 24, 48, 480))
            starts_at = (self.world.now() + timedelta(hours=1 + hours)).replace(tzinfo=None, microsecond=0)
            row |= {
                "operation": "upsert", "resident_id": chance.choice(RESIDENTS), "care_unit": chance.choice(UNITS),
                "source_system": chance.choice(SYSTEMS), "starts_at": starts_at.isoformat(),
                "presentable": chance.choice((1, 1, 1, 0)),
            }  # fmt: skip
        if chance.random() < 0.3:
            self._version += 1
            row["version"] = chance.choice((self._version, self._version, max(self._version - 3, 0)))
        self.rows.append(row)
        self.world.write(**row)

    def _step(self) -> None:
        world, chance = self.world, self._random
        what = chance.random()
        if what < 0.45:
            self.write()
        elif what < 0.7:
            world.work()
        elif what < 0.9:
            world.advance(chance.choice((1, 20, 120, 290, 310, 1800)))
        elif what < 0.96:
            world.wire.weather.append(chance.choice(("refused", "lost before", "slow")))
        else:
            world.fate.countdown = chance.randint(1, 12)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_restored_database_is_noticed_and_recovered(new_world: NewWorld, seed: int) -> None:
    is_noticed_and_recovered(new_world(outbox_apart=True), seed)


@pytest.mark.parametrize("seed", range(max(SEEDS // 10, 1)))
def test_the_same_on_postgresql(postgres_world: World, seed: int) -> None:
    is_noticed_and_recovered(postgres_world, seed)


def is_noticed_and_recovered(world: World, seed: int) -> None:
    # Given a source at work, a backup, and what came after it
    life = Life(world, seed)
    life.write("B1")
    world.work()
    world.advance(310)
    life.go_on(life.some(2, 12))
    backed_up_at, copy = world.now(), world.back_up()
    receipts = world.ask("SELECT count(*) FROM ei_receipt")
    life.go_on(life.some(3, 16))
    lost = sum(outcome in ("taken", "superseded") for _, outcome, _ in world.outcomes()) > receipts
    # When the backup is restored, a moment or some time later
    world.advance(life.some(0, 1) * life.some(1, 2000))
    world.restore(copy)
    if lost:
        calls = world.calls
        life.go_on(life.some(0, 3))
        world.fate.countdown = None
        world.work()
        # Then that is noticed, and nothing is sent
        assert is_suspected(world)
        life.write()
        world.work()
        assert world.calls == calls
    # And after a recovery the index holds what the outbox says
    run_recover(world, None if lost else backed_up_at)
    assert not is_suspected(world)
    world.wire.weather.clear()
    world.settle()
    assert world.index() == expected(life.rows, SYSTEMS, world.now()).posts
    assert world.core.breaches() == []
    # And it is over
    world.advance(SPACING + 10)
    world.settle()
    assert not is_suspected(world)
    assert world.index() == expected(life.rows, SYSTEMS, world.now()).posts


@pytest.mark.parametrize("says", ["the same", "something else"])
def test_an_event_that_is_repeated_before_the_recovery_is_a_duplicate_all_the_same(
    new_world: NewWorld, says: str
) -> None:
    """The row that took its id is forgotten here, but not by the outbox: else an old change would win as the newest."""
    world = new_world(outbox_apart=True)
    row = {
        "operation": "upsert", "booking_id": "B1", "resident_id": RESIDENTS[0], "care_unit": UNITS[0],
        "starts_at": "2026-12-24T10:00:00",
    }  # fmt: skip
    world.write(**row)
    world.work()
    world.advance(400)
    copy = world.back_up()
    # Given changes after the backup, the first with an event id
    world.write(**row | {"event_id": "E1", "starts_at": "2026-12-24T11:00:00"})
    world.work()
    world.advance(400)
    world.write(**row | {"starts_at": "2026-12-24T12:00:00"})
    world.work()
    world.advance(400)
    # When the database is restored and the first one is repeated before the recovery
    world.restore(copy)
    again = "2026-12-24T11:00:00" if says == "the same" else "2026-12-24T13:00:00"
    world.write(**row | {"event_id": "E1", "starts_at": again})
    world.work()
    assert is_suspected(world)
    outcome = world.outcomes()[-1]
    assert outcome[1] == ("duplicate" if says == "the same" else "rejected")
    assert "row 2 took it" in str(outcome[2])
    # Then what was said last stands
    run_recover(world, None)
    world.settle()
    assert {key[2]: content for key, content in world.index().items()} == {"B1": "20261224120000"}
    # and the event id stays taken
    world.write(**row | {"event_id": "E1", "starts_at": "2026-12-24T11:00:00"})
    world.work()
    assert world.outcomes()[-1][1] == "duplicate"
