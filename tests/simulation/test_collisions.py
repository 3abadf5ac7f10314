"""Two keys that are one text to the index: one is published, the other waits until it is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.flow.intake.step import intake
from relay.flow.maintenance.retention import prune
from relay.store.lanes import LaneName
from tests.simulation.test_lists import OTHER, TOLVAN, minutes
from tests.simulation.world import SPACING, World

NewWorld = Callable[..., World]
FIRST = ("SE2321000016-1HZ", "51042")
SECOND = ("SE2321000016-1HZ5", "1042")
LANES = ("SE2321000016-84GX", "E2321000016-84GX")  # the booking stands before it in the text
OF_ONE_LANE, OF_THE_OTHER = ("UNIT-1", "51042"), ("UNIT-1", "51042S")


def write(world: World, key: tuple[str, str], operation: str = "upsert", **said: str) -> None:
    unit, booking_id = key
    right = {"resident_id": TOLVAN, "care_unit": unit, "starts_at": "2026-12-24T10:00:00"}
    world.write(operation=operation, booking_id=booking_id, **(right | said))


def there(world: World) -> set[tuple[str, str]]:
    """(unit, booking) of the posts in the index."""
    return {(key[1], key[2]) for key in world.index()}


def parked(world: World) -> list[tuple[str, str, str]]:
    asked = "SELECT booking_id, parked_code, parked_text FROM ei_post WHERE parked_code IS NOT NULL"
    return list(world.outbox.execute(asked))


def deletes(world: World) -> int:
    (number,) = world.outbox.execute("SELECT count(*) FROM ei_post WHERE booking_id = '1042' AND sent_at IS NOT NULL")
    return int(number[0])


def test_of_two_in_one_batch_one_is_published_and_the_other_parked(new_world: NewWorld) -> None:
    """R-11"""
    # Given two bookings whose keys are one text, and one beside them that differs in the resident
    world = new_world()
    write(world, FIRST)
    write(world, SECOND)
    write(world, (*SECOND[:1], "1042x"))
    write(world, ("SE2321000016-1HZ5", "1043"), resident_id=OTHER)
    minutes(world, 3)
    # Then the second is parked, with the first named
    assert there(world) == {FIRST, ("SE2321000016-1HZ5", "1042x"), ("SE2321000016-1HZ5", "1043")}
    ((booking_id, code, text),) = parked(world)
    assert (booking_id, code) == ("1042", "COLLISION")
    assert "booking 51042 at unit SE2321000016-1HZ:" in text
    assert world.core.breaches() == []


def test_the_removal_of_one_that_waits_sends_nothing(new_world: NewWorld) -> None:
    """Its delete would remove the other's post."""
    world = new_world()
    write(world, FIRST)
    minutes(world, 1)
    write(world, SECOND)
    minutes(world, 1)
    write(world, SECOND, "remove")
    minutes(world, SPACING / 60 + 2)
    assert there(world) == {FIRST}
    assert parked(world) == []
    assert deletes(world) == 0


def test_when_the_first_is_gone_the_other_is_published_after_the_spacing(new_world: NewWorld) -> None:
    """R-32: to the index it is one key."""
    world = new_world()
    company = {("UNIT-1", "B-1"), ("UNIT-1", "B-2")}  # a delete waits for it, as for all that goes alone
    for key in (FIRST, SECOND, *sorted(company)):
        write(world, key)
    minutes(world, SPACING / 60 + 1)
    write(world, FIRST, "remove")
    minutes(world, 1)
    assert there(world) == company
    minutes(world, SPACING / 60 - 2)
    assert there(world) == company
    minutes(world, 3)
    assert there(world) == company | {SECOND}
    assert parked(world) == []
    assert world.core.breaches() == []


def test_a_change_of_the_one_that_waits_lets_it_wait_on(new_world: NewWorld) -> None:
    world = new_world()
    write(world, FIRST)
    write(world, SECOND)
    minutes(world, 2)
    write(world, SECOND, starts_at="2026-12-24T11:00:00")
    minutes(world, SPACING / 60 + 2)
    assert there(world) == {FIRST}
    assert [code for _, code, _ in parked(world)] == ["COLLISION"]


