from __future__ import annotations

from relay.batch import Receipt, TakenEvent
from relay.store import receipts
from relay.store.transaction import Store
from tests.store.conftest import SOURCE

TAKEN = Receipt(1, "f1", "e-1", "taken", None, content="c1", event_booking="b-1")
REJECTED = Receipt(2, "f2", None, "rejected", 'resident_id: was "9", expected åäö')


def add(store: Store, *many: Receipt, source: str = SOURCE) -> None:
    store.transact(lambda tx: receipts.add(tx, source, many))


def of_rows(store: Store, *ids: int, source: str = SOURCE) -> object:
    """Without the times."""
    found = store.transact(lambda tx: receipts.of_rows(tx, source, ids))
    assert all(receipt.settled_at is not None for receipt in found.values())
    return {row_id: receipt._replace(settled_at=None) for row_id, receipt in found.items()}


def events_taken(store: Store, *ids: str, source: str = SOURCE) -> dict[str, TakenEvent]:
    return store.transact(lambda tx: receipts.events_taken(tx, source, ids))


def test_receipts_are_found_by_their_rows(store: Store) -> None:
    add(store, TAKEN, REJECTED)
    add(store)
    assert of_rows(store, 1, 2, 3) == {1: TAKEN, 2: REJECTED}
    assert of_rows(store, 2) == {2: REJECTED}


def test_a_row_s_later_receipt_replaces_its_earlier_one(store: Store) -> None:
    """As where the id was given to another row; the old one's event id is free again."""
    later = Receipt(1, "other", None, "superseded", None)
    add(store, TAKEN)
    add(store, later)
    assert of_rows(store, 1) == {1: later}
    assert events_taken(store, "e-1") == {}


def test_the_event_ids_that_were_taken_are_found(store: Store) -> None:
    add(store, TAKEN, REJECTED)
    assert events_taken(store, "e-1", "E-1", "e-2") == {"e-1": TakenEvent(1, "c1", "b-1")}


def test_row_ids_and_event_ids_are_each_source_s_own(store: Store) -> None:
    add(store, TAKEN)
    assert of_rows(store, 1, source="tidbok-syd") == {}
    assert events_taken(store, "e-1", source="tidbok-syd") == {}
