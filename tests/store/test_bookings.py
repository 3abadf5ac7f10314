from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from relay.booking import Booking
from relay.change import Details, Kind
from relay.store import bookings
from relay.store.transaction import Store
from tests.made import OTHER_SYSTEM, SYSTEM, details
from tests.statements import recorded
from tests.store.conftest import SOURCE

WHOLE = Booking("b-1", 2**63 - 1, 5, 2**62, SYSTEM, details())


def save(store: Store, *many: Booking, source: str = SOURCE) -> None:
    store.transact(lambda tx: bookings.save(tx, source, many))


def load(store: Store, *ids: str, source: str = SOURCE) -> dict[str, Booking]:
    return store.transact(lambda tx: bookings.load(tx, source, ids))


@pytest.mark.parametrize(
    "said",
    [
        details(),
        details(presentable=False, data_controller="Region Åland 'x'", valid_until=datetime(2026, 12, 31, 23, 59, 59)),
        details(kind=Kind.INVITATION, starts_at=datetime(1000, 1, 1)),
        details(kind=Kind.OPEN_INVITATION, starts_at=None, invited_on=date(9999, 12, 31)),
        None,
    ],
)
def test_a_booking_comes_back_as_it_was(store: Store, said: Details | None) -> None:
    kept = replace(WHOLE, booking_id="bokning-åäö \"'\\😀", details=said)
    save(store, kept)
    assert load(store, kept.booking_id) == {kept.booking_id: kept}


def test_a_later_state_replaces_an_earlier_one_whole(store: Store) -> None:
    later = Booking("b-1", 3, None, None, OTHER_SYSTEM, None)
    save(store, WHOLE)
    save(store, later)
    assert load(store, "b-1") == {"b-1": later}
    save(store, WHOLE)
    assert load(store, "b-1") == {"b-1": WHOLE}


def test_a_booking_is_its_source_s(store: Store) -> None:
    other = replace(WHOLE, details=None)
    save(store, WHOLE)
    save(store, other, source="tidbok-syd")
    assert load(store, "b-1", "unknown") == {"b-1": WHOLE}
    assert load(store, "b-1", source="tidbok-syd") == {"b-1": other}


def test_many_bookings_are_one_statement_each_way(store: Store) -> None:
    many = [replace(WHOLE, booking_id=f"b-{n}") for n in range(500)]
    with recorded(store.engine) as statements:
        save(store, *many)
        found = load(store, *(b.booking_id for b in many))
        save(store)
    assert found == {b.booking_id: b for b in many}
    assert len(statements) == 2
