"""A list compared and applied, on both kinds of database."""

from __future__ import annotations

import io
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from relay.flow.actions import snapshot as flow
from relay.flow.actions.snapshot import Applied, Rejection
from relay.flow.intake.step import intake
from relay.flow.maintenance.retention import ABANDONED, prune
from relay.flow.relay import Relay
from relay.listing import ListingError
from relay.outbox.table import outbox_table
from relay.snapshot import Comparison, Fate
from relay.store import audit, bookings, retention, snapshots
from relay.store.schema import post, snapshot, snapshot_run
from relay.store.snapshots import GivenUp, Run
from relay.store.transaction import Transaction
from tests.clock import SetClock
from tests.made import RESIDENT, UNIT
from tests.statements import recorded
from tests.store.conftest import SOURCE

HEADER = "booking_id,version,resident_id,care_unit,starts_at\n"


def line(booking_id: str, *, unit: str = UNIT, resident: str = RESIDENT, version: str = "") -> str:
    return f"{booking_id},{version},{resident},{unit},2026-12-24 10:30\n"


def compare(relay: Relay, *lines: str) -> tuple[Run, Comparison, list[Rejection]]:
    rejections: list[Rejection] = []
    file = io.BytesIO((HEADER + "".join(lines)).encode())
    run, found = flow.compare(relay, SOURCE, file, taken_at(relay), rejections.append)
    return run, found, rejections


def apply(relay: Relay, run: Run) -> Applied:
    done = flow.apply(relay, run, taken_at(relay), "somebody", "a reason", rest=lambda _: None)
    flow.forget(relay, run)
    return done


def take_over(relay: Relay, *lines: str) -> Applied:
    run, _, rejections = compare(relay, *lines)
    assert rejections == []
    return apply(relay, run)


def taken_at(relay: Relay) -> datetime:
    return relay.store.transact(lambda tx: tx.now)


def wanted(relay: Relay) -> dict[str, tuple[str, bool]]:
    """{booking: (wanted, bulk)} of every post."""
    asked = select(post.c.booking_id, post.c.wanted, post.c.bulk)
    rows = relay.store.transact(lambda tx: tx.run(asked).all())
    return {row.booking_id: (row.wanted, bool(row.bulk)) for row in rows}


def noted(relay: Relay) -> int:
    """How many rows of a list are there, and of runs."""
    both = [select(func.count()).select_from(table) for table in (snapshot, snapshot_run)]
    return relay.store.transact(lambda tx: sum(tx.run(number).scalar_one() for number in both))


def test_a_list_is_applied_as_bulk(relay: Relay) -> None:
    """R-23, R-34: the first list is an initial load, at its pace; and the reason stands in the audit log."""
    content = "20261224103000"
    assert take_over(relay, *(line(f"b-{n}") for n in range(20))) == Applied(20, 0)
    assert wanted(relay) == {f"b-{n}": (content, True) for n in range(20)}
    assert take_over(relay, *(line(f"b-{n}") for n in range(1, 21))) == Applied(2, 0)
    assert wanted(relay)["b-0"] == ("", True)
    assert wanted(relay)["b-20"] == (content, True)
    entries = relay.store.transact(lambda tx: audit.latest(tx, 5))
    assert [(e.who, e.command, e.subject, e.reason) for e in entries] == [
        ("somebody", "snapshot apply", "tidbok-nord: 1 created, 0 changed, 1 gone", "a reason"),
        ("somebody", "snapshot apply", "tidbok-nord: 20 created, 0 changed, 0 gone", "a reason"),
    ]
    assert noted(relay) == 0


def test_nothing_is_changed_by_comparing(relay: Relay) -> None:
    take_over(relay, line("b-1"), line("b-2"))
    before = wanted(relay)
    run, found, _ = compare(relay, line("b-1", unit="OTHER"), line("b-3"))
    assert found.fates == {Fate.CHANGED: 1, Fate.CREATED: 1, Fate.GONE: 1}
    assert (found.upcoming, found.changes, found.listed) == (2, 3, 2)
    flow.forget(relay, run)
    assert wanted(relay) == before
    assert noted(relay) == 0


