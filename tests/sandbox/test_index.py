"""What happens behind the OK: applying, notifying, and the traps of the collect queue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.sandbox.collector import Collect
from relay.sandbox.core import Core, Options
from tests.sandbox.messages import EARLY, LATE, Clock, Post, find_content, gone, held, send


@pytest.fixture
def collecting(clock: Clock) -> Core:
    return Core(Options(collect=Collect(quiet=5, messages=10)), clock)


def kinds(core: Core) -> tuple[int, int, int]:
    by_kind = core.summary()["notifications_by_kind"]
    return by_kind["new"], by_kind["changed"], by_kind["deleted"]


def test_a_save_creates_and_then_updates_R_10(core: Core) -> None:
    send(core, Post(content=LATE))
    send(core, Post(content=EARLY))
    assert held(core) == {"b-1": EARLY}


def test_trap_4_deletes_come_before_saves_in_one_call(core: Core) -> None:
    # Given a booking that is held at one unit
    old, new = Post(unit="UNIT-A"), Post(unit="UNIT-B")
    send(core, old)
    # When it moves: save and delete in one call, in the other order
    send(core, new, gone(old))
    # Then the new post alone is left
    assert [post["logical_address"] for post in core.posts()] == ["UNIT-B"]


@pytest.mark.parametrize("wrong", [{"unit": "se2321000016-1hz5"}, {"controller": "SE232100-0017"}, {"booking": "B-1"}])
def test_trap_5_a_delete_with_one_key_field_different_leaves_the_post(core: Core, wrong: dict[str, str]) -> None:
    send(core, Post())
    assert send(core, replace(gone(Post()), **wrong)).answer == "OK"  # type: ignore[arg-type]
    assert held(core) == {"b-1": LATE}


def test_trap_6_who_is_notified(core: Core) -> None:
    send(core, Post())
    assert kinds(core) == (1, 0, 0)
    send(core, Post())  # unchanged: nobody
    assert kinds(core) == (1, 0, 0)
    send(core, Post(content=EARLY))
    assert kinds(core) == (1, 1, 0)
    assert core.posts()[0]["notifications"] == 2
    send(core, gone(Post()))
    send(core, gone(Post()))  # not there any more, and told all the same
    assert kinds(core) == (1, 1, 2)
    assert core.summary()["notifications"] == 4


def test_trap_1_OK_means_queued(collecting: Core, clock: Clock) -> None:
    assert send(collecting, Post()).answer == "OK"
    clock.time += 4.9
    assert held(collecting) == {}
    assert collecting.summary()["collecting"] == 1
    clock.time += 0.1
    assert held(collecting) == {"b-1": LATE}


def test_the_wait_for_quiet_starts_anew_with_each_message(collecting: Core, clock: Clock) -> None:
    for booking in ("a", "b", "c"):
        send(collecting, Post(booking))
        clock.time += 4
    assert held(collecting) == {}
    clock.time += 1
    assert list(held(collecting)) == ["a", "b", "c"]


def test_a_full_window_is_written_at_once(collecting: Core) -> None:
    for number in range(10):
        assert held(collecting) == {}
        send(collecting, Post(f"b-{number}"))
    assert len(held(collecting)) == 10


def test_calls_with_two_posts_are_not_collected(collecting: Core) -> None:
    send(collecting, Post("a"), Post("b"))
    assert list(held(collecting)) == ["a", "b"]


def test_trap_2_a_ghost_booking(collecting: Core, clock: Clock) -> None:
    # Given a booking created in a call of its own
    send(collecting, Post("ghost"))
    # When it is cancelled two seconds later, in a call with another post
    clock.time += 2
    assert send(collecting, gone(Post("ghost")), Post("other")).answer == "OK"
    # Then the delete overtakes the create, and the cancelled booking stays
    clock.time += 60
    assert held(collecting) == {"other": LATE, "ghost": LATE}


def test_trap_3_cancelled_and_booked_again_is_lost(collecting: Core, clock: Clock) -> None:
    send(collecting, Post("x"), Post("y"))
    send(collecting, gone(Post("x")))
    clock.time += 1
    assert send(collecting, Post("x", content=EARLY)).answer == "OK"
    clock.time += 60
    assert held(collecting) == {"y": LATE}


@pytest.mark.parametrize("content", [EARLY, LATE, None], ids=["earlier", "equal", "missing"])
def test_trap_3_a_rebooking_to_an_earlier_time_is_lost(collecting: Core, clock: Clock, content: str | None) -> None:
    send(collecting, Post(content=LATE))
    clock.time += 1
    assert send(collecting, Post(content=content)).answer == "OK"
    clock.time += 60
    assert held(collecting) == {"b-1": LATE}
    assert collecting.summary()["dropped_by_collector"] == 1


def test_a_rebooking_to_a_later_time_and_a_delete_survive_the_window(collecting: Core, clock: Clock) -> None:
    send(collecting, Post("later", content=EARLY))
    send(collecting, Post("later", content=LATE))
    send(collecting, Post("cancelled"))
    send(collecting, gone(Post("cancelled")))
    clock.time += 60
    assert held(collecting) == {"later": LATE}


def test_R_32_keeps_the_traps_shut(collecting: Core, clock: Clock) -> None:
    """A sender that leaves five minutes between sends of one key meets none of them."""
    for posts in ([Post()], [gone(Post()), Post("other")], [Post(content=LATE)], [Post(content=EARLY)]):
        send(collecting, *posts)
        clock.time += 300
    assert held(collecting) == {"other": LATE, "b-1": EARLY}


def test_settle_does_not_wait(collecting: Core) -> None:
    send(collecting, Post())
    collecting.settle()
    assert held(collecting) == {"b-1": LATE}
    assert collecting.summary()["collecting"] == 0


def test_reset_forgets_all(core: Core) -> None:
    send(core, Post(), Post())
    send(core, Post())
    core.reset()
    assert not core.posts()
    assert not core.calls()
    assert not core.breaches()
    assert core.summary()["notifications"] == 0


TEST_RESIDENT = {"registeredResidentIdentification": "191212121212", "serviceDomain": "riv:crm:scheduling"}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, ["a", "b"]),
        ({"logicalAddress": "UNIT-B"}, ["b"]),
        ({"businessObjectInstanceIdentifier": "a"}, ["a"]),
        ({"mostRecentContent": "20270108000000"}, ["a"]),
        ({"owner": "5565594230"}, ["a", "b"]),
        ({"owner": "another"}, []),
        ({"sourceSystem": "se2321000016-84gx"}, []),
    ],
)
def test_find_content(core: Core, more: dict[str, str], found: list[str]) -> None:
    send(core, Post("a"), Post("b", unit="UNIT-B", content=EARLY), Post("c", resident="201212121212"))
    reply = core.find_content(find_content(**TEST_RESIDENT, **more))
    assert reply.status == 200
    text = reply.body.decode()
    assert [b for b in "abc" if f"Identifier>{b}</" in text] == found
    assert text.count("<c:owner>5565594230</c:owner>") == len(found)


def test_find_content_is_refused_when_malformed(core: Core) -> None:
    assert b"EI001" in core.find_content(find_content(serviceDomain="riv:crm:scheduling")).body
    assert b"EI001" in core.find_content(find_content(**(TEST_RESIDENT | {"serviceDomain": "x", "y": "z"}))).body
    wrong = find_content(**TEST_RESIDENT).replace(b"5565594230", b"other")
    assert b"EI003" in core.find_content(wrong).body
    assert b"VP015" in core.find_content(b"<").body
