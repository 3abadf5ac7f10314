"""Looks at an outbox as it is: its columns, its indexes, what the relay may do with it, and its last rows.

Facts only; `relay.outbox.judge` says what they mean. Nothing is changed: the one UPDATE marks a row that cannot be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from relay.change import OutboxRow
from relay.database import reading
from relay.outbox.reader import WRITTEN, OutboxReader, looking
from relay.outbox.table import outbox_table, past_locks
from relay.outbox.texts import as_read, as_text
from relay.outbox.trouble import explain

LAST_ROWS = 500
_MOMENT = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column as the database describes it."""

    name: str
    length: int | None  # characters; None: unbounded, or no text
    nullable: bool
    is_text: bool


@dataclass(frozen=True, slots=True)
class RowFacts:
    """One of the last rows, as texts, and what became of it."""

    row: OutboxRow
    relayed_at: str | None
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class OutboxFacts:
    """Everything that was seen. Where a trouble is set, what it kept from being seen is empty."""

    table: str
    dialect: str
    now: datetime  # the relay's own clock
    columns: tuple[ColumnFacts, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    rows: tuple[RowFacts, ...] = ()  # the newest first
    read_trouble: str | None = None
    mark_trouble: str | None = None
    troubles: tuple[str, ...] = field(default=())  # the table itself could not be looked at
    held: tuple[int, ...] = ()  # rows that another transaction holds, at two looks a second apart
    ids_may_restart: bool = False  # the ids of deleted rows are given out again
    newest_taken: int | None = None  # the highest id that the relay knows to have taken; None: nobody asked it


def look(engine: Engine, table_name: str) -> OutboxFacts:
    """Look at the outbox in `table_name`. A database that fails is a fact too: this raises nothing of SQLAlchemy's."""
    now = datetime.now(UTC)
    dialect = engine.dialect.name
    table = outbox_table(table_name, dialect)
    try:
        with reading(engine) as connection:
            inspector = inspect(connection)
            described = inspector.get_columns(table.name, table.schema, **looking(dialect))
            indexes = inspector.get_indexes(table.name, table.schema, **looking(dialect))
            ids_may_restart = dialect == "sqlite" and not _counts_on(connection, table.name)
    except SQLAlchemyError as error:
        return OutboxFacts(table_name, dialect, now, troubles=(explain(error, table_name),))
    kinds = {str(column["name"]).lower(): column["type"] for column in described}
    rows, read_trouble = _last_rows(engine, table_name, kinds)
    return OutboxFacts(
        table_name,
        dialect,
        now,
        columns=tuple(_column(column) for column in described),
        indexes=tuple(index_of(index) for index in indexes),
        rows=rows,
        read_trouble=read_trouble,
        mark_trouble=_try_to_mark(engine, table_name, now),
        held=_held(engine, table_name),
        ids_may_restart=ids_may_restart,
    )


def rows_of(engine: Engine, table_name: str, booking_id: str) -> tuple[RowFacts, ...]:
    """The last rows of one booking, the newest first. Raises SQLAlchemyError."""
    with reading(engine) as connection:
        dialect = engine.dialect.name
        table = outbox_table(table_name, dialect)
        described = inspect(connection).get_columns(table.name, table.schema, **looking(dialect))
    kinds = {str(column["name"]).lower(): column["type"] for column in described}
    return _read(engine, table_name, kinds, booking_id)


def _counts_on(connection: Connection, table: str) -> bool:
    """Whether SQLite never gives an id twice."""
    made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table}).scalar()
    return "AUTOINCREMENT" in str(made).upper()


def _column(described: Any) -> ColumnFacts:
    kind = described["type"]
    return ColumnFacts(
        name=str(described["name"]).lower(),
        length=getattr(kind, "length", None),
        nullable=bool(described["nullable"]),
        is_text=_is_text(kind),
    )


def index_of(index: Any) -> tuple[str, ...]:
    """Its columns, or what it has of them, in lower case; those that it only carries come last."""
    of = index.get("expressions") or index["column_names"]
    return tuple(str(name).lower() for name in (*of, *index.get("include_columns", ())))


def _is_text(kind: Any) -> bool:
    try:
        return kind.python_type is str
    except NotImplementedError:
        return False


def _last_rows(engine: Engine, table_name: str, kinds: dict[str, Any]) -> tuple[tuple[RowFacts, ...], str | None]:
    """The last rows, of the columns that are there."""
    try:
        return _read(engine, table_name, kinds, None), None
    except SQLAlchemyError as error:
        return (), explain(error, table_name)


def _read(engine: Engine, table_name: str, kinds: dict[str, Any], booking_id: str | None) -> tuple[RowFacts, ...]:
    table, dialect = outbox_table(table_name, engine.dialect.name), engine.dialect.name
    there = [name for name in (*WRITTEN, "relayed_at", "outcome", "outcome_reason") if name in kinds]
    texts = [as_text(table.c[name], name, dialect, kinds[name]).label(name) for name in there]
    statement = past_locks(select(table.c.id, *texts).order_by(table.c.id.desc()).limit(LAST_ROWS), table)
    if booking_id is not None:
        statement = statement.where(table.c.booking_id == booking_id)
    with reading(engine) as connection:
        found: list[dict[str, Any]] = [
            {name: value if name == "id" else as_read(name, value) for name, value in row._mapping.items()}
            for row in connection.execute(statement)
        ]
    return tuple(
        RowFacts(
            relayed_at=row.pop("relayed_at", None),
            outcome=row.pop("outcome", None),
            reason=row.pop("outcome_reason", None),
            row=OutboxRow(**row),
        )
        for row in found
    )


def _held(engine: Engine, table_name: str) -> tuple[int, ...]:
    """A row that is held for a moment, as by the relay itself while it marks, is none."""
    reader = OutboxReader(engine, table_name)
    try:
        if not (held := reader.held_by_others()):
            return ()
        time.sleep(_MOMENT)
        return tuple(sorted(set(held) & set(reader.held_by_others())))
    except SQLAlchemyError:
        return ()  # what is wrong is said of reading and marking


def _try_to_mark(engine: Engine, table_name: str, now: datetime) -> str | None:
    try:
        OutboxReader(engine, table_name).try_to_mark(now)
    except SQLAlchemyError as error:
        return explain(error, table_name)
    return None
