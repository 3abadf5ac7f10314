from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.batch import DUPLICATE, REJECTED, SUPERSEDED, TAKEN, Reading, Receipt, Settlement, TakenEvent, settle
from relay.booking import Booking, Policy, Withheld, wanted_post
from relay.change import OutboxRow, read
from relay.post import WantedPost
from tests.made import CONTROLLER, SYSTEMS, UNIT, row

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass
class Memory:
    """What is known between batches, kept as the relay's database keeps it."""

    receipts: dict[int, Receipt] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)

    def take(self, rows: Iterable[OutboxRow]) -> Settlement:
        settlement = settle(
            [Reading(each, read(each, SYSTEMS)) for each in rows],
            self.receipts,
            {
                r.event_id: TakenEvent(r.row_id, r.content, r.event_booking)
                for r in self.receipts.values()
                if r.event_id is not None
            },
            self.bookings,
            lambda booking: wanted_post(booking, Policy(CONTROLLER), NOW),
            NOW,
        )
        self.receipts |= {r.row_id: r for r in settlement.fresh}
        self.bookings |= {id: changed.booking for id, changed in settlement.changed.items()}
        return settlement


def outcomes(*rows: OutboxRow) -> list[str]:
    return [receipt.outcome for receipt in Memory().take(rows).receipts]


def test_many_events_on_a_booking_collapse_into_its_last_state() -> None:
    """R-32: only the latest state is sent."""
    rows = [row(n, starts_at=f"2026-12-24 1{n}:00") for n in range(1, 6)]

    settlement = Memory().take(rows)

    assert [r.outcome for r in settlement.receipts] == [TAKEN] * 5
    assert list(settlement.changed) == ["b-1"]
    wanted = settlement.changed["b-1"].wanted
    assert isinstance(wanted, WantedPost)
    assert wanted.content == "20261224150000"


def test_a_repeated_event_id_is_a_duplicate_and_changes_nothing() -> None:
    memory = Memory()
    said = {"event_id": "e", "created_at": "2026-11-02 09:00:01Z", "kind": "booking"}
    first = memory.take([row(1, event_id="e"), row(2, **said, care_unit=UNIT.lower())])
    second = memory.take([row(3, **said, presentable="t")])

    assert [r.outcome for r in first.receipts + second.receipts] == [TAKEN, DUPLICATE, DUPLICATE]
    assert {r.reason for r in second.receipts} == {"event_id: row 1 took it, and says the same"}
    assert not second.changed


@pytest.mark.parametrize(
    "said", [{"booking_id": "b-2"}, {"operation": "remove"}, {"version": "2"}, {"care_unit": "x y"}]
)
@pytest.mark.parametrize("in_one_batch", [True, False])
def test_an_event_id_for_another_change_is_rejected_and_names_the_first(
    said: dict[str, str], in_one_batch: bool
) -> None:
    """A booking must not be lost because its writer numbers its changes wrongly."""
    memory = Memory()
    rows = [row(1, event_id="e"), row(2, event_id="e", **said)]
    if in_one_batch:
        receipts = memory.take(rows).receipts
    else:
        receipts = [receipt for each in rows for receipt in memory.take([each]).receipts]

    assert [r.outcome for r in receipts] == [TAKEN, REJECTED]
    assert (receipts[1].reason or "").startswith('event_id: row 1 took it for booking "b-1" and says something else')
    assert ("care_unit: was" in (receipts[1].reason or "")) is ("care_unit" in said)
    assert receipts[1].event_id is None
    assert set(memory.bookings) == {"b-1"}


def test_an_event_id_of_which_an_older_version_kept_no_content_is_a_duplicate() -> None:
    memory = Memory(receipts={1: Receipt(1, "f", "e", TAKEN, None)})
    (receipt,) = memory.take([row(2, event_id="e")]).receipts
    assert receipt.outcome == DUPLICATE
    assert receipt.reason == "event_id: row 1 took it; what that row said is not known any more"


def test_a_superseded_row_names_the_row_and_version_that_won() -> None:
    memory = Memory()
    memory.take([row(7, version="3"), row(9, booking_id="b-2"), row(10, version="4", booking_id="b-3")])
    memory.take([row(11, booking_id="b-3")])
    memory.bookings["b-4"] = replace(memory.bookings["b-1"], booking_id="b-4", row_id=0)

    settlement = memory.take(
        [
            row(2, version="2"),
            row(3, booking_id="b-2"),
            row(4, version="3", booking_id="b-3"),
            row(5, version="1", booking_id="b-4"),
        ]
    )

    assert [(r.outcome, r.reason) for r in settlement.receipts] == [
        (SUPERSEDED, "superseded by row 7, version 3"),
        (SUPERSEDED, "superseded by row 9, without a version"),
        (SUPERSEDED, "superseded by row 11, without a version; version 4 was taken before"),
        (SUPERSEDED, "superseded by the full list of bookings, version 3"),
    ]


