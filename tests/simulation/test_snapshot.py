"""Full lists of bookings, applied while the outbox goes on.

A list is exported at one time, compared at a later one and applied at a still later one; live changes come in
between, some of them taken before the comparison, some between comparison and application, some between its pages.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.flow.actions import snapshot as flow
from relay.flow.actions.snapshot import Applied
from relay.snapshot import Comparison, Fate
from relay.store import lease
from relay.store.snapshots import Overtaken, Run
from tests.simulation.bookings import expected
from tests.simulation.fate import Crash
from tests.simulation.world import SYSTEMS, World

RESIDENT = "191212121212"
UNIT = "SE2321000016-1HZ5"

Row = dict[str, object]


def booked(booking: str, starts_at: str = "2026-12-24T10:00:00", **also: object) -> Row:
    right = {"booking_id": booking, "resident_id": RESIDENT, "care_unit": UNIT, "starts_at": starts_at}
    return {"operation": "upsert"} | right | also


def cancelled(booking: str, **also: object) -> Row:
    return {"operation": "remove", "booking_id": booking} | also


class Site:
    """A booking system and its relay: what the system holds, its outbox, and the lists it exports."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bookings: dict[str, Row] = {}
        world.work()

    def change(self, row: Row, *, told: bool = True) -> None:
        """The system commits a change; untold, it forgot to write the outbox."""
        booking = str(row["booking_id"])
        if row["operation"] == "remove":
            self.bookings.pop(booking, None)
        else:
            self.bookings[booking] = row
        if told:
            self.world.write(**row)

    def export(self) -> tuple[bytes, datetime]:
        """The full list as it is now, and when that is."""
        taken_at = self.world.now()
        lines = [json.dumps({k: v for k, v in row.items() if k != "operation"}) for row in self.bookings.values()]
        self.world.advance(0.5)
        return ("\n".join(lines) + "\n").encode(), taken_at

    def compare(self, exported: tuple[bytes, datetime]) -> tuple[Run, Comparison]:
        text, taken_at = exported
        return flow.compare(self.world.relay, "tidbok", io.BytesIO(text), taken_at, pytest.fail)

    def apply(self, run: Run, taken_at: datetime, rest: Callable[[float], None] = lambda _: None) -> Applied:
        applied = flow.apply(self.world.relay, run, taken_at, "tests", "a test", rest=rest)
        flow.forget(self.world.relay, run)
        return applied

    def take_over(self, exported: tuple[bytes, datetime]) -> Comparison:
        """Compare and apply at once."""
        run, found = self.compare(exported)
        self.apply(run, exported[1])
        return found

    def should_be(self) -> dict[tuple[str, ...], str]:
        return expected(list(self.bookings.values()), SYSTEMS, self.world.now()).posts

    def notifications(self) -> int:
        return sum(self.world.core.index.notified.values())


@pytest.fixture
def site(new_world: Callable[..., World]) -> Site:
    return Site(new_world())


def settled(site: Site, *rows: Row) -> None:
    """The site once the index holds what these rows say."""
    for row in rows:
        site.change(row)
    site.world.settle()
    site.world.advance(600)


def test_a_list_that_says_what_is_known_sends_nothing(site: Site) -> None:
    # Given bookings that the index holds
    settled(site, *(booked(f"B{n}") for n in range(5)))
    calls, notified = site.world.calls, site.notifications()
    # When the full list is applied
    found = site.take_over(site.export())
    site.world.settle()
    # Then there was nothing to do, and nobody was told of anything
    assert found.fates == {Fate.UNCHANGED: 5}
    assert (site.world.calls, site.notifications()) == (calls, notified)


def test_what_the_outbox_never_said_is_made_good(site: Site) -> None:
    """Exactly one notification for each booking that is otherwise than the index had it."""
    # Given changes that the booking system forgot to write to its outbox
    settled(site, *(booked(f"B{n}") for n in range(5)))
    notified = site.notifications()
    site.change(cancelled("B0"), told=False)
    site.change(booked("B1", "2026-12-25T11:00:00"), told=False)
    site.change(booked("B2", valid_until="2026-12-24T12:00:00"), told=False)
    site.change(booked("B9"), told=False)
    # When the full list is applied
    found = site.take_over(site.export())
    # Then the index holds the bookings
    assert found.fates == {Fate.GONE: 1, Fate.CHANGED: 2, Fate.CREATED: 1, Fate.UNCHANGED: 2}
    site.world.settle()
    assert site.world.index() == site.should_be()
    # And who is told is told once; of B2 nobody is, its mostRecentContent is what it was
    assert site.notifications() == notified + 3
    assert site.world.core.breaches() == []


