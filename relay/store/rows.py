"""Many rows as one parameter: the way every set-based statement here gets its input.

PostgreSQL reads a JSON text as a table with `jsonb_to_recordset`, SQLite with `json_each`; so a thousand rows
are one statement, one parameter and one cached plan on both, where `VALUES` would be a new statement for each
number of rows and `executemany` a statement for each row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Select,
    Subquery,
    Text,
    bindparam,
    column,
    func,
    select,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from relay.store.columns import Instant, iso

PARAMETER: Final = "rows"


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
        func.jsonb_to_recordset(sql_cast(bindparam(PARAMETER, type_=Text()), JSONB))
        .table_valued(*(column(c.name, _plain(c.type)) for c in listed))
        .render_derived(with_types=True)
    )
    return [table.c[c.name] for c in listed]


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type as PostgreSQL's recordset is told it: without lengths, so that nothing is cut silently."""
    if isinstance(type_, Instant | Boolean):
        return type_
    return BigInteger() if type_.python_type is int else Text()


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"cannot be given to a statement: {type(value).__name__}")
