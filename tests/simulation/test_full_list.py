"""Random histories with the booking system's own tables beside its outbox: changes that no outbox hears of, lists that
are read while life goes on, workers that die over them. In the end the index holds what the tables say, and at no time
is a change undone that the outbox told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from relay.flow.maintenance import full_list
from relay.flow.maintenance.full_list import NotCompared
from tests.simulation.bookings import expected
from tests.simulation.fate import Crash
from tests.simulation.world import SYSTEMS, World

QUERY = "SELECT * FROM appointment"
COLUMNS = ("booking_id", "version", "resident_id", "care_unit", "starts_at", "presentable")
RESIDENTS = ("191212121212", "195712130011")
UNITS = ("SE2321000016-1HZ5", "SE2321000016-1HZ6")
SEEDS = 12


class Vendor:
    """A booking system; `lost` are the bookings of which the outbox lacks a change, and the tables have it."""

    def __init__(self, world: World, random: Random, versioned: bool) -> None:
        self.world, self.random, self.versioned = world, random, versioned
        self.truth: dict[str, dict[str, object]] = {}
        self.lost: set[str] = set()
        self.numbers = 0
        world.outbox.execute(f"CREATE TABLE appointment ({', '.join(COLUMNS)})")

    def change(self) -> str | None:
        """One change, which reaches the outbox nine times of ten: one transaction, as far as anybody can see. The
        booking, where it does not."""
        random, booking = self.random, f"B{self.random.randrange(14)}"
        self.numbers += 1
        version = self.numbers if self.versioned else None
        goes = booking in self.truth and random.random() < 0.25
        row: dict[str, object] = {"booking_id": booking, "version": version}
        if not goes:
            starts_at = self.world.now() + timedelta(hours=random.choice((3, 30, 300)) + 1)
            row |= {
                "resident_id": random.choice(RESIDENTS), "care_unit": random.choice(UNITS),
                "starts_at": starts_at.replace(tzinfo=None, microsecond=0).isoformat(),
                "presentable": random.choice((1, 1, 1, 0)),
            }  # fmt: skip
        db = self.world.outbox
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM appointment WHERE booking_id = ?", [booking])
        self.truth.pop(booking, None)
        if not goes:
            db.execute("INSERT INTO appointment VALUES (?, ?, ?, ?, ?, ?)", [row[name] for name in COLUMNS])
            self.truth[booking] = row
        if random.random() < 0.1:
            self.lost.add(booking)
        else:
            said = {name: value for name, value in row.items() if value is not None}
            self.world.write(operation="remove" if goes else "upsert", **said)
            self.lost.discard(booking)
        db.execute("COMMIT")
        return booking if booking in self.lost else None

    def should(self) -> dict[tuple[str, ...], str]:
        rows: list[dict[str, object]] = [{"operation": "upsert"} | row for row in self.truth.values()]
        return expected(rows, SYSTEMS, self.world.now()).posts


def compare(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A comparison over which a worker may die, and meanwhile life goes on; the bookings whose lost change it cannot
    have found."""
    world, random = vendor.world, vendor.random
    late: set[str] = set(vendor.lost)
    read = READ

    def meanwhile() -> None:
        for _ in range(random.randrange(3)):
            if (booking := vendor.change()) is not None:
                late.add(booking)
        if random.random() < 0.5:
            world.advance(random.choice((0.2, 5)))
            world.work()

    def slowly(*args: Any) -> Iterator[Any]:
        lines = list(read(*args))
        late.clear()
        waits = "SELECT booking_id FROM ei_outbox WHERE outcome IS NULL"  # what it differs in is left to these rows
        late.update(vendor.lost & {booking for (booking,) in world.outbox.execute(waits)})
        meanwhile()
        yield from lines
        meanwhile()

    monkeypatch.setattr(full_list, "read_list", slowly)
    world.fate.countdown = random.randrange(1, 25) if random.random() < 0.3 else None
    try:
        found = full_list.compare(world.relay, "tidbok")
        meanwhile()
        full_list.apply(world.relay, found, "relay", "a story", ask=False)
        full_list.forget(world.relay, found)
    except Crash:
        late.update(vendor.lost)
        world.replace_worker()
        world.advance(3601)  # what it left behind is taken for somebody's until then
    except NotCompared:
        late.update(vendor.lost)
    world.fate.countdown = None
    return late


READ = full_list.read_list


@pytest.mark.parametrize("seed", [*range(SEEDS), 50])
def test_the_index_comes_to_hold_what_the_tables_say(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    world = new_world(outbox_apart=True, full_list_query=QUERY)
    vendor = Vendor(world, random, versioned=seed % 2 == 0)
    world.work()
    for _ in range(4):
        for _ in range(random.randrange(1, 12)):
            vendor.change()
            if random.random() < 0.5:
                world.advance(random.choice((0.5, 30, 400)))
                world.work()
        late = compare(vendor, monkeypatch)
        world.settle()
        should, holds = vendor.should(), world.index()
        sure = {booking for booking in vendor.truth.keys() | {key[2] for key in holds} if booking not in late}
        assert {k: v for k, v in holds.items() if k[2] in sure} == {k: v for k, v in should.items() if k[2] in sure}
        vendor.lost &= late
    monkeypatch.setattr(full_list, "read_list", READ)
    world.settle()
    found = full_list.compare(world.relay, "tidbok")
    full_list.apply(world.relay, found, "relay", "a story", ask=False)
    full_list.forget(world.relay, found)
    world.settle()
    assert world.index() == vendor.should()
    assert world.core.breaches() == []
    # And then there is nothing more to say
    assert full_list.compare(world.relay, "tidbok").plan.changes == 0
