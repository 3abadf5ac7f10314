"""Reads an outbox and marks what became of its rows: the relay's whole traffic with a booking system's database.

Rows are claimed by their state (`outcome is null`), never by "id greater than the last": ids are not commit
order, and a row that commits late must be found. Every value is read as text, cast by the database, so that a
value no driver can hold (`infinity`, the year 20026) spoils its own row and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    bindparam,
    func,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from relay.change import OutboxRow
from relay.database import reading
from relay.outbox.table import DEFAULT_NAME, outbox_table
from relay.outbox.texts import ASKED_FOR_TYPES, as_text
from relay.wallclock import WallClockError, parse_instant

WRITTEN: Final = (
    "event_id", "operation", "booking_id", "version", "source_system", "resident_id", "care_unit", "kind",
    "starts_at", "invited_on", "valid_until", "presentable", "data_controller", "created_at",
)  # fmt: skip
IDS_PER_STATEMENT: Final = 500  # Oracle takes 1000 in a list, SQL Server 2100 parameters in all


class Settled(NamedTuple):
    """What became of a row: its id, the outcome, and why (or None)."""

    row_id: int
    outcome: str
    reason: str | None


class Backlog(NamedTuple):
    """What waits in an outbox; the age is None where nothing does, or its time cannot be read."""

    unread: int
    oldest_seconds: float | None


class Questions(NamedTuple):
    """The statements that read the outbox."""

    unread: Select[Any]
    backlog: Select[Any]


class OutboxReader:
    """One source's view of one outbox table.

    Where several sources share the table, `others` are the other sources' systems and `own` this one's, both in
    upper case; the `first` of the sources also takes the rows that name no system or an unknown one.
    Nothing is asked of the database before the first use.
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
        self.table_name = table_name
        self._dialect = engine.dialect.name
        self._table = outbox_table(table_name, self._dialect)
        self._mine = [self._table.c.outcome.is_(None), *self._share(own, others, first)]
        self._own, self._others, self._first = own, others, first
        self._asked: Questions | None = None
        self.mark = (
            update(self._table)
            .where(self._table.c.id.in_(bindparam("ids", expanding=True)), self._table.c.outcome.is_(None))
            .values(relayed_at=bindparam("at"), outcome=bindparam("what"), outcome_reason=bindparam("why"))
        )

    def unread(self, limit: int) -> list[OutboxRow]:
        """The first `limit` rows that have no outcome, by id."""
        with reading(self.engine) as connection:
            return [OutboxRow(*row) for row in connection.execute(self._questions(connection).unread.limit(limit))]

    def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        """Write the outcomes down, in one transaction and one statement for each different one.

        A row that has an outcome already keeps it.
        """
        ids_of: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        for row_id, outcome, reason in settled:
            ids_of[outcome, reason].append(row_id)
        stamp = instant_as_written(at, self._dialect)
        with self.engine.begin() as connection:
            for (outcome, reason), ids in ids_of.items():
                for some in _chunks(sorted(ids), IDS_PER_STATEMENT):
                    connection.execute(self.mark, {"ids": some, "at": stamp, "what": outcome, "why": reason})

    def backlog(self) -> Backlog:
        """How many rows wait, and for how long the oldest has."""
        with reading(self.engine) as connection:
            count, oldest = connection.execute(self._questions(connection).backlog).one()
            return Backlog(int(count), _age(oldest))

    def takes(self, source_system: str | None) -> bool:
        """Whether a row that names this system is this source's to take."""
        system = source_system.upper() if source_system else None
        if not self._others:
            return True
        return system not in self._others if self._first else system in self._own

    def _questions(self, connection: Connection) -> Questions:
        """The statements, written when the columns' types are known. Where they are asked for, that is once: a
        process that was running when a column got another type must be started again."""
        if self._asked is None:
            asked = self._dialect in ASKED_FOR_TYPES
            self._asked = self.questions(_types(connection, self._table.name, self._table.schema) if asked else {})
        return self._asked

    def questions(self, kinds: Mapping[str, TypeEngine[Any]]) -> Questions:
        """The statements that read, where the columns have these types, which only `ASKED_FOR_TYPES` look at."""

        def text(column: Column[Any], value: ColumnElement[Any]) -> ColumnElement[str]:
            return as_text(value, column.name, self._dialect, kinds.get(column.name, column.type))

        written = [text(self._table.c[name], self._table.c[name]).label(name) for name in WRITTEN]
        created_at = self._table.c.created_at
        unread = select(self._table.c.id, *written).where(*self._mine).order_by(self._table.c.id)
        backlog = select(func.count(), text(created_at, func.min(created_at))).where(*self._mine)
        return Questions(self._past_locks(unread), self._past_locks(backlog))

    def _past_locks(self, question: Any) -> Select[Any]:
        """SQL Server's readers wait for whoever is still writing a row, unless told to leave that row for later."""
        hinted: Select[Any] = question.with_hint(self._table, "WITH (READPAST)", "mssql")
        return hinted

    def _share(self, own: frozenset[str], others: frozenset[str], first: bool) -> list[ColumnElement[bool]]:
        if not others:
            return []
        system = func.upper(self._table.c.source_system)
        if first:
            return [or_(system.is_(None), system.not_in(sorted(others)))]
        return [system.in_(sorted(own))]


def _types(connection: Connection, table: str, schema: str | None) -> dict[str, TypeEngine[Any]]:
    """The types that the table's columns really have, by name."""
    return {str(column["name"]): column["type"] for column in inspect(connection).get_columns(table, schema)}


def instant_as_written(at: datetime, dialect: str) -> object:
    """The time as the driver takes it: ISO text on SQLite, and on MySQL, whose driver drops the zone, UTC."""
    match dialect:
        case "sqlite":
            return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case "mysql" | "mariadb":
            return at.astimezone(UTC).replace(tzinfo=None)
        case _:
            return at


def _age(created_at: str | None) -> float | None:
    try:
        return max((datetime.now(UTC) - parse_instant(created_at)).total_seconds(), 0.0) if created_at else None
    except WallClockError:
        return None


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[i : i + size] for i in range(0, len(ids), size))
