"""A backup of the relay's database is restored as the runbook says, and the index ends equal; what was written since is
told here as the day of one booking system.

    08:00  OLD for 09:00, REBOOK for 12:00, CANCEL for the 24th          08:15  the backup
    08:20  NEW1 for 13:00 and NEW2 for the 24th; REBOOK moves to the 28th
    08:40  the backup is restored; NEW2 is cancelled, and CANCEL stays, for it was only thought of
    20:40  twelve hours later: REBOOK on the 28th, and CANCEL
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.flow.actions import operations, recover
from relay.flow.actions.operations import Request
from relay.store.selection import Selection
from tests.simulation.test_recover import is_suspected, run_recover
from tests.simulation.world import World

NewWorld = Callable[..., World]
RESIDENT, UNIT = "191212121212", "SE2321000016-1HZ5"
SAID_AGAIN = Request("anna", "reprocess", "the database was restored")


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest) -> World:
    """A world on either kind of database, its outbox in another one than the relay's."""
    if request.param == "postgresql":
        on_postgresql: World = request.getfixturevalue("postgres_world")
        return on_postgresql
    new_world: NewWorld = request.getfixturevalue("new_world")
    return new_world(outbox_apart=True)


def book(world: World, booking: str, starts_at: str, **more: object) -> None:
    right = {"resident_id": RESIDENT, "care_unit": UNIT, "starts_at": starts_at}
    world.write(operation="upsert", booking_id=booking, **right, **more)


def passes(world: World, minutes: float, step: float = 20.0) -> None:
    end = world.seconds + minutes * 60
    while world.seconds < end:
        world.work()
        world.advance(step)


def shown(world: World) -> dict[str, str]:
    return {key[2]: content for key, content in world.index().items()}


def a_day_until_the_restore(world: World) -> None:
    """The times of the world's beginning, 08:00 in Sweden."""
    book(world, "OLD", "2026-11-23T09:00:00")
    book(world, "REBOOK", "2026-11-23T12:00:00")
    book(world, "CANCEL", "2026-11-24T12:00:00")
    passes(world, 15)
    backup = world.back_up()
    passes(world, 5)
    book(world, "NEW1", "2026-11-23T13:00:00")
    book(world, "NEW2", "2026-11-24T13:00:00")
    book(world, "REBOOK", "2026-11-28T12:00:00")
    passes(world, 20)
    assert shown(world) == {
        "OLD": "20261123090000", "REBOOK": "20261128120000", "CANCEL": "20261124120000",
        "NEW1": "20261123130000", "NEW2": "20261124130000",
    }  # fmt: skip
    world.restore(backup)
    world.write(operation="remove", booking_id="NEW2")


def ends_equal(world: World) -> None:
    passes(world, 60, step=60.0)
    passes(world, 11 * 60, step=600.0)
    assert shown(world) == {"REBOOK": "20261128120000", "CANCEL": "20261124120000"}
    assert world.core.breaches() == []


def test_what_was_sent_after_the_backup_neither_stays_nor_comes_back(world: World) -> None:
    """Nothing is sent before somebody has decided; R-32 holds by the times of the marks."""
    a_day_until_the_restore(world)
    calls = world.calls
    passes(world, 10)
    assert is_suspected(world)
    assert world.calls == calls

    run_recover(world, None)

    ends_equal(world)


def test_a_reprocess_before_the_recovery_neither_sends_old_times_nor_stands_in_its_way(world: World) -> None:
    """It sends what the database knows, which is old: so nothing goes out until the recovery has ended."""
    a_day_until_the_restore(world)
    passes(world, 1)
    calls = world.calls
    done = operations.reprocess(world.relay.store, operations.to_reprocess(Selection(source="tidbok")), SAID_AGAIN)
    assert done["matched"] == 3
    passes(world, 10)
    assert world.calls == calls
    assert shown(world)["REBOOK"] == "20261128120000"

    run_recover(world, None)

    ends_equal(world)


def test_without_a_recovery_the_same_day_ends_wrong(world: World) -> None:
    """`--trust` is for marks that are right: it lets the ghosts of the lost time stay."""
    a_day_until_the_restore(world)
    passes(world, 1)
    recover.trust(world.relay, "tidbok", Request("anna", "recover --trust", "a test"))
    passes(world, 15)
    assert not is_suspected(world)
    assert shown(world).keys() >= {"NEW1", "NEW2"}


def test_rows_that_were_judged_without_the_lost_ones_are_judged_again(world: World) -> None:
    """One without a version wins over a lost one with version 2; after that version 1 is too old, which nobody knew."""
    book(world, "B", "2026-11-24T10:00:00", version=1)
    passes(world, 10)
    backup = world.back_up()
    book(world, "B", "2026-11-24T11:00:00", version=2)
    passes(world, 10)
    world.restore(backup)
    book(world, "B", "2026-11-24T12:00:00")
    book(world, "B", "2026-11-24T13:00:00", version=1)
    passes(world, 1)
    run_recover(world, None)
    passes(world, 30)
    assert shown(world) == {"B": "20261124120000"}
