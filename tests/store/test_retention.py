"""What goes when its time is out, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Table, select

from relay.batch import Receipt
from relay.booking import Booking
from relay.change import Details, Kind
from relay.post import ABSENT, DISCARDED, UNKNOWN
from relay.store import audit, bookings, calls, ledgers, receipts, retention, schema
from relay.store.lanes import LaneName
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock
from tests.made import SYSTEM, details
from tests.store.conftest import LANE, SOURCE
from tests.store.steps import CONTENT, LENGTH, alter, alter_lane, rows, want

DAY = timedelta(days=1)
LONG = 90 * DAY


def drop(store: Store, step: Callable[[Transaction, datetime], int], age: timedelta = LONG) -> int:
    return store.transact(lambda tx: step(tx, tx.now - age))


def table(store: Store, which: Table) -> list[dict[str, object]]:
    return [dict(row._mapping) for row in store.transact(lambda tx: list(tx.run(select(which))))]


def save(store: Store, booking_id: str, said: Details | None) -> Booking:
    kept = Booking(booking_id, 7, 3, 5, SYSTEM, said)
    store.transact(lambda tx: bookings.save(tx, SOURCE, [kept]))
    return kept


def test_a_past_booking_becomes_a_tombstone_with_its_versions(store: Store, clock: SetClock) -> None:
    # given a booking that is over for just as long as it is kept, and others that are not
    starts_at = datetime(2026, 12, 24, 10, 30)
    save(store, "over", details(starts_at=starts_at))
    others = [
        save(store, "a minute later", details(starts_at=starts_at + timedelta(minutes=1))),
        save(store, "open", details(kind=Kind.OPEN_INVITATION, starts_at=None, invited_on=date(2026, 11, 1))),
    ]
    clock.at = datetime.fromisoformat("2026-12-24T09:30:00+00:00") + LONG

    # when
    assert drop(store, retention.forget_persons) == 1
    assert drop(store, retention.forget_persons) == 0

    # then nothing of the person is left, and the versions are
    found = store.transact(lambda tx: bookings.load(tx, SOURCE, ["over", "a minute later", "open"]))
    assert found == {"over": Booking("over", 7, 3, 5, SYSTEM, None)} | {b.booking_id: b for b in others}
    (row,) = (r for r in table(store, schema.booking) if r["booking_id"] == "over")
    assert {name for name, value in row.items() if value is not None} == {
        "source", "booking_id", "row_id", "row_version", "version", "source_system", "removed", "changed_at", "over_at",
    }  # fmt: skip


def test_a_booking_that_was_past_when_it_came_is_kept_as_long_as_any(store: Store, clock: SetClock) -> None:
    save(store, "late", details(starts_at=datetime(2020, 1, 1, 8, 0)))

    clock.advance(days=89)
    assert drop(store, retention.forget_persons) == 0
    clock.advance(days=1)
    assert drop(store, retention.forget_persons) == 1


def test_a_tombstone_goes_later_and_a_booking_that_comes_again_stays(store: Store, clock: SetClock) -> None:
    save(store, "removed", None)
    save(store, "again", None)
    clock.advance(days=364)
    save(store, "again", details(starts_at=datetime(2028, 1, 1, 8, 0)))
    assert drop(store, retention.drop_tombstones, 365 * DAY) == 0

    clock.advance(days=1)

    assert drop(store, retention.drop_tombstones, 365 * DAY) == 1
    assert [row["booking_id"] for row in table(store, schema.booking)] == ["again"]


def test_only_posts_that_the_index_holds_nothing_of_go(store: Store, lane_id: int, clock: SetClock) -> None:
    # given posts that have been as they are for long, and one key that was sent just now
    names = ("gone", "never sent", "sent just now", "doubtful", "indexed", "refused", "discarded", "pending")
    ids = dict(zip(names, want(store, lane_id, *names), strict=True))
    for name in ("gone", "never sent", "sent just now"):
        alter(store, ids[name], wanted=ABSENT, known=ABSENT)
    alter(store, ids["gone"], sent_at=clock.at)
    alter(store, ids["sent just now"], sent_at=clock.at + LONG)
    alter(store, ids["doubtful"], wanted=ABSENT, known=UNKNOWN)
    alter(store, ids["indexed"], known=CONTENT)
    for name, code in (("refused", "EI004"), ("discarded", DISCARDED)):
        alter(store, ids[name], wanted=ABSENT, known=CONTENT, parked_code=code, parked_at=clock.at)
    clock.at += LONG

    # when
    dropped = drop(store, retention.drop_absent_posts), drop(store, retention.drop_discarded_posts)

    # then
    assert dropped == (2, 1)
    assert {row.booking_id for row in rows(store)} == set(names) - {"gone", "never sent", "discarded"}


@pytest.mark.parametrize("leased", [-LONG, -timedelta(minutes=1), timedelta(minutes=1)])
def test_posts_of_a_lane_with_a_call_out_stay(store: Store, lane_id: int, clock: SetClock, leased: timedelta) -> None:
    """A lane can be paused for months with a call out whose worker died: its posts are in doubt then. And a call that
    went out a moment ago may create what a row that came since, long after it was written, wants gone."""
    (post_id,) = want(store, lane_id, "b-1")
    alter(store, post_id, wanted=ABSENT)
    clock.at += LONG
    alter_lane(store, lane_id, open_call=1, lease_until=clock.at + leased)

    assert drop(store, retention.drop_absent_posts) == 0

    alter_lane(store, lane_id, open_call=None)
    assert drop(store, retention.drop_absent_posts) == 1


def test_old_receipts_go_also_where_ids_came_out_of_order(store: Store, clock: SetClock) -> None:
    def add(*row_ids: int) -> None:
        told = [Receipt(row_id, "f", None, "taken", None) for row_id in row_ids]
        store.transact(lambda tx: receipts.add(tx, SOURCE, told))

    add(2, 4)
    store.transact(lambda tx: receipts.add(tx, "another", [Receipt(1, "f", None, "taken", None)]))
    clock.advance(days=90)
    add(1, 3, 5)

    assert drop(store, lambda tx, before: retention.drop_receipts(tx, SOURCE, before)) == 2
    assert {(row["source"], row["row_id"]) for row in table(store, schema.receipt)} == {
        (SOURCE, 1), (SOURCE, 3), (SOURCE, 5), ("another", 1),
    }  # fmt: skip


def test_a_call_that_is_out_stays(store: Store, lane_ids: dict[LaneName, int], clock: SetClock) -> None:
    out, ended = (
        store.transact(lambda tx: calls.begin(tx, lane_ids[LANE], "c", [1], LENGTH)) for _ in range(2)
    )  # fmt: skip
    store.transact(lambda tx: calls.end(tx, ended, "accepted", "OK", ""))
    clock.at += LONG

    assert drop(store, retention.drop_calls) == 1
    assert [row["id"] for row in table(store, schema.call)] == [out]


def test_old_entries_of_the_audit_log_go(store: Store, clock: SetClock) -> None:
    for subject in ("old", "new"):
        store.transact(lambda tx, subject=subject: audit.note(tx, "anna", "lanes pause", subject, None))
        clock.advance(days=80)

    assert drop(store, retention.drop_audit) == 1
    assert [row["subject"] for row in table(store, ledgers.audit)] == ["new"]


def test_a_batch_is_bounded(store: Store, lane_id: int, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    for n, post_id in enumerate(want(store, lane_id, *(f"b-{n}" for n in range(10)))):
        alter(store, post_id, wanted=ABSENT, wanted_since=clock.at + timedelta(seconds=9 - n))
        save(store, f"b-{n}", None)
    clock.at += LONG + DAY

    assert [drop(store, retention.drop_absent_posts) for _ in range(4)] == [4, 4, 2, 0]
    assert [drop(store, retention.drop_tombstones) for _ in range(4)] == [4, 4, 2, 0]


def test_a_chores_turn_is_one_workers_until_it_is_due_again(store: Store, clock: SetClock) -> None:
    def turn(held: datetime | None = None) -> datetime | None:
        return store.transact(lambda tx: retention.take_turn(tx, "prune", timedelta(hours=1), held))

    # one takes it, another does not get it
    mine = turn()
    assert mine is not None
    assert turn() is None
    # who goes on keeps it
    clock.advance(minutes=59)
    mine = turn(mine)
    assert mine is not None
    clock.advance(minutes=59)
    assert turn() is None
    # who was frozen for longer finds it taken
    clock.advance(minutes=2)
    assert turn() is not None
    assert turn(mine) is None
