from __future__ import annotations

from relay.store import audit
from relay.store.transaction import Store
from tests.clock import SetClock


def test_the_latest_entries_come_first(store: Store, clock: SetClock) -> None:
    for n in range(3):
        store.transact(lambda tx, n=n: audit.note(tx, "anna", "lanes pause", f"lane {n}", "maintenance" if n else None))
        clock.advance(seconds=1)

    found = store.transact(lambda tx: audit.latest(tx, 2))

    assert [(e.who, e.command, e.subject, e.reason) for e in found] == [
        ("anna", "lanes pause", "lane 2", "maintenance"),
        ("anna", "lanes pause", "lane 1", "maintenance"),
    ]
    assert found[0].at > found[1].at


def test_a_long_subject_is_cut(store: Store) -> None:
    store.transact(lambda tx: audit.note(tx, "anna", "reprocess", "x" * 1000, "y"))
    (entry,) = store.transact(lambda tx: audit.latest(tx, 10))
    assert entry.subject == "x" * 255
