"""Each cause that can keep a booking from 1177: the situation is made on a real relay, and the last line says it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from relay.flow import hold, steer
from relay.flow.gather import gather
from relay.flow.inquiry import Found
from relay.flow.intake import intake
from relay.flow.relay import Relay
from relay.flow.retention import prune
from relay.flow.steer import Request
from relay.sandbox.orders import Order
from relay.store import changes, lanes, parked, restores, sources
from relay.store.lanes import LaneName
from relay.store.selection import Selection
from relay.story.of_booking import BOOKING
from relay.story.of_held import HELD
from relay.story.of_post import POST
from relay.story.of_rows import ROWS
from relay.story.story import tell
from tests.simulation.world import CALL_TIMEOUT, RETRY, SPACING, World
from tests.story.asking import LANE, UNIT, ask, book, last_line, why

NewWorld = Callable[..., World]
BY = Request("anna", "reprocess", "the index was restored from a backup")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A world whose workers have looked after its source."""
    world = new_world()
    world.work()
    return world


def test_a_booking_in_the_index(world: World) -> None:
    book(world)
    world.settle()
    assert last_line(world) == "It is in the index."
    assert (why(world).answer.in_index, why(world).answer.reason) == (True, "in_index")


# ── the rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_waits_unread(world: World) -> None:
    book(world)
    assert last_line(world) == "It will be in the index by 08:01."
    assert why(world).answer.reason == "unread"
    assert any("row 1 waits unread" in event.text for event in why(world).events)


def test_a_row_that_waits_unread_and_should_have_no_post(world: World) -> None:
    book(world, presentable=0)
    assert last_line(world).startswith(
        "It is not in the index, because it is not presentable: presentable is false (R-20"
    )


def test_a_row_that_waits_unread_and_will_be_rejected(world: World) -> None:
    book(world, care_unit="a b")
    assert last_line(world).startswith("It is not in the index, because row 1 will be rejected: care_unit: was ")


def test_workers_that_are_gone(world: World) -> None:
    world.advance(720)
    book(world)
    line = last_line(world)
    assert line.startswith(
        "It is not in the index, because row 1 waits unread and no worker has looked at this source for 12"
    )
    assert "start the workers" in line


def test_workers_that_were_never_there(new_world: NewWorld) -> None:
    world = new_world()
    book(world)
    assert "no worker has looked at this source yet; start the workers" in last_line(world)


def test_workers_that_are_gone_with_posts_pending(world: World) -> None:
    ask(world, "UPDATE ei_lane SET paused = 1")
    book(world)
    world.work()
    ask(world, "UPDATE ei_lane SET paused = 0")
    world.advance(600)
    assert "because no worker has looked at this source for 10 minutes; start the workers" in last_line(world)


def test_an_outbox_that_the_workers_cannot_use(world: World) -> None:
    book(world)
    error = "the outbox could not be marked: permission denied on ei_outbox"
    world.relay.store.transact(lambda tx: sources.trouble(tx, "tidbok", error, 1, tx.now))
    line = last_line(world)
    assert "row 1 waits unread: the outbox could not be marked: permission denied on ei_outbox since 08:00" in line
    assert "`ei-relay outbox check --source tidbok`" in line


def test_an_outbox_that_does_not_answer_whoever_asks(world: World) -> None:
    book(world)
    world.settle()
    world.outbox.execute("ALTER TABLE ei_outbox RENAME TO gone")
    story = why(world)
    assert story.answer.sentence == "It is in the index."
    assert any(
        "the outbox could not be read for this story: the table ei_outbox is not there" in e.text for e in story.events
    )


def test_a_source_that_left_the_configuration(world: World) -> None:
    book(world, presentable=0)
    world.settle()
    (source,) = world.settings.source
    other = world.settings.model_copy(update={"source": (source.model_copy(update={"name": "other"}),)})
    relay = Relay(other, clock=world)
    sentence = tell(gather(relay, Found("tidbok", "B1"))).answer.sentence
    relay.close()
    assert sentence == (
        "It is not in the index, because the source tidbok is not in the configuration any more; put it back, or "
        "retire it (`ei-relay sources retire`)."
    )


