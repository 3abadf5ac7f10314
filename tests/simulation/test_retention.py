"""A year of a small clinic: bookings come, change, are refused and are over, and the tables stay as small as ever.

The year is whole, and once a week it is pruned every hour, as the relay does it; the retention is short, so that the
tables come to rest. A season, pruned less often, is over sooner.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from relay.flow.actions.operations import Request, discard, reprocess
from relay.flow.actions.snapshot import compare
from relay.flow.maintenance.retention import prune
from relay.sandbox.orders import Order
from relay.settings import Retention, Settings
from relay.store import figures
from relay.store.columns import metadata
from relay.store.selection import Selection
from tests.simulation.world import SPACING, World

RETENTION = {"bookings": "10d", "tombstones": "30d", "receipts": "20d", "calls": "15d", "audit": "40d", "outbox": "5d"}
LONGEST = 40  # days; soon after it the tables have reached their size
A_DAY = 8  # rows of a table at most; any that were left over each week would be many more after half a year
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
            resident_id=f"22900101{(number * 6 + n) % 1000:03}p", care_unit="SE2321000016-1HZ5",
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


def leave_a_list(world: World, number: int) -> None:
    """Somebody compares the clinic's full list, and the power goes before it is applied."""
    lines = [f"L{number}-{n},1,22900101{n:03}p,SE2321000016-1HZ5,2040-06-01 10:30\n" for n in range(20)]
    file = io.BytesIO("".join(["booking_id,version,resident_id,care_unit,starts_at\n", *lines]).encode())
    compare(world.relay, "tidbok", file, world.now(), lambda rejection: pytest.fail(str(rejection)))


def live(world: World, days: int, week: Sequence[int]) -> dict[str, list[int]]:
    """Let so many days pass, each with its bookings, and with pruning every so many hours, day by day of a week;
    {table: rows at the end of each day}, and of "bytes" how large the database's file was."""
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    for number in range(days):
        day(world, number)
        if number % 7 == 3:
            leave_a_list(world, number)
        hours = week[number % len(week)]
        for hour in range(hours, 25, hours):
            world.seconds = max(world.seconds, number * 86_400.0 + hour * 3600.0)
            if hour % 6 == 0:
                world.work()
            prune(world.relay)
        for table in (*metadata.tables, "ei_outbox"):
            sizes[table].append(one(world, f"SELECT count(*) FROM {table}"))
        sizes["bytes"].append(one(world, "PRAGMA page_count") * one(world, "PRAGMA page_size"))
    return sizes


def one(world: World, question: str) -> int:
    (number,) = world.outbox.execute(question).fetchone()
    return int(number)


BUSY = {"ei_booking", "ei_post", "ei_call", "ei_receipt", "bytes"}  # the others may have nothing in such a life


def see_that_it_is_flat(sizes: dict[str, list[int]]) -> None:
    """The last half of the time, no table was larger than in the first days after the longest retention."""
    for what, each in sizes.items():
        settled = max(each[LONGEST + 5 : 2 * LONGEST + 5])
        late = max(each[len(each) // 2 :])
        print(f"{what:16} settled {settled:8}  later {late:8}")
        slack = settled * 0.05 if what == "bytes" else A_DAY  # pruning comes about hourly, an hour sooner or later
        assert late <= settled + slack, (what, settled, late)
        assert late > 0 or what not in BUSY, what


def see_that_nothing_personal_is_left(world: World, days: int) -> None:
    """Of bookings that were over longer than they are kept; the last of a day is over six days after it."""
    old = [f"'D{number}-{n}'" for number in range(days - 17) for n in range(6)]
    for table in ("ei_post", "ei_booking"):
        personal = f"SELECT count(*) FROM {table} WHERE resident_id IS NOT NULL AND booking_id IN ({', '.join(old)})"
        assert one(world, personal) == 0
    assert one(world, "SELECT count(*) FROM ei_snapshot WHERE said IS NOT NULL") == 0
    assert not world.core.breaches()


@pytest.mark.parametrize(
    ("days", "week"),
    [(2 * LONGEST + 35, [12]), pytest.param(365, [12, 12, 12, 1, 12, 12, 12], marks=pytest.mark.heavy)],
    ids=["season", "year"],
)
def test_traffic_leaves_the_tables_flat(new_world: Callable[..., World], days: int, week: Sequence[int]) -> None:
    world = new_world()
    keep(world, **RETENTION)

    sizes = live(world, days, week)

    assert sizes.keys() == {*metadata.tables, "ei_outbox", "bytes"}
    see_that_it_is_flat(sizes)
    see_that_nothing_personal_is_left(world, days)


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