# --- ids that begin again


def later(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


def test_a_row_written_after_the_standing_one_was_taken_is_newer_whatever_its_id() -> None:
    memory = Memory()
    memory.take([row(500)])

    settlement = memory.take([row(1, operation="remove", created_at=later(61))])

    assert [r.outcome for r in settlement.receipts] == [TAKEN]
    assert settlement.ids_restarted == 1
    assert memory.bookings["b-1"].details is None


def test_versions_rule_also_where_ids_begin_again() -> None:
    memory = Memory()
    memory.take([row(500, version="5")])
    lower, equal = row(1, version="4", created_at=later(61)), row(2, version="5", created_at=later(61))

    settlement = memory.take([lower, equal])

    assert [r.outcome for r in settlement.receipts] == [SUPERSEDED, TAKEN]


@pytest.mark.parametrize("written", [-120, 0, 60])
def test_a_row_that_commits_late_is_not_taken_for_a_new_beginning(written: float) -> None:
    """Nor where the clocks differ by a little."""
    memory = Memory()
    memory.take([row(500)])

    settlement = memory.take([row(499, operation="remove", created_at=later(written))])

    assert [r.outcome for r in settlement.receipts] == [SUPERSEDED]
    assert settlement.ids_restarted == 0


def test_a_clock_that_is_ahead_in_the_outbox_does_not_make_a_late_row_newer() -> None:
    memory = Memory()
    memory.take([row(500, created_at=later(7201))])
    settlement = memory.take([row(499, operation="remove", created_at=later(7200))])
    assert [r.outcome for r in settlement.receipts] == [SUPERSEDED]


def test_an_id_that_comes_again_proves_it_and_then_a_second_is_enough() -> None:
    """TRUNCATE … RESTART IDENTITY: id 1 was the row of another booking before."""
    memory = Memory()
    memory.take([row(1, booking_id="b-9"), row(500)])
    memory.receipts = {id: r._replace(settled_at=NOW) for id, r in memory.receipts.items()}

    settlement = memory.take(
        [row(1, booking_id="b-9", created_at=later(0.5)), row(2, operation="remove", created_at=later(1))]
    )

    assert [r.outcome for r in settlement.receipts] == [TAKEN, TAKEN]
    assert memory.bookings["b-1"].details is None
    # And the new ids are in order among themselves
    assert [r.outcome for r in memory.take([row(3, created_at=later(1))]).receipts] == [TAKEN]


def test_a_lower_version_is_superseded_and_its_event_id_taken() -> None:
    assert outcomes(
        row(1, version="2"), row(2, version="1", event_id="e"), row(3, version="1", event_id="e"), row(4, version="2")
    ) == [TAKEN, SUPERSEDED, DUPLICATE, TAKEN]


def test_a_rejected_row_takes_neither_its_version_nor_its_event_id() -> None:
    memory = Memory()
    settlement = memory.take([row(1, version="9", event_id="e", care_unit=None), row(2, version="1", event_id="e")])

    assert [r.outcome for r in settlement.receipts] == [REJECTED, TAKEN]
    assert settlement.receipts[0].reason == "care_unit: is missing, it is required"
    assert settlement.receipts[0].event_id is None
    assert memory.bookings["b-1"].version == 1


def test_rows_without_an_event_id_are_never_duplicates() -> None:
    assert outcomes(row(1, event_id=None), row(2, event_id=""), row(3, event_id="")) == [TAKEN] * 3


def test_an_id_given_to_another_row_is_taken_anew() -> None:
    """As where an outbox was emptied and counts from one again."""
    memory = Memory()
    memory.take([row(1, event_id="old")])

    settlement = memory.take([row(1, event_id="new", booking_id="b-2")])

    assert [r.outcome for r in settlement.fresh] == [TAKEN]
    assert set(settlement.changed) == {"b-2"}


def test_the_removal_of_an_unknown_booking_is_taken_and_remembered() -> None:
    memory = Memory()
    memory.take([row(5, operation="remove", version="3")])
    late = memory.take([row(4, version="2")])

    assert [r.outcome for r in late.receipts] == [SUPERSEDED]
    assert memory.bookings["b-1"].details is None


def test_a_booking_that_is_not_published_is_taken_with_the_reason() -> None:
    settlement = Memory().take([row(1, starts_at="2020-01-01 10:00"), row(2, operation="remove", booking_id="b-2")])

    assert [(r.outcome, r.reason) for r in settlement.receipts] == [
        (TAKEN, "not published: its time has passed"),
        (TAKEN, None),
    ]
    assert isinstance(settlement.changed["b-1"].wanted, Withheld)


def test_the_sixty_minutes_start_when_the_row_was_written_and_never_in_the_future() -> None:
    """R-33"""
    settlement = Memory().take(
        [
            row(1, created_at="2026-11-02 09:30:00+01", booking_id="zone"),
            row(2, created_at="2027-01-01 00:00:00Z", booking_id="future"),
            row(3, created_at="infinity", booking_id="unreadable"),
        ]
    )
    since = {id: changed.since for id, changed in settlement.changed.items()}
    assert since == {"zone": NOW - timedelta(minutes=30), "future": NOW, "unreadable": NOW}


# --- properties: a row's fate depends on the rows, not on the batches they came in

_SAID = st.fixed_dictionaries(
    {},
    optional={
        "booking_id": st.sampled_from(["b-1", "b-2", "b-3"]),
        "operation": st.sampled_from(["upsert", "remove"]),
        "version": st.sampled_from([None, "0", "1", "2", "3"]),
        "event_id": st.sampled_from([None, "e-1", "e-2", "e-3"]),
        "starts_at": st.sampled_from(["2026-12-24 10:30", "2027-01-07 08:00", "2020-01-01 10:00", "infinity"]),
    },
)
_ROWS = st.lists(_SAID, min_size=1, max_size=12).map(lambda many: [row(n, **said) for n, said in enumerate(many, 1)])


@given(_ROWS, st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(rows: list[OutboxRow], chance: random.Random) -> None:
    in_order, shuffled = Memory(), Memory()
    mixed = chance.sample(rows, len(rows))

    assert in_order.take(rows) == shuffled.take(mixed)
    assert in_order == shuffled


@given(_ROWS, st.sets(st.integers(1, 11)))
def test_rows_have_the_same_fate_in_one_batch_as_in_many(rows: list[OutboxRow], cuts: set[int]) -> None:
    whole, parts = Memory(), Memory()
    borders = [0, *sorted(cuts), len(rows)]

    whole.take(rows)
    for start, end in itertools.pairwise(borders):
        parts.take(rows[start:end])

    assert whole == parts


@given(_ROWS, st.sets(st.integers(0, 11)), st.integers(0, 12))
def test_a_row_read_again_gets_the_outcome_it_got_first(rows: list[OutboxRow], again: set[int], cut: int) -> None:
    """As after a crash between the relay's commit and the outbox's, also beside rows that are new."""
    memory, undisturbed = Memory(), Memory()
    memory.take(rows[:cut])
    before = dict(memory.receipts)
    reread = [rows[n] for n in sorted(again) if n < min(cut, len(rows))]

    settlement = memory.take(reread + rows[cut:])

    assert {r.row_id: r for r in settlement.receipts if r.row_id in before} == {r.id: before[r.id] for r in reread}
    assert not {r.row_id for r in settlement.fresh} & set(before)
    undisturbed.take(rows)
    assert memory == undisturbed


@given(_ROWS)
def test_every_row_gets_exactly_one_outcome_and_every_event_id_is_taken_once(rows: list[OutboxRow]) -> None:
    settlement = Memory().take(rows)

    assert [r.row_id for r in settlement.receipts] == [r.id for r in rows]
    assert {r.outcome for r in settlement.receipts} <= {TAKEN, REJECTED, DUPLICATE, SUPERSEDED}
    assert all(r.reason for r in settlement.receipts if r.outcome == REJECTED)
    took = [r.event_id for r in settlement.receipts if r.event_id is not None]
    assert len(took) == len(set(took))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_rows_that_commit_late_leave_the_same_state(versions: list[int], chance: random.Random) -> None:
    """Ids are not commit order; each row in a batch of its own, in any order."""
    rows = [row(n, version=str(v), starts_at=f"2026-12-24 10:{n:02d}") for n, v in enumerate(versions, 1)]
    in_order, late = Memory(), Memory()
    in_order.take(rows)
    for each in chance.sample(rows, len(rows)):
        late.take([each])

    assert in_order.bookings == late.bookings


@given(_ROWS)
def test_what_is_wanted_is_that_of_the_state_that_stands(rows: list[OutboxRow]) -> None:
    memory = Memory()
    settlement = memory.take(rows)
    for id, changed in settlement.changed.items():
        assert changed.booking == memory.bookings[id]
        assert changed.wanted == wanted_post(changed.booking, Policy(CONTROLLER), NOW)
