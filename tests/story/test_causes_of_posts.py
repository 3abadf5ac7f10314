"""Each cause on the way of a post that can keep a booking from 1177: made on a real relay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from relay.flow.actions import operations
from relay.flow.actions.operations import Request
from relay.flow.intake.restored import LOST
from relay.flow.intake.step import intake
from relay.sandbox.orders import Order
from relay.store import lanes, parked, restores
from relay.store.lanes import LaneName
from relay.store.selection import Selection
from relay.story.of_booking import BOOKING
from relay.story.of_held import HELD
from relay.story.of_post import POST
from relay.story.of_rows import ROWS
from tests.simulation.world import CALL_TIMEOUT, RETRY, SPACING, World
from tests.story.asking import LANE, UNIT, ask, book, last_line, makes, why

NewWorld = Callable[..., World]
BY = Request("anna", "reprocess", "the index was restored from a backup")


@makes("spacing")
def test_a_key_that_was_sent_a_moment_ago(world: World) -> None:
    """R-32."""
    book(world)
    world.work()
    world.advance(60)
    book(world, days=31)
    world.work()
    assert last_line(world) == "It is in the index as it was; as it is now it will be there by 08:06."
    told = [event.text for event in why(world).events if event.kind == "cause"]
    assert told[0].startswith("post 1 waits: it may be sent at 08:05:00: the key was sent at 08:00:00 (R-32)")


@makes("older_post")
def test_a_moved_booking(world: World) -> None:
    """R-10."""
    book(world)
    world.work()
    book(world, care_unit="SE2321000016-2222")
    world.work()
    assert last_line(world) == f"It is in the index; its older post (care unit {UNIT}) goes by 08:06."


@makes("parked")
def test_a_parked_post(world: World) -> None:
    world.core.order(Order(answer="fault", text="EI004: not so", times=1))
    book(world)
    world.work()
    line = last_line(world)
    assert line.startswith(
        "It is not in the index, because post 1 is parked: the index refused it for its content at 08:00"
    )
    assert line.endswith("`ei-relay parked retry 1`.")
    assert "EI004" in line


@makes("discarded")
def test_a_discarded_post(world: World) -> None:
    world.core.order(Order(answer="fault", text="EI004: not so", times=1))
    book(world)
    world.work()
    world.relay.store.transact(lambda tx: parked.discard(tx, [1]))
    line = last_line(world)
    assert "post 1 was refused (EI004: " in line
    assert "and discarded by an operator at 08:00; `ei-relay parked retry 1` sends it again." in line


@makes("lane_paused")
def test_a_lane_that_is_paused(world: World) -> None:
    name = LaneName.parse(LANE)
    world.relay.store.transact(lambda tx: lanes.pause(tx, [name], paused=True))
    book(world)
    world.work()
    assert f"because the lane {LANE} is paused by a command" in last_line(world)
    assert f"`ei-relay lanes resume {LANE}`" in last_line(world)


@makes("lane_blocked")
def test_a_lane_that_is_blocked(world: World) -> None:
    world.core.order(Order(answer="fault", text="VP007: not so", times=9))
    book(world)
    world.work()
    line = last_line(world)
    assert line.startswith(f"It is not in the index, because the lane {LANE} is blocked since 08:00 by VP007: ")
    assert "; next probe 08:04; mend what VP007 says" in line


@makes("lane_resting")
def test_a_lane_that_rests(world: World) -> None:
    """R-35."""
    world.core.order(Order(answer="fault", text="VP008: not so", times=1))
    book(world)
    world.work()
    line = last_line(world)
    assert line.startswith(f"It is not in the index, because the lane {LANE} rests after a call that failed (VP008")
    assert "the next call is at 08:01:" in line


def test_a_lane_that_rests_as_the_index_cannot_be_reached(world: World) -> None:
    world.wire.weather.append("refused")
    book(world)
    world.work()
    assert "ei-relay config check --connect" in last_line(world)


@makes("index_away")
def test_an_index_that_is_away(world: World) -> None:
    book(world)
    world.work()
    world.advance(SPACING)
    book(world, days=31)
    past = (world.now() - timedelta(seconds=1)).isoformat(timespec="microseconds")
    for n in range(3):
        ask(
            world,
            "INSERT INTO ei_lane (engagement_index, source_system, source, failures, failed_at, next_call_at) "
            "VALUES ('national', ?, 'tidbok', 2, ?, ?)", f"SE-{n}", past, past,
        )  # fmt: skip
    ask(world, "UPDATE ei_lane SET failures = 1, failed_at = ? WHERE id = 1", past)
    world.work()
    line = last_line(world)
    assert line.startswith(
        "It is in the index, but not as it is wanted, because the index national does not take calls: 4 lanes"
    )


@makes("call_out", "call_lost")
def test_a_call_that_is_out(world: World) -> None:
    ask(world, "UPDATE ei_lane SET paused = 1")
    book(world)
    world.work()
    ask(world, "UPDATE ei_lane SET paused = 0")
    world.take_lane(LaneName.parse(LANE))
    assert last_line(world) == "It will be in the index by 08:02."
    assert why(world).answer.reason == "call_out"

    world.advance(CALL_TIMEOUT + 20)
    assert last_line(world) == "It will be in the index by 08:07."
    assert why(world).answer.reason == "call_lost"


@makes("outcome_unknown")
def test_a_call_whose_outcome_nobody_knows(world: World) -> None:
    world.wire.weather.append("slow")
    book(world)
    world.work()
    world.advance(RETRY * 1.3)
    world.work()
    assert why(world).answer.in_index is None
    assert why(world).answer.reason == "outcome_unknown"
    assert last_line(world) == "It will be in the index by 08:07."


@makes("narrowing")
def test_a_post_that_was_refused_with_others(world: World) -> None:
    world.core.order(Order(answer="fault", text="EI001: not so", times=1))
    book(world, "B1")
    book(world, "B2")
    world.work()
    assert why(world).answer.reason == "narrowing"
    assert last_line(world).startswith("It will be in the index by 08:0")


@makes("bulk")
def test_a_post_that_is_sent_in_bulk(world: World) -> None:
    """R-34."""
    book(world)
    world.settle()
    for _ in range(3):  # a lone post is said once more
        world.advance(SPACING)
        world.work()
    operations.reprocess(world.relay.store, Selection(source="tidbok"), BY)
    assert why(world).answer.reason == "bulk"
    assert last_line(world).startswith("It will be in the index by 08:1")


@makes("in_turn")
def test_a_post_that_waits_for_its_turn(world: World) -> None:
    book(world)
    intake(world.relay, "tidbok")
    assert last_line(world) == "It will be in the index by 08:01."
    assert why(world).answer.reason == "in_turn"


@makes("company")
def test_a_lone_delete_that_waits_for_company(world: World) -> None:
    book(world)
    world.settle()
    world.advance(2 * SPACING)
    world.settle()
    world.advance(2 * SPACING)
    world.work()
    world.write(operation="remove", booking_id="B1")
    world.work()
    at = (world.now() + timedelta(minutes=11)).replace(second=0) + timedelta(hours=1)
    assert last_line(world) == (
        f"It is still in the index until {at:%H:%M}: a lone delete waits for another post to go with; it should go, "
        "because it was cancelled by row 2."
    )
    assert (why(world).answer.in_index, why(world).answer.reason) == (True, "company")


@makes("unconfirmed")
def test_a_post_that_was_sent_alone(world: World) -> None:
    book(world)
    world.settle()
    assert last_line(world) == "It is in the index."
    alone = [e for e in why(world).events if e.facts.get("reason") == "unconfirmed"]
    assert [e.text for e in alone] == [
        "post 1 was sent in a call of its own, which the index may lose; it is sent again with others, or once more "
        "alone where there are none"
    ]
    book(world, "B2")
    world.settle()
    world.confirm()
    assert not [e for e in why(world).events if e.facts.get("reason") == "unconfirmed"]


@makes("collision")
def test_a_post_that_the_index_cannot_tell_from_another(world: World) -> None:
    """R-11."""
    book(world, "51042", care_unit="SE2321000016-1HZ")
    book(world, "1042", care_unit="SE2321000016-1HZ5")
    world.settle()
    assert last_line(world, "51042") == "It is in the index."
    line = last_line(world, "1042")
    assert line.startswith("It is not in the index, because post 2 is kept back: the index cannot tell it from the ")
    assert "post of booking 51042 at unit SE2321000016-1HZ: " in line
    assert "`ei-relay parked retry" not in line
    assert why(world, "1042").answer.reason == "collision"


@makes("restore_suspected")
def test_a_source_whose_database_seems_restored(world: World) -> None:
    book(world)
    found = LOST.format(source="tidbok")
    world.relay.store.transact(lambda tx: restores.suspect(tx, "tidbok", None, found))
    world.work()
    assert last_line(world) == (
        "Nobody can say whether it is in the index, because nothing is sent of the source tidbok since 08:00, as the "
        f"relay's database seems to have been restored: {found}; read again what was lost with `ei-relay recover "
        "--source tidbok` (docs/runbook.md)."
    )
    assert (why(world).answer.in_index, why(world).answer.reason) == (None, "restore_suspected")


@makes("recovered")
def test_a_source_that_was_recovered_a_moment_ago(world: World) -> None:
    """R-32."""
    world.relay.store.transact(lambda tx: restores.suspect(tx, "tidbok", None, "a row has no receipt"))
    world.relay.store.transact(lambda tx: restores.clear(tx, "tidbok", timedelta(seconds=SPACING), tx.now))
    book(world)
    world.work()
    assert last_line(world) == "It will be in the index by 08:06."
    assert why(world).answer.reason == "recovered"


@makes("lane_not_configured")
def test_a_lane_whose_index_left_the_configuration(world: World) -> None:
    ask(world, "UPDATE ei_lane SET paused = 1")
    book(world)
    world.work()
    ask(world, "UPDATE ei_lane SET paused = 0, engagement_index = 'regional'")
    line = last_line(world)
    assert (
        "the lane regional:SE2321000016-84GX is not in the configuration any more; put the index regional back" in line
    )


def test_every_cause_of_the_tables_has_its_situation_here() -> None:
    files = Path(__file__).parent.glob("test_causes_of_*.py")
    made = sum(path.read_text(encoding="utf-8").count("\ndef test_") for path in files)
    assert made > len(ROWS) + len(BOOKING) + len(HELD) + len(POST)
