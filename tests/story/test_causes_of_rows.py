"""Each cause in the rows that can keep a booking from 1177: made on a real relay."""

from __future__ import annotations

from collections.abc import Callable

from relay.flow.relay import Relay
from relay.store import sources
from tests.simulation.test_snapshot import Site, booked
from tests.simulation.world import World
from tests.story.asking import ask, book, last_line, makes, why

NewWorld = Callable[..., World]


@makes("unread")
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


@makes("no_worker")
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


@makes("outbox_away")
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


@makes("nothing_taken")
def test_a_row_that_another_relay_took(world: World) -> None:
    row = book(world)
    ask(world, "UPDATE ei_outbox SET outcome = 'taken', relayed_at = created_at WHERE id = ?", row)
    assert last_line(world) == (
        "It is not in the index, because no row of it was taken; see whether the booking system wrote a row "
        "(`ei-relay outbox check`)."
    )


@makes("not_configured")
def test_a_source_that_left_the_configuration(world: World) -> None:
    book(world, presentable=0)
    world.settle()
    (source,) = world.settings.source
    other = world.settings.model_copy(update={"source": (source.model_copy(update={"name": "other"}),)})
    relay = Relay(other, clock=world)
    sentence = why(world, relay=relay).answer.sentence
    relay.close()
    assert sentence == (
        "It is not in the index, because the source tidbok is not in the configuration any more; put it back, or "
        "retire it (`ei-relay sources retire`)."
    )


@makes("rejected")
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


@makes("event_id_reused")
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


@makes("superseded")
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


def test_a_row_that_is_superseded_by_a_full_list_is_not_said_to_be_by_a_row(world: World) -> None:
    site = Site(world)
    site.change(booked("B1", version=9), told=False)
    site.take_over(site.export())
    book(world, version=5)
    world.settle()
    assert last_line(world) == "It is in the index."
    assert any(e.text.endswith("superseded: a full list with version 9 had been taken") for e in why(world).events)