def test_a_rejected_line_leaves_its_booking_as_it_is(relay: Relay) -> None:
    # Given three bookings, and a list with a mistake in the line of one
    take_over(relay, *(line(f"b-{n}") for n in range(3)))
    before = wanted(relay)
    run, found, (rejection,) = compare(relay, line("b-0"), line("b-1", resident="191212121213"), line("b-2"))
    # Then the line is told of, without the identity, and the booking is not taken for gone
    assert rejection.line == 3
    assert rejection.reason.startswith('resident_id: was "999999999999", expected a right check digit')
    assert found.fates == {Fate.UNCHANGED: 2, Fate.REJECTED: 1}
    apply(relay, run)
    assert wanted(relay) == before


def test_a_line_that_nobody_knows_whose_it_is_keeps_everything_from_being_gone(relay: Relay) -> None:
    take_over(relay, *(line(f"b-{n}") for n in range(3)))
    _, found, rejections = compare(relay, line("b-0"), f"b-1,{RESIDENT}\n", line(" b-2"))
    assert [r.line for r in rejections] == [3, 4]
    assert (found.nameless, found.rejected_lines, found.upcoming) == (2, 2, 3)
    assert found.fates == {Fate.UNCHANGED: 1}


@pytest.mark.parametrize("page", [1, 2, 10])
def test_a_booking_that_stands_twice_is_left_as_it_is(relay: Relay, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", page)
    take_over(relay, line("b-1"))
    run, found, rejections = compare(relay, line("b-1", unit="X"), line("b-2"), line("b-1", unit="Y"), line("b-1"))
    assert [(r.line, r.reason) for r in rejections] == [
        (n, "booking_id: expected each booking once, this one stands on line 2 too") for n in (4, 5)
    ]
    assert found.fates == {Fate.REJECTED: 1, Fate.CREATED: 1}
    assert apply(relay, run) == Applied(1, 0)


def test_a_file_that_breaks_off_changes_nothing_and_leaves_nothing(relay: Relay) -> None:
    with pytest.raises(ListingError, match="cut short"):
        compare(relay, line("b-1"), line("b-2")[:-4])
    assert noted(relay) == 0


def test_ids_in_any_order_and_alphabet_are_all_met(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages go by the database's own order, whatever collation that is."""
    monkeypatch.setattr(flow, "PAGE", 3)
    monkeypatch.setattr(snapshots, "STRETCH", 2)
    ids = ["b", "B", "a-1", "a1", "Å", "ä", "z", "Z", "10", "9", "-", "_x", "é", "日本"]
    assert take_over(relay, *map(line, ids)) == Applied(len(ids), 0)
    assert set(wanted(relay)) == set(ids)
    assert take_over(relay, line("only")) == Applied(len(ids) + 1, 0)
    assert {b for b, (content, _) in wanted(relay).items() if content} == {"only"}


def test_a_booking_the_outbox_changed_later_is_left_as_it_is(relay: Relay, clock: SetClock) -> None:
    take_over(relay, line("b-1"), line("b-2"))
    run, _, _ = compare(relay, line("b-1", unit="X"))
    # When both are changed through the outbox before the list is applied
    exported = clock.at
    clock.advance(seconds=1)
    book(relay, "b-1", "b-2")
    assert intake(relay, SOURCE).rows == 2
    # Then neither is changed by the list
    done = flow.apply(relay, run, exported, "somebody", "a reason", rest=lambda _: None)
    assert done == Applied(0, 2)


def test_live_changes_are_taken_between_its_pages(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 10)
    run, _, _ = compare(relay, *(line(f"b-{n:02}") for n in range(50)))
    taken: list[int] = []

    def live(_seconds: float) -> None:
        book(relay, f"live-{len(taken)}")
        taken.append(intake(relay, SOURCE).rows)

    flow.apply(relay, run, taken_at(relay), "somebody", "a reason", rest=live)
    assert taken == [1] * len(taken)
    assert len(taken) >= 4


def test_a_later_booking_id_of_another_source_is_none_of_its_business(relay: Relay) -> None:
    with relay.store.engine.begin() as connection:
        connection.execute(text("INSERT INTO ei_source (name) VALUES ('tidbok-syd')"))
    take_over(relay, line("b-1"))
    known = relay.store.transact(lambda tx: bookings.load(tx, SOURCE, ["b-1"]))
    relay.store.transact(lambda tx: bookings.save(tx, "tidbok-syd", known.values()))
    _, found, _ = compare(relay, line("b-2"))
    assert (found.upcoming, found.fates) == (1, {Fate.CREATED: 1, Fate.GONE: 1})


def test_history_and_what_is_removed_already_is_not_gone(relay: Relay, clock: SetClock) -> None:
    take_over(relay, *(line(f"b-{n}") for n in range(3)))
    take_over(relay, line("b-0"), line("b-1"))
    clock.at = datetime(2026, 12, 24, 9, 29, 59, tzinfo=UTC)  # a second before it begins, 10:30 in Sweden
    assert compare(relay, line("b-0"))[1].fates == {Fate.UNCHANGED: 1, Fate.GONE: 1}
    clock.advance(seconds=1)
    assert compare(relay, line("b-0"))[1].fates == {Fate.UNCHANGED: 1}


def test_a_page_is_as_many_statements_for_a_thousand_lines_as_for_one(relay: Relay) -> None:
    counts = []
    for number in (1, 1000):
        lines = [line(f"b-{number}-{n}") for n in range(number)]
        with recorded(relay.store.engine) as statements:
            run, _, _ = compare(relay, *lines)
            apply(relay, run)
        counts.append(len(statements))
    # The second finds the first one's booking gone, in the page that is applied anyway, and
    # may have to look whether there is a second page; each of these two more steps says that the run goes on.
    assert counts[1] - counts[0] <= 15  # one asks what of it the surge guard holds


def test_memory_does_not_grow_with_the_list(relay: Relay) -> None:
    peaks = []
    for number in (4_000, 20_000):
        file = io.BytesIO((HEADER + "".join(line(f"b-{n}") for n in range(number))).encode())
        tracemalloc.start()
        try:
            run, _ = flow.compare(relay, SOURCE, file, taken_at(relay), pytest.fail)
            flow.apply(relay, run, taken_at(relay), "somebody", "a reason", rest=lambda _: None)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        flow.forget(relay, run)
    assert peaks[1] < peaks[0] * 1.2


def test_a_booking_known_from_the_list_alone_takes_its_first_row(relay: Relay, clock: SetClock) -> None:
    take_over(relay, line("b-1", version="3"))
    clock.advance(minutes=1)
    book(relay, "b-1")
    intake(relay, SOURCE)
    known = relay.store.transact(lambda tx: bookings.load(tx, SOURCE, ["b-1"]))["b-1"]
    assert (known.row_id, known.version) == (1, 3)


def test_a_booking_that_is_as_it_is_listed_takes_the_list_s_version(relay: Relay) -> None:
    """The booking system is at version 7; a row with version 6 that comes later is older than the list."""
    book(relay, "b-1")
    intake(relay, SOURCE)
    run, found, _ = compare(relay, line("b-1", version="7"))
    assert (found.fates, found.versioned, found.changes) == ({Fate.UNCHANGED: 1}, 1, 0)
    assert apply(relay, run) == Applied(0, 0)
    assert wanted(relay) == {"b-1": ("20261224103000", False)}  # nothing is sent
    # When a row with version 6 comes after that
    book(relay, "b-1", version=6, hour=15)
    intake(relay, SOURCE)
    # Then it is superseded
    assert wanted(relay) == {"b-1": ("20261224103000", False)}
    # And the list has nothing more to say
    run, found, _ = compare(relay, line("b-1", version="7"))
    assert (found.fates, found.versioned) == ({Fate.UNCHANGED: 1}, 0)


def test_json_lines_are_a_list_too(relay: Relay) -> None:
    said = {"booking_id": "b-1", "resident_id": RESIDENT, "care_unit": UNIT, "kind": "open_invitation",
            "invited_on": "2026-11-20", "presentable": True, "version": 7}  # fmt: skip
    file = io.BytesIO((json.dumps(said) + "\n").encode())
    run, _ = flow.compare(relay, SOURCE, file, taken_at(relay), pytest.fail)
    apply(relay, run)
    assert wanted(relay) == {"b-1": ("20261120000000", True)}


def book(relay: Relay, *booking_ids: str, hour: int = 10, version: int | None = None) -> None:
    """Write an upsert of each to the outbox."""
    engine = relay.store.engine
    starts_at = datetime(2026, 12, 24, hour, 30)
    said: dict[str, Any] = {"operation": "upsert", "resident_id": RESIDENT, "care_unit": UNIT, "version": version}
    said["starts_at"] = starts_at.isoformat() if engine.dialect.name == "sqlite" else starts_at
    with engine.begin() as connection:
        table = outbox_table(dialect=engine.dialect.name)
        connection.execute(insert(table), [said | {"booking_id": b} for b in booking_ids])


def test_what_a_killed_run_left_behind_goes_after_a_day(
    relay: Relay, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    compare(relay, *(line(f"b-{n}") for n in range(9)))  # and then a power cut
    clock.at += ABANDONED - timedelta(seconds=1)
    assert "snapshots" not in prune(relay)
    assert noted(relay) == 10

    clock.at += timedelta(hours=1)

    assert prune(relay)["snapshots"] == 10
    assert noted(relay) == 0


def test_a_run_that_takes_days_keeps_its_lines(relay: Relay, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    lines = "".join(line(f"b-{n}") for n in range(8))

    def wait(_: float) -> None:
        clock.at += timedelta(hours=23)
        prune(relay)

    at = taken_at(relay)
    run, found = flow.compare(relay, SOURCE, io.BytesIO((HEADER + lines).encode()), at, pytest.fail, wait)
    assert found.fates == {Fate.CREATED: 8}
    assert flow.apply(relay, run, at, "somebody", "a reason", rest=wait) == Applied(8, 0)


@pytest.mark.parametrize("waits_after", [1, 2])
def test_a_run_whose_lines_went_while_it_waited_removes_no_booking(
    relay: Relay, clock: SetClock, monkeypatch: pytest.MonkeyPatch, waits_after: int
) -> None:
    """Without its lines every booking would seem to be missing from the list."""
    take_over(relay, *(line(f"b-{n}") for n in range(4)))
    before = wanted(relay)
    monkeypatch.setattr(flow, "PAGE", 2)
    pages = []

    def wait(_: int) -> None:
        pages.append(_)
        if len(pages) == waits_after:
            clock.at += ABANDONED
            prune(relay)

    whole = io.BytesIO((HEADER + "".join(line(f"b-{n}") for n in range(4))).encode())
    with pytest.raises(GivenUp, match="there was no activity on this list of tidbok-nord for so long"):
        flow.compare(relay, SOURCE, whole, taken_at(relay), pytest.fail, wait)
    assert wanted(relay) == before
    assert noted(relay) == 0


def test_a_question_that_is_answered_too_late_changes_nothing(relay: Relay, clock: SetClock) -> None:
    take_over(relay, line("b-1"), line("b-2"))
    before = wanted(relay)
    run, found, _ = compare(relay, line("b-1", unit="X"), line("b-3"))
    assert found.changes == 3
    clock.at += ABANDONED
    prune(relay)

    with pytest.raises(GivenUp, match="no more is changed: apply it again"):
        apply(relay, run)

    assert wanted(relay) == before
    assert [e.subject for e in relay.store.transact(lambda tx: audit.latest(tx, 5))] == [
        "tidbok-nord: 2 created, 0 changed, 0 gone"
    ]
    assert take_over(relay, line("b-1", unit="X"), line("b-3")) == Applied(3, 0)


@pytest.mark.parametrize("dialect", ["postgresql"])  # on SQLite every transaction waits for every other one
def test_a_run_is_not_given_up_in_the_middle_of_a_step(relay: Relay, clock: SetClock) -> None:
    run, _, _ = compare(relay, line("b-1"))
    clock.at += ABANDONED
    with relay.store.engine.begin() as one:
        snapshots.see_that_it_is_ours(Transaction(one, clock.at), run)
        clock.at += ABANDONED
        assert prune(relay) == {}
    assert noted(relay) == 2
