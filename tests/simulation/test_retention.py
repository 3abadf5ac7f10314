"""A year of a small clinic: bookings come, change, are refused and are over, and the tables stay as small as ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

from relay.flow.retention import prune
from relay.flow.steer import Request, discard, reprocess
from relay.sandbox.orders import Order
from relay.settings import Retention, Settings
from relay.store import figures
from relay.store.selection import Selection
from tests.simulation.world import SPACING, World

DAYS = 365
RETENTION = {"bookings": "10d", "tombstones": "30d", "receipts": "20d", "calls": "15d", "audit": "40d", "outbox": "5d"}
LONGEST = 40  # days; after twice as many the tables have reached their size
TABLES = ("ei_booking", "ei_post", "ei_receipt", "ei_call", "ei_audit", "ei_outbox")
BY = Request("anna", "reprocess", "every week")


def keep(world: World, **retention: str) -> None:
    """Have the world's relay keep what is over for so long, from now on."""
    kept = Retention.model_validate(retention)
    world.settings = Settings.model_validate(world.settings.model_copy(update={"retention": kept}))
    world.replace_worker()


def day(world: World, number: int) -> None:
    """A day's bookings, each at a time of its own and of a resident of its own: one is moved, one is cancelled, one is
    in the past when it comes, one is an open invitation, one the index refuses."""
    names = [f"D{number}-{n}" for n in range(6)]
    for n, name in enumerate(names):
        starts_at = (world.now() + timedelta(days=n, hours=1)).replace(tzinfo=None, microsecond=0)
        world.write(
            operation="upsert", booking_id=name, version=1, event_id=f"{name}-1",
            resident_id=f"19900101{(number * 6 + n) % 1000:03}p", care_unit="SE2321000016-1HZ5",
            starts_at=(starts_at if n else starts_at - timedelta(days=1)).isoformat(),
        )  # fmt: skip
    if number % 7 == 0:
        world.core.order(Order(answer="fault", text="EI004: too long", booking_id=names[5]))
        world.write(operation="upsert", booking_id=f"open-{number}", kind="open_invitation", invited_on="2026-11-01",
                    resident_id="191212121212", care_unit="SE2321000016-1HZ5")  # fmt: skip
    world.write(operation="remove", booking_id=names[2], version=2)
    world.write(operation="remove", booking_id=f"open-{number - 7}")
    for _ in range(2):
        world.work()
        world.advance(SPACING)
    if number % 7 == 0:
        world.settle()
        world.core.cancel_orders()
        discard(world.relay.store, Selection(state=("parked",)), BY)
        reprocess(world.relay.store, Selection(source="tidbok"), BY)


def size(world: World, table: str) -> int:
    (number,) = world.outbox.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(number)


def test_a_years_traffic_leaves_the_tables_flat(new_world: Callable[..., World]) -> None:
    # given
    world = new_world()
    keep(world, **RETENTION)
    sizes: defaultdict[str, list[int]] = defaultdict(list)

    # when
    for number in range(DAYS):
        day(world, number)
        world.seconds = (number + 1) * 86_400.0
        prune(world.relay)
        for table in TABLES:
            sizes[table].append(size(world, table))

    # then the second half of the year has tables no larger than the time before
    for table in TABLES:
        settled = max(sizes[table][2 * LONGEST : 4 * LONGEST])
        assert 0 < max(sizes[table][-DAYS // 2 :]) <= settled, (table, settled)
    # and nothing personal is left of bookings that were over ten days ago, the last of a day six days after it
    old = [f"'D{number}-{n}'" for number in range(DAYS - 17) for n in range(6)]
    for table in ("ei_post", "ei_booking"):
        personal = f"SELECT count(*) FROM {table} WHERE resident_id IS NOT NULL AND booking_id IN ({', '.join(old)})"
        assert world.outbox.execute(personal).fetchone() == (0,)
    assert not world.core.breaches()


def test_a_version_that_comes_late_cannot_raise_a_tombstone(new_world: Callable[..., World]) -> None:
    """And once the tombstone is gone, it can: `tombstones` says for how long."""
    world = new_world()
    keep(world, bookings="10d", tombstones="30d")
    for version in (2, 1, 1):
        starts_at = (world.now() + timedelta(days=40 if version == 1 else 1)).replace(tzinfo=None, microsecond=0)
        world.write(
            operation="upsert", booking_id="B1", version=version, resident_id="191212121212",
            care_unit="SE2321000016-1HZ5", starts_at=starts_at.isoformat(),
        )  # fmt: skip
        world.settle()
        world.advance(timedelta(days=20).total_seconds())
        world.work()
        world.settle()
        prune(world.relay)

    assert [outcome for _, outcome, _ in world.outcomes()] == ["taken", "superseded", "taken"]
    assert len(world.index()) == 1


def test_a_worker_that_is_told_to_stop_stops_between_batches(new_world: Callable[..., World]) -> None:
    world = new_world()
    keep(world, bookings="1d", tombstones="1d")
    world.write(operation="remove", booking_id="B1")
    world.settle()
    world.advance(timedelta(days=2).total_seconds())

    assert prune(world.relay, lambda: True) == {}
    world.advance(3600)
    assert prune(world.relay) == {"tombstones": 1}
    assert prune(world.relay) == {}, "it is nobody's turn for an hour"


def test_what_became_of_a_row_is_kept_for_as_long_as_the_exporter_counts_it(new_world: Callable[..., World]) -> None:
    world = new_world()
    keep(world, receipts="1s")
    world.write(operation="nonsense", booking_id="B1")
    world.settle()
    world.advance(3599)

    assert "receipts" not in prune(world.relay)
    assert world.relay.store.transact(figures.rejected) == {"tidbok": 1}
    world.advance(3600)

    assert world.relay.store.transact(figures.rejected) == {"tidbok": 0}
    assert prune(world.relay)["receipts"] == 1


def test_settled_outbox_rows_stay_unless_told_otherwise(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.write(operation="remove", booking_id="B1")
    world.settle()
    world.advance(timedelta(days=300).total_seconds())
    world.write(operation="remove", booking_id="B2")

    assert "outbox" not in prune(world.relay)
    keep(world, outbox="1h")
    world.advance(3600)

    assert prune(world.relay)["outbox"] == 1
    assert [outcome for _, outcome, _ in world.outcomes()] == [None]
