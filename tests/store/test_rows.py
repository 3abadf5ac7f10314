from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from relay.store.columns import iso
from relay.store.rows import as_json, given_select
from relay.store.rows import given as given_rows
from relay.store.schema import post
from relay.store.transaction import Store
from tests.statements import recorded

_COLUMNS = (post.c.id, post.c.booking_id, post.c.bulk, post.c.expires_at)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.none() | st.integers(-(2**63), 2**63 - 1),
            "booking_id": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            "bulk": st.none() | st.booleans(),
            "expires_at": st.none() | st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),
        }
    ),
    max_size=5,
)


@given(rows=_ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_what_goes_in_as_json_comes_out_as_it_was(store: Store, rows: list[dict[str, object]]) -> None:
    """Every type and every character, however many rows, in one statement."""
    statement = select(given_rows(store.engine.dialect.name, *_COLUMNS))
    with recorded(store.engine) as statements:
        found = store.transact(lambda tx: tx.run(statement, {"rows": as_json(rows)}).mappings().all())
    assert [dict(row) for row in found] == rows
    assert len(statements) == 1


def test_a_field_that_is_left_out_is_null(store: Store) -> None:
    statement = given_select(store.engine.dialect.name, *_COLUMNS)
    found = store.transact(lambda tx: tx.run(statement, {"rows": as_json([{"id": 1}])}).all())
    assert [tuple(row) for row in found] == [(1, None, None, None)]


def test_times_sort_as_text() -> None:
    """SQLite compares them so."""
    times = [datetime(2026, 11, 2, 9, 0, 0, micro, tzinfo=UTC) for micro in (0, 1, 100_000)]
    stockholm = datetime(2026, 11, 2, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert sorted(iso(t) for t in reversed(times)) == [iso(t) for t in times]
    assert iso(stockholm) == iso(times[0]) == "2026-11-02T09:00:00.000000+00:00"


def test_what_has_no_form_in_json_is_refused_and_not_quoted() -> None:
    with pytest.raises(TypeError) as refused:
        as_json([{"id": b"191212121212"}])
    assert str(refused.value) == "cannot be given to a statement: bytes"
    assert "1912" not in "".join(getattr(refused.value, "__notes__", ()))  # Python 3.14 says where it stood
