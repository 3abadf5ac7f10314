from __future__ import annotations

from sqlalchemy import select

from relay.store.rows import as_json, given_select
from relay.store.schema import source
from relay.store.transaction import Store, Transaction
from relay.store.upsert import upsert


def put(
    store: Store, *rows: dict[str, object], update: tuple[str, ...] = (), also: dict[str, object] | None = None
) -> None:
    def work(tx: Transaction) -> None:
        columns = (source.c.name, source.c.error)
        changed = [source.c[name] for name in update]
        chosen = given_select(tx.dialect, *columns)
        statement = upsert(tx.dialect, source, chosen, key=(source.c.name,), update=changed, also=also)
        tx.run(statement, {"rows": as_json(rows)})

    store.transact(work)


def found(store: Store) -> list[tuple[str, str | None, int]]:
    chosen = select(source.c.name, source.c.error, source.c.failures).order_by(source.c.name)
    return store.transact(lambda tx: [tuple(row) for row in tx.run(chosen)])


def test_rows_are_inserted_with_the_defaults_of_what_they_leave_out(store: Store) -> None:
    put(store, {"name": "a", "error": "x"}, {"name": "b"})
    assert found(store) == [("a", "x", 0), ("b", None, 0)]


def test_a_row_that_stands_gets_what_is_said_and_nothing_else(store: Store) -> None:
    put(store, {"name": "a", "error": "x"})
    put(store, {"name": "a", "error": "y"}, {"name": "b", "error": "y"}, update=("error",), also={"failures": 3})
    assert found(store) == [("a", "y", 3), ("b", "y", 0)]


def test_where_nothing_is_to_be_changed_the_row_is_left_be(store: Store) -> None:
    put(store, {"name": "a", "error": "x"})
    put(store, {"name": "a", "error": "y"})
    assert found(store) == [("a", "x", 0)]


def test_no_rows_are_no_change(store: Store) -> None:
    put(store, update=("error",))
    assert found(store) == []
