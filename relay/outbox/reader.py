"""Reads an outbox and marks what became of its rows: the relay's whole traffic with a booking system's database.

Rows are claimed by their state (`outcome is null`), never by "id greater than the last": ids are not commit
order, and a row that commits late must be found. Every value is read as text, cast by the database, so that a
value no driver can hold (`infinity`, the year 20026) spoils its own row and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Engine,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)

from relay.change import OutboxRow
from relay.database import reading
from relay.outbox.table import DEFAULT_NAME, outbox_table

_WRITTEN: Final = (
    "event_id", "operation", "booking_id", "version", "source_system", "resident_id", "care_unit", "kind",
    "starts_at", "invited_on", "valid_until", "presentable", "data_controller", "created_at",
)  # fmt: skip
IDS_PER_STATEMENT: Final = 500  # Oracle takes 1000 in a list, SQL Server 2100 parameters in all


class Settled(NamedTuple):
    """What became of a row: its id, the outcome, and why (or None)."""

    row_id: int
    outcome: str
    reason: str | None


class OutboxReader:
    """One source's view of one outbox table.

    Where several sources share the table, `others` are the other sources' systems and `own` this one's, both in
    upper case; the `first` of the sources also takes the rows that name no system or an unknown one.
    """

    def __init__(
        self,
        engine: Engine,
        table_name: str = DEFAULT_NAME,
        *,
        own: frozenset[str] = frozenset(),
        others: frozenset[str] = frozenset(),
        first: bool = True,
    ) -> None:
        self.engine = engine
        self._table = outbox_table(table_name, engine.dialect.name)
        columns = [_as_text(self._table.c[name], engine.dialect.name, name) for name in _WRITTEN]
        mine = [self._table.c.outcome.is_(None), *self._share(own, others, first)]
        limit: BindParameter[int] = bindparam("rows")
        self._unread = select(self._table.c.id, *columns).where(*mine).order_by(self._table.c.id).limit(limit)
        self._backlog = select(func.count(), _as_text_min(self._table.c.created_at, engine.dialect.name)).where(*mine)
        self._mark = (
            update(self._table)
            .where(self._table.c.id.in_(bindparam("ids", expanding=True)), self._table.c.outcome.is_(None))
            .values(relayed_at=bindparam("at"), outcome=bindparam("what"), outcome_reason=bindparam("why"))
        )

    def unread(self, limit: int) -> list[OutboxRow]:
        """The first `limit` rows that have no outcome, by id."""
        with reading(self.engine) as connection:
            return [OutboxRow(*row) for row in connection.execute(self._unread, {"rows": limit})]

    def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        """Write the outcomes down, in one transaction and one statement for each different one.

        A row that has an outcome already keeps it.
        """
        ids_of: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        for row_id, outcome, reason in settled:
            ids_of[outcome, reason].append(row_id)
        stamp = instant_as_written(at, self.engine.dialect.name)
        with self.engine.begin() as connection:
            for (outcome, reason), ids in ids_of.items():
                for some in _chunks(sorted(ids), IDS_PER_STATEMENT):
                    connection.execute(self._mark, {"ids": some, "at": stamp, "what": outcome, "why": reason})

    def backlog(self) -> tuple[int, str | None]:
        """How many rows wait, and the oldest one's created_at as text."""
        with reading(self.engine) as connection:
            count, oldest = connection.execute(self._backlog).one()
            return int(count), oldest

    def _share(self, own: frozenset[str], others: frozenset[str], first: bool) -> list[ColumnElement[bool]]:
        if not others:
            return []
        system = func.upper(self._table.c.source_system)
        if first:
            return [or_(system.is_(None), system.not_in(sorted(others)))]
        return [system.in_(sorted(own))]


def _as_text(column: ColumnElement[Any], dialect: str, name: str) -> ColumnElement[str]:
    if dialect in ("mysql", "mariadb"):
        return cast(column, Text())  # rendered as CHAR there
    if dialect == "mssql":  # 126 is ISO 8601, which a plain cast of a date is not
        return func.convert(literal_column("nvarchar(400)"), column, literal_column("126"))
    if dialect == "oracle" and name in ("starts_at", "valid_until"):
        return func.to_char(column, "YYYY-MM-DD HH24:MI:SS")
    if dialect == "oracle" and name == "created_at":
        return func.to_char(column, "YYYY-MM-DD HH24:MI:SS TZH:TZM")
    if dialect == "oracle" and name == "invited_on":
        return func.to_char(column, "YYYY-MM-DD")
    return cast(column, Text()) if dialect != "oracle" else func.to_char(column)


def _as_text_min(column: Column[Any], dialect: str) -> ColumnElement[str]:
    oldest: ColumnElement[Any] = func.min(column)
    return _as_text(oldest, dialect, column.name)


def instant_as_written(at: datetime, dialect: str) -> object:
    """An instant as relayed_at holds it: on SQLite a text that sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if dialect == "sqlite" else at


def _chunks(ids: Iterable[int], size: int) -> Iterable[list[int]]:
    listed = list(ids)
    return (listed[i : i + size] for i in range(0, len(listed), size))