def test_live_changes_go_before_what_a_list_changes(new_world: Callable[..., World]) -> None:
    """R-34: a cancellation made meanwhile is in the next call."""
    # Given a list of which much is to be sent, and a cancellation that waits for no company
    site = Site(new_world(index={"lone_delete_wait": "0s"}))
    settled(site, booked("L"))
    for n in range(5):
        site.change(booked(f"B{n}"), told=False)
    site.take_over(site.export())
    # When a booking is cancelled before the list is sent
    site.change(cancelled("L"))
    site.world.work()
    # Then the first call carried the cancellation alone
    first, second = list(site.world.outbox.execute("SELECT id, posts FROM ei_call ORDER BY id"))[-2:]
    carried = "SELECT booking_id FROM ei_post WHERE call_id = ? ORDER BY booking_id"
    assert list(site.world.outbox.execute(carried, first[:1])) == [("L",)]
    assert [b for (b,) in site.world.outbox.execute(carried, second[:1])] == [f"B{n}" for n in range(5)]


def test_changes_after_the_export_stand_wherever_the_list_meets_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    # Given a list that was exported before three rounds of live changes
    settled(site, *(booked(f"B{n}") for n in range(9)))
    for n in range(9):
        site.change(booked(f"B{n}", "2026-12-20T08:00:00"), told=False)
    site.change(booked("B0", "2026-12-20T08:00:00", care_unit="X"), told=False)
    exported = site.export()

    def round_of_changes(first: int) -> None:
        site.change(booked(f"B{first}", "2026-12-27T10:00:00"))
        site.change(cancelled(f"B{first + 1}"))
        site.change(booked(f"N{first}"))
        site.world.work()
        site.world.advance(1)

    # When the first round is taken before the comparison, the second before the application, the third within it
    round_of_changes(1)
    run, found = site.compare(exported)
    assert found.fates == {Fate.CHANGED: 7, Fate.NEWER: 2}
    round_of_changes(3)
    within = iter((5, 7))
    applied = site.apply(run, exported[1], rest=lambda _: round_of_changes(next(within, 11)))
    # Then none of them was undone, and what the list knew better was taken from it
    assert applied.newer >= 2
    site.world.settle()
    assert site.world.index() == site.should_be()
    assert site.world.core.breaches() == []


def test_what_was_booked_after_the_export_is_not_gone(site: Site) -> None:
    settled(site, *(booked(f"B{n}") for n in range(3)))
    exported = site.export()
    site.change(booked("N"))
    site.world.work()
    assert site.take_over(exported).fates == {Fate.UNCHANGED: 3}
    site.world.settle()
    assert site.world.index() == site.should_be()


def test_what_comes_back_between_comparison_and_application_is_not_gone(site: Site) -> None:
    # Given a list that lacks a booking
    settled(site, booked("B"), booked("C"))
    site.change(cancelled("B"), told=False)
    exported = site.export()
    run, found = site.compare(exported)
    assert found.fates == {Fate.GONE: 1, Fate.UNCHANGED: 1}
    # When the outbox says before it is applied that the booking is there again
    site.change(booked("B"))
    site.world.work()
    # Then it stays
    assert site.apply(run, exported[1]) == Applied(0, 1)
    site.world.settle()
    assert site.world.index() == site.should_be()


def test_a_later_list_wins_though_it_was_exported_before_the_earlier_one_was_applied(site: Site) -> None:
    settled(site, booked("B"), booked("C"))
    site.change(booked("B", "2026-12-20T08:00:00"), told=False)
    early = site.export()
    site.change(booked("B", "2026-12-21T08:00:00"), told=False)
    site.change(cancelled("C"), told=False)
    late = site.export()
    site.take_over(early)
    site.world.advance(5)
    assert site.take_over(late).fates == {Fate.CHANGED: 1, Fate.GONE: 1}
    site.world.settle()
    assert site.world.index() == site.should_be()


def test_rows_the_relay_has_not_read_yet_win_over_the_list(site: Site) -> None:
    """Whatever comes through the outbox after the list was applied is taken as if there had been no list."""
    # Given rows that wait while a list from before them is applied
    settled(site, *(booked(f"B{n}", version=1) for n in range(3)))
    exported = site.export()
    site.change(booked("B0", "2026-12-20T08:00:00", version=2))
    site.change(cancelled("B1"))
    site.change(booked("N"))
    site.change(booked("B2", "2026-12-21T08:00:00"))
    site.take_over(exported)
    # When they are read
    site.world.settle()
    # Then they stand
    assert [outcome for _, outcome, _ in site.world.outcomes()] == ["taken"] * 7
    assert site.world.index() == site.should_be()


def test_a_row_older_than_the_list_by_its_version_is_superseded(site: Site) -> None:
    settled(site, booked("B", version=1))
    site.change(booked("B", "2026-12-26T08:00:00", version=3), told=False)
    site.take_over(site.export())
    site.world.write(**booked("B", "2026-12-25T08:00:00", version=2))
    site.world.settle()
    assert site.world.outcomes()[-1][1] == "superseded"
    assert site.world.index() == site.should_be()


def test_a_removed_booking_comes_back_with_its_next_row(site: Site) -> None:
    settled(site, booked("B", version=4), booked("C"))
    site.change(cancelled("B"), told=False)
    site.take_over(site.export())
    site.world.settle()
    assert site.world.index() == site.should_be()
    site.world.advance(600)
    site.change(booked("B", version=4))
    site.world.settle()
    assert site.world.index() == site.should_be()