def test_a_rejected_row(world: World) -> None:
    book(world, resident_id="191212121213")
    world.work()
    assert last_line(world) == (
        'It is not in the index, because row 1 was rejected: resident_id: was "999999999999", expected a right check '
        "digit (the last of the twelve) (each digit shown as 9, each letter as A); have the booking system write it "
        "again with resident_id: a personnummer, samordningsnummer or national reserve number: 12 characters, "
        "YYYYMMDDNNNC."
    )
    assert why(world).answer.reason == "rejected"


def test_a_rejected_row_that_is_deleted_from_the_outbox(world: World) -> None:
    book(world, care_unit="a b")
    world.work()
    ask(world, "DELETE FROM ei_outbox")
    assert last_line(world).startswith("It is not in the index, because row 1 was rejected: care_unit: was ")


def test_a_change_that_is_rejected(world: World) -> None:
    book(world)
    world.settle()
    book(world, starts_at="tomorrow")
    world.work()
    line = last_line(world)
    assert line.startswith(
        "It is in the index, but not as the booking system last wrote it, because row 2 was rejected"
    )
    assert "starts_at: Swedish wall-clock time" in line


def test_an_event_id_of_another_booking(world: World) -> None:
    book(world, "B0", event_id="e-1")
    book(world, "B1", event_id="e-1", days=31)
    world.settle()
    assert why(world).answer.reason == "event_id_reused"
    assert "event_id of its own" in last_line(world) or "another one for each event" in last_line(world)
    assert last_line(world).startswith("It is not in the index, because row 2 ")


def test_a_repeated_event_of_its_own_does_no_harm(world: World) -> None:
    book(world, event_id="e-1")
    book(world, event_id="e-1")
    world.settle()
    assert last_line(world) == "It is in the index."
    assert any("row 2 ended duplicate: it repeats the event_id of row 1" in e.text for e in why(world).events)


def test_a_row_that_is_superseded_by_a_cancellation(world: World) -> None:
    world.write(operation="remove", booking_id="B1", version=9)
    book(world, version=5)
    world.settle()
    assert last_line(world) == (
        "It is not in the index, because it was cancelled by row 1 with version 9, and row 2 with version 5 came too "
        "late (superseded); if the booking stands, have the booking system write it again with a version above 9."
    )


def test_a_row_that_is_superseded_by_a_later_booking(world: World) -> None:
    book(world, version=9)
    book(world, version=5)
    world.settle()
    assert last_line(world) == "It is in the index."
    assert any("row 2 ended superseded: row 1 with version 9 had been taken" in e.text for e in why(world).events)


# ── the booking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_booking(world: World) -> None:
    book(world)
    world.settle()
    world.advance(SPACING)
    world.write(operation="remove", booking_id="B1")
    world.settle()
    assert last_line(world) == "It is not in the index, because it was cancelled by row 2; nothing to do."


def test_a_cancelled_booking_that_is_there_still(world: World) -> None:
    book(world)
    world.work()
    world.write(operation="remove", booking_id="B1")
    world.work()
    assert last_line(world) == "It is in the index and will be gone by 08:06, because it was cancelled by row 2."


def test_a_cancelled_booking_whose_row_waits(world: World) -> None:
    book(world)
    world.settle()
    world.advance(SPACING)
    world.work()
    world.write(operation="remove", booking_id="B1")
    assert last_line(world).startswith(
        "It is in the index and will be gone by 08:06, because it was cancelled by row 2"
    )


def test_a_hidden_booking(world: World) -> None:
    book(world, presentable=0)
    world.settle()
    assert last_line(world) == (
        "It is not in the index, because it is not presentable: presentable is false (R-20 b); have the booking system "
        "write it with presentable true when it may be shown."
    )


