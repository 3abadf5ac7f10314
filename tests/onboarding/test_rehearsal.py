"""A rehearsal, played against the sandbox by a relay whose clock the test moves (R-54, R-55)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from relay.cli.rehearse import release
from relay.onboarding.rehearsal import BATCH, CLEAN, FAILED, NOT_RUN, PASSED, Case, Phase, Plan, judge, run
from relay.onboarding.rehearsal import World as Stage
from relay.sandbox.orders import Order
from relay.store import lease, onboarding
from tests.simulation.world import SPACING, World

RESIDENT = "191212121212"
PATIENCE = 3600.0
BRISK = 2 * SPACING


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(lease, "steady_seconds", lease.steady_seconds)  # the world sets its own
    made = World(tmp_path)
    yield made
    made.close()


def play(world: World, units: tuple[str, ...] = ("UNIT-A", "UNIT-B"), batch: int = BATCH) -> tuple[list[Case], Plan]:
    """A rehearsal from beginning to end; its test cases."""
    store, source = world.relay.store, world.settings.source[0]
    start = world.now().replace(tzinfo=None) + timedelta(hours=1)  # Swedish, in winter
    plan = Plan(
        "REH-", RESIDENT, units, source.source_systems[0], start + timedelta(days=14),
        start + timedelta(seconds=2 * SPACING), batch,
    )  # fmt: skip

    def write(rows: object) -> None:
        for row in rows:  # type: ignore[attr-defined]
            world.write(**{name: str(value) if name.endswith(("_at", "_on")) and value else value
                           for name, value in row.items()})  # fmt: skip

    def wait(condition: Callable[[], bool]) -> bool:
        began = world.seconds
        while not condition() and world.seconds < began + PATIENCE:
            world.work()
            world.advance(5 if world.seconds < began + BRISK else 60)  # what has not come by then comes hardly at all
        return condition()

    posts = lambda: store.transact(lambda tx: onboarding.posts_of(tx, source.name, plan.prefix))  # noqa: E731
    let_go = lambda: release(world.settings, store, source, plan.prefix)  # noqa: E731
    phases: list[Phase] = run(plan, Stage(write, posts, wait, world.now, lambda _text: None, let_go))
    calls = store.transact(lambda tx: onboarding.calls_since(tx, source.name, phases[0].began))
    return judge(plan, phases, calls, world.settings.engagement_index["national"]), plan


def results(cases: list[Case]) -> dict[str, str]:
    return {case.number or case.title: case.result for case in cases}


def test_a_rehearsal_passes_what_it_can_see_and_leaves_nothing_behind(world: World) -> None:
    """R-54; R-30: 1003 bookings are a call of 1000 and one of 3."""
    cases, _ = play(world)

    not_seen = {"Regel #22: omsändning efter fel eller time-out": NOT_RUN, "2.4": NOT_RUN}
    assert {name: result for name, result in results(cases).items() if result != PASSED} == not_seen
    assert next(case.measured for case in cases if case.number == "2.3") == "1003 poster: anrop med 1000, 3"
    assert world.index() == {}
    assert RESIDENT not in str(cases)


def test_what_the_index_refuses_fails_its_cases(world: World) -> None:
    # Given an index that refuses whatever is about one of the bookings
    world.core.order(Order(answer="fault", text='EI004: "logicalAddress" is to long', booking_id="REH-2"))

    cases, _ = play(world, batch=0)

    assert results(cases)["1.1"] == FAILED
    assert results(cases)["2.3"] == NOT_RUN


def test_a_time_out_on_the_way_shows_that_repeats_wait(world: World) -> None:
    """R-35"""
    world.wire.weather = ["fair", "slow"]

    cases, _ = play(world, batch=0)

    repeats = next(case for case in cases if case.title.startswith("Regel #22"))
    assert repeats.result == PASSED
    assert repeats.measured.startswith("1 fel, kortaste paus ")


def test_with_one_unit_no_move_is_claimed(world: World) -> None:
    cases, _ = play(world, units=("UNIT-A",), batch=0)

    assert next(case.measured for case in cases if case.number == "1.3") == "ändrad tid, avbokning"


def test_what_was_begun_is_removed_when_it_is_broken_off(world: World) -> None:
    plan = Plan("REH-", RESIDENT, ("UNIT-A",), "SYSTEM", world.now(), world.now(), batch=2)
    written: list[object] = []

    def write(rows: object) -> None:
        written.append(rows)
        if len(written) == 2:
            raise KeyboardInterrupt

    stage = Stage(write, list, lambda condition: True, world.now, lambda _text: None, lambda: None)
    with pytest.raises(KeyboardInterrupt):
        run(plan, stage)

    assert written[-1] == plan.rows(CLEAN)
    assert {row["booking_id"] for row in plan.rows(CLEAN)} == {f"REH-{name}" for name in ("1", "2", "4", "B0", "B1")}
