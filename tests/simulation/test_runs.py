"""A mass resend is a run: listed while it goes, and cancelled with what has not gone out given back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.flow.actions import operations
from relay.flow.actions.operations import Cancelled, Request
from relay.flow.intake.step import intake
from relay.store import runs, selection
from relay.store.selection import Selection
from tests.simulation.test_steered import book, states
from tests.simulation.world import SPACING, World

BY = Request("anna", "reprocess", "the index was restored from a backup")
TIDBOK = Selection(source="tidbok")


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    world = new_world()
    for n in range(3):
        book(world, f"B{n}")
    world.settle()
    world.advance(SPACING)
    return world


def test_a_run_is_listed_until_its_posts_are_sent(world: World) -> None:
    operations.reprocess(world.relay.store, TIDBOK, BY)
    ((row, waiting),) = world.relay.store.transact(lambda tx: runs.listed(tx, 9))
    assert (row.who, row.selection, row.matched, row.changed, waiting) == (
        "anna",
        "source=tidbok state=indexed,pending,parked",
        3,
        3,
        3,
    )
    assert row.ended_at is not None
    world.settle()
    ((_, waiting),) = world.relay.store.transact(lambda tx: runs.listed(tx, 9))
    assert waiting == 0


def test_a_cancelled_run_gives_back_what_was_not_sent_and_nothing_else(world: World) -> None:
    # given a run, of which one post was sent, and the booking of another one changed meanwhile
    calls = world.calls
    operations.reprocess(world.relay.store, TIDBOK, BY)
    world.outbox.execute("UPDATE ei_post SET known = wanted, sent_at = ? WHERE id = 1", [world.now().isoformat()])
    book(world, "B1", days=31)
    intake(world.relay, "tidbok")
    # when
    undone = runs.cancel(world.relay.store, 1)
    # then only the third is given back, and only the changed one is sent
    assert undone == 1
    assert states(world) == {"indexed": 2, "pending": 1}
    world.settle()
    assert world.calls == calls + 1
    assert runs.cancel(world.relay.store, 1) == 0, "once more changes nothing"
    held = world.index()
    assert len(held) == 3


def test_a_run_that_is_cancelled_while_it_marks_goes_no_further(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "PAGE", 1)
    with pytest.raises(Cancelled):
        operations.reprocess(world.relay.store, TIDBOK, BY, progress=lambda run, _: runs.cancel(world.relay.store, run))
    assert states(world) == {"indexed": 3}