def test_bookings_of_the_past_are_left_alone(site: Site) -> None:
    # Given bookings that are over, which no list of current ones has
    settled(site, *(booked(f"P{n}", "2026-11-23T09:00:00") for n in range(5)), booked("B"))
    site.world.advance(3 * 3600)
    site.world.settle()
    for n in range(5):
        site.bookings.pop(f"P{n}")
    # When the list is applied
    run, found = site.compare(site.export())
    # Then nothing is gone, and they count for nothing in the share that may be
    assert (found.fates, found.upcoming) == ({Fate.UNCHANGED: 1}, 1)
    flow.forget(site.world.relay, run)


@pytest.mark.parametrize("point", range(1, 30, 2))
def test_applied_again_after_a_crash_it_ends_as_if_there_had_been_none(
    site: Site, point: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    # Given a list that changes most of what is known
    settled(site, *(booked(f"B{n}") for n in range(6)))
    notified = site.notifications()
    for n in range(4):
        site.change(booked(f"B{n}", "2026-12-20T08:00:00"), told=False)
    site.change(cancelled("B4"), told=False)
    site.change(booked("N"), told=False)
    exported = site.export()
    # When the process that applies it dies, and it is applied again
    site.world.fate.countdown = point
    try:
        site.take_over(exported)
    except Crash:
        site.world.replace_worker()
        site.world.work()
        site.take_over(exported)
    # Then the index holds the bookings, and nobody was told twice
    site.world.fate.countdown = None
    site.world.settle()
    assert site.world.index() == site.should_be()
    assert site.notifications() == notified + 6
    assert site.world.outbox.execute("SELECT count(*) FROM ei_snapshot").fetchone() == (0,)


def test_a_list_that_another_one_overtakes_stops(site: Site) -> None:
    # Given a list that was compared, and after it another one
    settled(site, *(booked(f"B{n}") for n in range(3)))
    site.change(cancelled("B0"), told=False)
    early = site.export()
    run, _ = site.compare(early)
    site.change(booked("B0"), told=False)
    late, _ = site.compare(late_list := site.export())
    # When the first is applied after all
    with pytest.raises(Overtaken, match="another list of tidbok was begun"):
        site.apply(run, early[1])
    # Then it changed nothing, and the other one does its work
    assert site.apply(late, late_list[1]) == Applied(0, 0)
    site.world.settle()
    assert site.world.index() == site.should_be()


def test_a_list_older_than_the_one_before_it_does_not_undo_that(site: Site) -> None:
    settled(site, booked("B"), booked("C"))
    early = site.export()
    site.change(booked("B", "2026-12-20T08:00:00"), told=False)
    late = site.export()
    site.take_over(late)
    assert site.take_over(early).fates == {Fate.NEWER: 1, Fate.UNCHANGED: 1}
    site.world.settle()
    assert site.world.index() == site.should_be()


BOOKINGS = st.sampled_from(["B1", "B2", "B3"])
DAYS = st.sampled_from(["2026-12-20T08:00:00", "2026-12-21T08:00:00"])
STEPS = st.one_of(
    st.tuples(st.just("book"), BOOKINGS, DAYS),
    st.tuples(st.just("cancel"), BOOKINGS),
    st.tuples(st.sampled_from(["export", "compare", "apply", "work", "work", "spacing"])),
)


def play(site: Site, steps: list[tuple[str, ...]], *, versioned: bool, complete: bool) -> None:
    """Let things happen in this order; without `complete` every third change is not told to the outbox."""
    exported, run = site.export(), None
    for number, (what, *about) in enumerate(steps, start=1):
        version = {"version": number} if versioned else {}
        told = complete or number % 3 > 0
        match what:
            case "book":
                site.change(booked(*about, **version), told=told)
            case "cancel":
                site.change(cancelled(*about, **version), told=told)
            case "export":
                exported, run = site.export(), None
            case "compare":
                run, _ = site.compare(exported)
            case "apply" if run is not None:
                site.apply(run, exported[1])
                run = None
            case "work":
                site.world.work()
            case "spacing":
                site.world.advance(301)
        site.world.advance(0.1)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=4, max_size=18), st.booleans())
def test_lists_do_no_harm_to_what_a_complete_outbox_says(steps: list[tuple[str, ...]], versioned: bool) -> None:
    """Whenever a list is exported, compared and applied: the index ends as the bookings are."""
    end_as_the_bookings_are(steps, versioned=versioned, complete=True)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=4, max_size=18), st.booleans())
def test_a_last_list_makes_good_whatever_the_outbox_missed(steps: list[tuple[str, ...]], versioned: bool) -> None:
    end_as_the_bookings_are(steps, versioned=versioned, complete=False)


def end_as_the_bookings_are(steps: list[tuple[str, ...]], *, versioned: bool, complete: bool) -> None:
    steady = lease.steady_seconds
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            site = Site(world)
            play(site, steps, versioned=versioned, complete=complete)
            world.settle()
            if not complete:
                site.take_over(site.export())
                world.settle()
            assert world.index() == site.should_be()
            assert world.core.breaches() == []
        finally:
            world.close()
            lease.steady_seconds = steady