def test_a_booking_in_the_past(world: World) -> None:
    book(world, days=-1)
    world.settle()
    line = last_line(world)
    assert line.startswith(
        "It is not in the index, because it is past: its start time passed at 2026-11-22 07:00 (R-20 a"
    )
    assert line.endswith("; nothing to do.")


def test_a_booking_whose_time_passed_while_it_was_there(world: World) -> None:
    book(world, days=0.5)
    world.settle()
    world.advance(86_400)
    world.settle()
    assert "because it is past: its start time passed at" in last_line(world)


def test_an_invitation_whose_validity_ended(world: World) -> None:
    book(world, kind="invitation", valid_until="2026-11-22T12:00:00")
    world.settle()
    assert "because it is past: its valid_until passed at 2026-11-22 12:00 (R-22)" in last_line(world)


def test_a_unit_that_is_not_on_the_list(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("hsa_id,active\nSE2321000016-AAAA,true\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    book(world)
    world.settle()
    line = last_line(world)
    assert line.startswith(
        f"It is not in the index, because the care unit {UNIT} is not connected: it is not in {units} of 20"
    )
    assert why(world).answer.reason == "unit_not_connected"


def test_a_unit_that_is_switched_off(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text(f"hsa_id,active\n{UNIT},false\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    book(world)
    world.settle()
    assert "says that it is not active (R-20 c); set active to true" in last_line(world)


def test_a_list_that_cannot_be_read(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("hsa\n", encoding="utf-8")
    world = new_world(care_units=units)
    book(world)
    world.work()
    line = last_line(world)
    assert "row 1 waits unread: care_units" in line
    assert "correct the list" in line


def test_a_unit_that_has_just_been_connected(new_world: NewWorld, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("hsa_id\nSE2321000016-AAAA\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    book(world)
    world.settle()
    units.write_text(f"hsa_id\nSE2321000016-AAAA\n{UNIT}\n", encoding="utf-8")
    assert last_line(world) == "It will be in the index by 08:03."
    assert why(world).answer.reason == "lists_changed"


def test_a_resident_who_is_no_test_resident(new_world: NewWorld, tmp_path: Path) -> None:
    residents = tmp_path / "residents.txt"
    residents.write_text("201212121212\n", encoding="utf-8")
    world = new_world(test_residents=residents)
    world.work()
    book(world)
    world.settle()
    assert f"not one of the test identities allowed here ({residents} of 20" in last_line(world)


def test_a_local_reserve_identity(new_world: NewWorld) -> None:
    world = new_world(local_identities="99[0-9]{10}")
    world.work()
    book(world, resident_id="991234567890")
    world.settle()
    assert "because resident_id is a local reserve identity, which is never sent (R-07)" in last_line(world)


def test_a_source_that_is_retired(world: World) -> None:
    world.relay.store.transact(lambda tx: sources.retire(tx, "tidbok", retired=True))
    book(world)
    world.settle()
    assert "because the source tidbok is retired since 08:00; `ei-relay sources restore tidbok`" in last_line(world)


def test_a_booking_that_is_forgotten(world: World) -> None:
    book(world, days=1)
    world.settle()
    world.advance(200 * 86_400)
    world.work()
    world.settle()
    prune(world.relay, lambda: False)
    line = last_line(world)
    assert line.startswith("It is not in the index, because it was over at 2026-11-24 ")
    assert "its data have been deleted" in line


# ── the surge guard ──────────────────────────────────────────────────────────────────────────────────────────────────

MANY = 60  # bookings, more than may lose their posts at once


def held_removals(world: World, **said: object) -> None:
    """A booking system writes bookings that stand in the index, and takes all of them away or changes them."""
    for n in range(MANY):
        book(world, f"B{n}")
    world.settle()
    world.advance(SPACING)
    world.work()
    for n in range(MANY):
        if said:
            book(world, f"B{n}", **said)
        else:
            world.write(operation="remove", booking_id=f"B{n}")
    world.work()
    assert [row.status for row in world.relay.store.transact(changes.every)] == ["held"]


def test_a_removal_that_the_surge_guard_holds(world: World) -> None:
    held_removals(world)
    assert last_line(world) == (
        f"It is still in the index, though it was cancelled by row {MANY + 2}, because it is held by the surge guard, "
        "change 1: 60 posts of 60 would be removed or moved at once, after 0 within the hour; 49 may without asking; "
        "look at it with `ei-relay changes show 1` and approve or reject it."
    )
    assert (why(world).answer.in_index, why(world).answer.reason, why(world).answer.by) == (True, "held", None)
    assert any(e.kind == "cause" and e.facts["reason"] == "held" for e in why(world).events)


def test_a_held_removal_that_was_rejected(world: World) -> None:
    held_removals(world)
    hold.reject(world.relay.store, 1, "anna", "half a file")
    line = last_line(world)
    assert "because it is held by the surge guard, change 1, which was rejected at 08:0" in line
    assert line.endswith("; `ei-relay changes approve 1` has it followed after all.")


def test_a_held_removal_that_was_approved(world: World) -> None:
    held_removals(world)
    hold.approve(world.relay.store, 1, world.relay.source("tidbok").policies.ground(), "anna", "the clinic closed")
    assert why(world).answer.reason == "cancelled"
    assert last_line(world).startswith("It is in the index and will be gone by 08:")


def test_a_held_removal_of_a_booking_that_is_written_again(world: World) -> None:
    """A newer word lets the booking go."""
    held_removals(world)
    book(world)
    assert why(world).answer.reason != "held"
    world.settle()
    assert last_line(world) == "It is in the index."
    assert why(world, "B2").answer.reason == "held"


def test_a_move_that_the_surge_guard_holds(world: World) -> None:
    """R-10."""
    held_removals(world, care_unit="SE2321000016-2222")
    line = last_line(world)
    assert line.startswith(
        "It is in the index, but not as it should be, because it is held by the surge guard, change 1: 60 posts"
    )
    assert why(world).answer.reason == "held"


def test_a_booking_whose_arrival_the_surge_guard_holds(new_world: NewWorld) -> None:
    world = new_world(environment="production", test_residents=None)
    world.work()
    for n in range(120):
        book(world, f"B{n}", days=30 + n)
    world.settle()
    line = last_line(world, "B119")
    assert line.startswith(
        "It is not in the index, because it is held by the surge guard, change 1: more than 100 new posts within an "
        "hour are for one resident"
    )
    assert line.endswith("; look at it with `ei-relay changes show 1` and approve or reject it.")
    assert (why(world, "B119").answer.in_index, why(world, "B119").answer.reason) == (False, "held")


def test_lists_that_the_surge_guard_holds(new_world: NewWorld, tmp_path: Path) -> None:
    """The booking is judged by the lists from before."""
    units = tmp_path / "units.csv"
    units.write_text(f"hsa_id\n{UNIT}\n", encoding="utf-8")
    world = new_world(care_units=units)
    world.work()
    for n in range(MANY):
        book(world, f"B{n}")
    world.settle()
    units.write_text("hsa_id\nSE2321000016-AAAA\n", encoding="utf-8")
    for _ in range(6):
        world.advance(120)
        world.work()
    line = last_line(world)
    assert line.startswith(f"It is still in the index, though the care unit {UNIT} is not connected")
    assert "because the change of the lists is held by the surge guard, change 1: 60 posts would be removed" in line
    assert why(world).answer.reason == "held"


# ── the post ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def test_a_moved_booking(world: World) -> None:
    """R-10."""
    book(world)
    world.work()
    book(world, care_unit="SE2321000016-2222")
    world.work()
    assert last_line(world) == f"It is in the index; its older post (care unit {UNIT}) goes by 08:06."


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


def test_a_discarded_post(world: World) -> None:
    world.core.order(Order(answer="fault", text="EI004: not so", times=1))
    book(world)
    world.work()
    world.relay.store.transact(lambda tx: parked.discard(tx, [1]))
    line = last_line(world)
    assert "post 1 was refused (EI004: " in line
    assert "and discarded by an operator at 08:00; `ei-relay parked retry 1` sends it again." in line


def test_a_lane_that_is_paused(world: World) -> None:
    name = LaneName.parse(LANE)
    world.relay.store.transact(lambda tx: lanes.pause(tx, [name], paused=True))
    book(world)
    world.work()
    assert f"because the lane {LANE} is paused by a command" in last_line(world)
    assert f"`ei-relay lanes resume {LANE}`" in last_line(world)


def test_a_lane_that_is_blocked(world: World) -> None:
    world.core.order(Order(answer="fault", text="VP007: not so", times=9))
    book(world)
    world.work()
    line = last_line(world)
    assert line.startswith(f"It is not in the index, because the lane {LANE} is blocked since 08:00 by VP007: ")
    assert "; next probe 08:04; mend what VP007 says" in line


def test_a_lane_that_rests(world: World) -> None:
    """R-35."""
    world.core.order(Order(answer="fault", text="VP008: not so", times=1))
    book(world)
    world.work()
    line = last_line(world)
    assert line.startswith(
        f"It is not in the index, because the lane {LANE} rests after a call that brought nothing (VP008"
    )
    assert "the next call is at 08:01:" in line


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


def test_a_call_whose_outcome_nobody_knows(world: World) -> None:
    world.wire.weather.append("slow")
    book(world)
    world.work()
    world.advance(RETRY * 1.3)
    world.work()
    assert why(world).answer.in_index is None
    assert why(world).answer.reason == "outcome_unknown"
    assert last_line(world) == "It will be in the index by 08:07."


def test_a_post_that_was_refused_with_others(world: World) -> None:
    world.core.order(Order(answer="fault", text="EI001: not so", times=1))
    book(world, "B1")
    book(world, "B2")
    world.work()
    assert why(world).answer.reason == "narrowing"
    assert last_line(world).startswith("It will be in the index by 08:0")


def test_a_post_that_is_sent_in_bulk(world: World) -> None:
    """R-34."""
    book(world)
    world.settle()
    for _ in range(3):  # a lone post is said once more
        world.advance(SPACING)
        world.work()
    steer.reprocess(world.relay.store, Selection(source="tidbok"), BY)
    assert why(world).answer.reason == "bulk"
    assert last_line(world).startswith("It will be in the index by 08:1")


def test_a_post_that_waits_for_its_turn(world: World) -> None:
    book(world)
    intake(world.relay, "tidbok")
    assert last_line(world) == "It will be in the index by 08:01."
    assert why(world).answer.reason == "in_turn"


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


def test_a_source_whose_database_seems_restored(world: World) -> None:
    book(world)
    found = "row 7 is marked and has no receipt"
    world.relay.store.transact(lambda tx: restores.suspect(tx, "tidbok", None, found))
    world.work()
    assert last_line(world) == (
        "Nobody can say whether it is in the index, because nothing is sent of the source tidbok since 08:00, as the "
        f"relay's database seems to have been restored: {found}; read again what was lost with `ei-relay recover "
        "--source tidbok` (docs/runbook.md)."
    )
    assert (why(world).answer.in_index, why(world).answer.reason) == (None, "restore_suspected")


def test_a_source_that_was_recovered_a_moment_ago(world: World) -> None:
    """R-32."""
    world.relay.store.transact(lambda tx: restores.suspect(tx, "tidbok", None, "a row has no receipt"))
    world.relay.store.transact(lambda tx: restores.clear(tx, "tidbok", timedelta(seconds=SPACING), tx.now))
    book(world)
    world.work()
    assert last_line(world) == "It will be in the index by 08:06."
    assert why(world).answer.reason == "recovered"


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
    text = Path(__file__).read_text(encoding="utf-8")
    made = text.count("\ndef test_")
    assert made > len(ROWS) + len(BOOKING) + len(HELD) + len(POST)
