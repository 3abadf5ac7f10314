"""INSERT … SELECT … ON CONFLICT for both dialects of the relay's own database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Executable, Select, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    dialect: str,
    table: Table,
    rows: Select[Any],
    *,
    key: Sequence[Column[Any]],
    update: Sequence[Column[Any]],
    also: Mapping[str, object] | None = None,
) -> Executable:
    """Insert the rows; where a row with their `key` stands, set its `update` columns (none: leave it as it is).

    `also` are columns that such a row gets set to a plain value.
    """
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    names = [c.name for c in rows.selected_columns if isinstance(c, ColumnElement)]
    statement = insert.from_select(names, rows, include_defaults=False)
    if not update:
        return statement.on_conflict_do_nothing(index_elements=list(key))
    changed: dict[str, object] = {c.name: statement.excluded[c.name] for c in update}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed | dict(also or {}))