def test_a_second_that_moves_away_is_published(new_world: NewWorld) -> None:
    world = new_world()
    write(world, FIRST)
    write(world, SECOND)
    minutes(world, 2)
    write(world, ("SE2321000016-1HZ9", "1042"))
    minutes(world, 2)
    assert there(world) == {FIRST, ("SE2321000016-1HZ9", "1042")}
    assert parked(world) == []


def test_two_that_an_older_version_published_are_one_row_and_end_as_one(new_world: NewWorld) -> None:
    """The index has one row for them; when either changes, the first is said again and the second waits."""
    # Given two that were published before anybody compared their texts
    world = new_world()
    write(world, FIRST)
    write(world, SECOND)
    minutes(world, 1)
    world.outbox.execute(
        "UPDATE ei_post SET known = wanted, digest = NULL, parked_code = NULL, parked_text = NULL, parked_at = NULL"
    )
    world.outbox.commit()
    # When the missing digests are filled in, and the second is cancelled
    prune(world.relay)
    (left,) = world.outbox.execute("SELECT count(*) FROM ei_post WHERE digest IS NULL")
    assert left == (0,)
    write(world, SECOND, "remove")
    minutes(world, SPACING / 60 + 2)
    # Then no delete goes out, and the first was said again
    assert FIRST in there(world)
    rows = list(world.outbox.execute("SELECT booking_id, wanted, known FROM ei_post ORDER BY id"))
    assert rows == [("51042", "20261224100000", "20261224100000"), ("1042", "", "")]


@pytest.fixture
def two_lanes(new_world: NewWorld) -> World:
    """Two source systems of one index; a post may go alone, so that nothing here waits for company."""
    return new_world(source_systems=list(LANES), index={"min_posts_per_call": 1})


def of_two_lanes(world: World, operation: str = "upsert", *, lanes: tuple[int, ...] = (0, 1)) -> None:
    for number in lanes:
        write(world, (OF_ONE_LANE, OF_THE_OTHER)[number], operation, source_system=LANES[number])


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one after the other"])
def test_of_two_in_two_lanes_one_is_published_and_the_other_when_it_is_gone(two_lanes: World, at_once: bool) -> None:
    world = two_lanes
    if at_once:
        of_two_lanes(world)
        minutes(world, 2)
    else:
        for lane in (0, 1):
            of_two_lanes(world, lanes=(lane,))
            minutes(world, 1)
    assert there(world) == {OF_ONE_LANE}
    ((booking_id, code, text),) = parked(world)
    assert (booking_id, code) == ("51042S", "COLLISION")
    assert "booking 51042 at unit UNIT-1:" in text
    # When the first one goes, its delete and the other are as far apart as two posts of one key
    minutes(world, SPACING / 60)
    of_two_lanes(world, "remove", lanes=(0,))
    minutes(world, SPACING / 60 - 1)
    assert there(world) == set()
    minutes(world, 2)
    assert there(world) == {OF_THE_OTHER}
    assert parked(world) == []
    assert world.core.breaches() == []


def test_one_that_a_call_of_another_lane_may_be_carrying_stands(two_lanes: World) -> None:
    """Cancelled while its call is out, it is neither wanted nor known: but in a moment the index has it."""
    world = two_lanes
    of_two_lanes(world, lanes=(0,))
    intake(world.relay, "tidbok")
    out = world.take_lane(LaneName("national", LANES[0]))
    assert out is not None
    of_two_lanes(world, "remove", lanes=(0,))
    of_two_lanes(world, lanes=(1,))
    minutes(world, 0.05)
    assert there(world) == set()
    assert [code for _, code, _ in parked(world)] == ["COLLISION"]
    # When the call is over, the first is deleted, and then the other is published
    assert world.wake(out) == "called"
    minutes(world, 2 * SPACING / 60 + 1)
    assert there(world) == {OF_THE_OTHER}
    assert world.core.breaches() == []


def test_a_post_of_another_index_stands_in_nobodys_way(two_lanes: World) -> None:
    world = two_lanes
    of_two_lanes(world, lanes=(0,))
    minutes(world, 1)
    world.outbox.execute("UPDATE ei_lane SET engagement_index = 'regional' WHERE source_system = ?", LANES[:1])
    of_two_lanes(world, lanes=(1,))
    minutes(world, 1)
    assert parked(world) == []
    assert world.ask("SELECT count(*) FROM ei_post WHERE known = wanted AND wanted <> ''") == 2
