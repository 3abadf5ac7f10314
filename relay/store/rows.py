"""Many rows as one parameter: the way every set-based statement here gets its input.

PostgreSQL reads a JSON text as a table with `json_to_recordset`, SQLite with `json_each`; so a thousand rows
are one statement, one parameter and one cached plan on both, where `VALUES` would be a new statement for each
number of rows and `executemany` a statement for each row. (`jsonb`, and arrays for `unnest`, cost the server more, and
the planner takes what it knows to be a thousand rows for a reason to read a whole table.)

Rows that are known to be new go into PostgreSQL by COPY (`relay.copying`), which costs both sides a third of that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    column,
    func,
    select,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine

from relay.copying import copy_into
from relay.store.columns import ID, Instant, iso
from relay.store.transaction import Transaction

PARAMETER: Final = "rows"
FEW: Final = 20  # rows that go quicker as a prepared statement than by COPY, which needs a round trip more


def as_json(rows: Iterable[Mapping[str, object]]) -> str:
    """The rows as the JSON text that goes into the statement's `rows` parameter."""
    return json.dumps(list(rows), default=_encode, ensure_ascii=False, check_circular=False)


def given(dialect: str, *columns: Column[Any]) -> Subquery:
    """The rows given as a table that has `columns`, for use in a statement on `dialect`."""
    return select(*_selected(dialect, columns)).subquery("given")


def given_select(dialect: str, *columns: Column[Any]) -> Select[Any]:
    """The rows given as a SELECT, for INSERT … SELECT."""
    # SQLite takes ON CONFLICT after INSERT … SELECT only behind a WHERE.
    return select(*_selected(dialect, columns)).where(text("1 = 1"))


def _selected(dialect: str, columns: Iterable[Column[Any]]) -> list[Any]:
    listed = list(columns)
    if dialect == "sqlite":
        each = func.json_each(bindparam(PARAMETER, type_=Text())).table_valued("value")
        return [func.json_extract(each.c.value, f"$.{c.name}", type_=c.type).label(c.name) for c in listed]
    table = (
        func.json_to_recordset(_json(PARAMETER))
        .table_valued(*(column(c.name, _plain(c.type)) for c in listed))
        .render_derived(with_types=True)
    )
    return [table.c[c.name] for c in listed]


def as_list(values: Iterable[str | int]) -> str:
    """The values as the JSON text that goes into a parameter of `among` or `is_one_of`."""
    return json.dumps(list(values), ensure_ascii=False, check_circular=False)


def among(dialect: str, column_: ColumnElement[Any], parameter: str = PARAMETER) -> ColumnElement[bool]:
    """Whether the column is one of the values given.

    IN, not a join: SQLite would go through all rows of a source for each value that is given.
    """
    return column_.in_(_values(dialect, column_, parameter))


def is_one_of(dialect: str, column_: ColumnElement[Any], parameter: str = PARAMETER) -> ColumnElement[bool]:
    """The same for a column that all of an index leads to, and no other index to half of it.

    On PostgreSQL an array that is made first: whatever is known of the table, the values are looked up in that index,
    in one walk. (Were it read by another one, each row would be compared with each value.)
    """
    values = _values(dialect, column_, parameter)
    return column_.in_(values) if dialect == "sqlite" else column_ == any_(func.array(values.scalar_subquery()))


def _values(dialect: str, column_: ColumnElement[Any], parameter: str) -> Select[Any]:
    if dialect == "sqlite":
        return select(func.json_each(bindparam(parameter, type_=Text())).table_valued("value").c.value)
    value: ColumnElement[Any] = func.json_array_elements_text(_json(parameter)).column_valued("value")
    return select(sql_cast(value, BigInteger()) if column_.type.python_type is int else value)


def pairs(dialect: str) -> FromClause:
    """A JSON object of {id: text} as a table of `key`, a text, and `value`."""
    if dialect == "sqlite":
        return func.json_each(bindparam(PARAMETER, type_=Text())).table_valued("key", "value", name="given")
    return func.json_each_text(_json(PARAMETER)).table_valued("key", "value", name="given")


def of_pair(dialect: str, id_: ColumnElement[int], given_pairs: FromClause) -> ColumnElement[bool]:
    """Whether an id is the key of one of `pairs`. PostgreSQL is told it twice: the array leads it to the index, as in
    `is_one_of`; SQLite goes there anyhow."""
    same = id_ == sql_cast(given_pairs.c.key, ID)
    if dialect == "sqlite":
        return same
    keys = select(sql_cast(pairs(dialect).alias("again").c.key, ID)).scalar_subquery()
    return and_(same, id_ == any_(func.array(keys)))


def is_worth_copying(tx: Transaction, rows: Sequence[object]) -> bool:
    """Whether so many new rows had better go by `insert`."""
    return tx.dialect == "postgresql" and len(rows) >= FEW


def insert(tx: Transaction, table: Table, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows that are known to be new, the values in the order of the columns; PostgreSQL only.

    Raises IntegrityError where one is there already; then the transaction is lost.
    """
    copy_into(tx.connection, table.name, columns, rows)


def _json(parameter: str) -> ColumnElement[Any]:
    return sql_cast(bindparam(parameter, type_=Text()), JSON)


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type as PostgreSQL's recordset is told it: without lengths, so that nothing is cut silently."""
    if isinstance(type_, Instant | Boolean):
        return type_
    return BigInteger() if type_.python_type is int else Text()


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"cannot be given to a statement: {type(value).__name__}")
