"""Reads an outbox and marks what became of its rows: the relay's whole traffic with a booking system's database.

Rows are claimed by their state (`outcome is null`), never by "id greater than the last": ids are not commit
order, and a row that commits late must be found. Every value is read as text, cast by the database, so that a
value no driver can hold (`infinity`, the year 20026) spoils its own row and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    func,
    inspect,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from relay.change import READ_AT_MOST, UNREADABLE, OutboxRow
from relay.database import reading
from relay.outbox.marks import IDS_PER_STATEMENT, Marked, Marker
from relay.outbox.marks import Settled as Settled
from relay.outbox.rescue import is_of_rows, read_around
from relay.outbox.table import DEFAULT_NAME, outbox_table, past_locks
from relay.outbox.texts import ASKED_FOR_TYPES, TIMES, as_array, as_read, as_text, time_as_read
from relay.wallclock import WallClockError, parse_instant

WRITTEN: Final = (
    "event_id", "operation", "booking_id", "version", "source_system", "resident_id", "care_unit", "kind",
    "starts_at", "invited_on", "valid_until", "presentable", "data_controller", "created_at",
)  # fmt: skip
_TIMES: Final = [place for place, name in enumerate(WRITTEN) if name in TIMES]
MOST_ASIDE: Final = 400  # rows that are passed over by their ids
HELD_SECONDS: Final = 30.0  # for which somebody must hold a row before it is told of
_FORGET_SECONDS: Final = 60.0  # for which such a row must not have been met to be forgotten
_PASS_SECONDS: Final = 5.0  # for which rows that somebody holds are not read again in front of newer ones


class Backlog(NamedTuple):
    """What waits in an outbox; the age is None where nothing does, or its time cannot be read."""

    unread: int
    oldest_seconds: float | None


class Questions(NamedTuple):
    """The statements that read the outbox."""

    unread: Select[Any]
    as_arrays: Select[Any] | None  # the same, each row as its id and one array; PostgreSQL only
    backlog: Select[Any]
    settled: Select[Any]


class _Hold(NamedTuple):
    """When a row that somebody holds was first met, and last, by the steady clock."""

    since: float
    met: float


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
        self.share = self._share(own, others, first)  # the conditions that make a row this source's
        self._mine = [self._table.c.outcome.is_(None), *self.share]
        self._own, self._others, self._first = own, others, first
        self._asked: Questions | None = None
        self._marker = Marker(engine, self._table)
        self._after: int | None = None  # rows up to here are not read until `_back_at`: some of them are held
        self._back_at = 0.0
        self.knows_aside = False  # what other processes have set aside, or earlier ones
        self._held: dict[int, _Hold] = {}  # rows that somebody held when they were to be marked
        self._aside: dict[int, float] = {}  # rows that cannot be marked: until when they are passed over

    def unread(self, limit: int) -> list[OutboxRow]:
        """The first `limit` rows that have no outcome, by id, but for those that are passed over for a while.

        A row with a value that cannot be read comes with `relay.change.UNREADABLE` in its place.
        """
        with reading(self.engine) as connection:
            questions = self._questions(connection)
            past = self._past(time.monotonic())
            try:
                rows = self._quickly(connection, questions, past, limit)
                if rows is None:
                    rows = [as_row(row) for row in connection.execute(questions.unread.where(*past).limit(limit)).all()]
            except Exception as error:
                if not is_of_rows(error):
                    raise
            else:
                return rows
        return self._around(questions, past, limit)

    def _quickly(
        self, connection: Connection, questions: Questions, past: Sequence[ColumnElement[bool]], limit: int
    ) -> list[OutboxRow] | None:
        """The rows, where the database has a quicker way to read them; None: not all of them can be read by it."""
        if questions.as_arrays is None:
            return None
        found = connection.execute(questions.as_arrays.where(*past).limit(limit)).all()
        if any(texts is None for _, texts in found):
            return None
        return [as_row((row_id, *texts)) for row_id, texts in found]

    def first_waiting(self) -> ScalarSelect[int]:
        """The id of the first row that `unread` would give, as a part of a greater statement.

        In the order of the index of what is unread: no count of rows that the database has misleads it then.
        """
        c = self._table.c
        asked = select(c.id).where(*self._mine, *self._past(time.monotonic())).order_by(c.id).limit(1)
        return self.past_locks(asked).scalar_subquery()

    def _past(self, now: float) -> list[ColumnElement[bool]]:
        """The conditions that leave out what is passed over; none as a rule."""
        past: list[ColumnElement[bool]] = []
        if now >= self._back_at:
            self._after = None
        if self._after is not None:
            past.append(self._table.c.id > bindparam(None, self._after))
        if aside := [row_id for row_id, until in self._aside.items() if until > now]:
            past.append(self._table.c.id.not_in(sorted(aside)[:MOST_ASIDE]))
        return past

    def _around(self, questions: Questions, past: list[ColumnElement[bool]], limit: int) -> list[OutboxRow]:
        asked = select(self._table.c.id).where(*self._mine, *past).order_by(self._table.c.id).limit(limit)
        with reading(self.engine) as connection:
            ids = list(connection.execute(self.past_locks(asked)).scalars())

        def ask(question: Select[Any]) -> Sequence[Row[Any]]:
            with reading(self.engine) as connection:  # one each: some drivers do not go on after an error
                return connection.execute(question).all()

        def fetch(first: int, last: int) -> list[OutboxRow]:
            between = self._table.c.id.between(bindparam(None, first), bindparam(None, last))
            return [as_row(row) for row in ask(questions.unread.where(between, *past))]

        def column(question: Select[Any], name: str) -> str | None:
            try:
                return as_read(name, ask(question)[0][0])
            except IndexError:
                raise
            except Exception as error:
                if not is_of_rows(error):
                    raise
                return UNREADABLE

        def one(row_id: int) -> OutboxRow | None:
            this = questions.unread.where(self._table.c.id == bindparam(None, row_id)).order_by(None)
            chosen = {name: this.with_only_columns(this.selected_columns[name]) for name in WRITTEN}
            try:
                return OutboxRow(row_id, **{name: column(question, name) for name, question in chosen.items()})
            except IndexError:  # it is gone, or has its outcome
                return None

        return read_around(ids, fetch, one)

    def settle(self, settled: Sequence[Settled], at: datetime) -> Marked:
        """Write the outcomes down, in one transaction and a few statements where nothing speaks against it; what was
        not written, see `relay.outbox.marks`.

        Rows that somebody holds, or that it was given up for, are read again some seconds later, and the rows behind
        them meanwhile.
        """
        marked = self._marker.mark_all(settled, at)
        not_written = len(marked.refused) + len(marked.left) + len(marked.untried)
        if not_written == len(settled):  # not one was: it may well not be the rows'
            for row_id, error in marked.refused.items():
                if row_id not in self._aside:
                    raise error
        if marked.left or marked.untried:
            if self._after is None:
                self._back_at = time.monotonic() + _PASS_SECONDS
            self._after = max(row_id for row_id, _, _ in settled)
        return marked

    def try_to_mark(self, at: datetime) -> None:
        """Mark no row, as `settle` would mark one. Raises what that would raise."""
        self._marker.try_it(at)

    def leave(self, systems: frozenset[str]) -> None:
        """Rows that name these systems (in upper case) are another source's, which has the table by another address."""
        if not systems <= self._others:
            self._others |= systems
            self.share = self._share(self._own, self._others, self._first)
            self._mine = [self._table.c.outcome.is_(None), *self.share]
            self._asked = None

    def pass_over(self, rests: Mapping[int, timedelta]) -> None:
        """Do not read these rows for that long."""
        now = time.monotonic()
        self._aside |= {row_id: now + rest.total_seconds() for row_id, rest in rests.items()}

    def over(self, last: int | None) -> set[int]:
        """The rows set aside whose time is over, up to that id: a read finds them now, if they still wait. None of
        those that are not read just now, since some before them are held."""
        now, first = time.monotonic(), self._after if self._after is not None else -1
        return {i for i, until in self._aside.items() if until <= now and i > first and (last is None or i <= last)}

    def held_for(self, rows: Sequence[OutboxRow], left: AbstractSet[int]) -> dict[int, timedelta]:
        """How long each of the rows that were left just now has been held, of those that have been for `HELD_SECONDS`
        and are not set aside yet. `rows` were to be marked: the others of them are forgotten."""
        now = time.monotonic()
        for row in rows:
            if row.id not in left:
                self._held.pop(row.id, None)
        for row_id in left:
            self._held[row_id] = _Hold(self._held[row_id].since if row_id in self._held else now, now)
        # Who was not met for a while is gone, deleted by its holder perhaps; its id may be given again.
        self._held = {row_id: hold for row_id, hold in self._held.items() if now - hold.met < _FORGET_SECONDS}
        return {
            row_id: timedelta(seconds=now - self._held[row_id].since)
            for row_id in sorted(left)
            if now - self._held[row_id].since >= HELD_SECONDS and row_id not in self._aside
        }

    def held_by_others(self) -> list[int]:
        """The ids of the first rows without an outcome that another transaction holds just now, as far as this kind of
        database tells. Raises SQLAlchemyError."""
        asked = select(self._table.c.id).where(*self._mine).order_by(self._table.c.id).limit(IDS_PER_STATEMENT)
        with reading(self.engine) as connection:
            waiting = list(connection.execute(self.past_locks(asked)).scalars())
        return self._marker.held_by_others(waiting)

    def forget(self, row_ids: Iterable[int]) -> None:
        """These are no longer set aside."""
        for row_id in row_ids:
            self._aside.pop(row_id, None)

    def backlog(self) -> Backlog:
        """How many rows wait, and for how long the oldest has."""
        with reading(self.engine) as connection:
            count, oldest = connection.execute(self._questions(connection).backlog).one()
            return Backlog(int(count), _age(as_read("created_at", oldest)))

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

        written: list[ColumnElement[Any]] = [
            text(self._table.c[name], self._table.c[name]).label(name) for name in WRITTEN
        ]
        created_at = self._table.c.created_at
        unread = select(self._table.c.id, *written).where(*self._mine).order_by(self._table.c.id)
        backlog = select(func.count(), text(created_at, func.min(created_at))).where(*self._mine)
        said = (self._table.c.outcome, self._table.c.outcome_reason)
        settled = select(self._table.c.id, *written, *said).where(*self.share).order_by(self._table.c.id)
        as_arrays = None
        if self._dialect == "postgresql":
            packed = as_array({name: self._table.c[name] for name in WRITTEN})
            as_arrays = select(self._table.c.id, packed).where(*self._mine).order_by(self._table.c.id)
        return Questions(self.past_locks(unread), as_arrays, self.past_locks(backlog), self.past_locks(settled))

    @property
    def table(self) -> Table:
        """The table, for questions about rows that are settled (`relay.outbox.settled`)."""
        return self._table

    def settled(self, connection: Connection) -> Select[Any]:
        """The source's own rows by id, each with its outcome and the reason at the end."""
        return self._questions(connection).settled

    def past_locks(self, question: Any) -> Select[Any]:
        """The question, asked past rows that somebody is writing."""
        hinted: Select[Any] = past_locks(question, self._table)
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
    columns = inspect(connection).get_columns(table, schema, **looking(connection.dialect.name))
    return {str(column["name"]): column["type"] for column in columns}


def looking(dialect: str) -> dict[str, bool]:
    """How an inspector is to look: on Oracle also at what a synonym stands for, which a SELECT follows by itself."""
    return {"oracle_resolve_synonyms": True} if dialect == "oracle" else {}


def as_row(row: Sequence[Any]) -> OutboxRow:
    """An id and the texts of `WRITTEN` as a row."""
    texts = list(row[1:])
    if max(map(len, filter(None, texts)), default=0) >= READ_AT_MOST:
        texts = [text if text is None or len(text) < READ_AT_MOST else f"{text[:READ_AT_MOST]}…" for text in texts]
    for place in _TIMES:
        text = texts[place]
        if text is not None and "T" in text:
            texts[place] = time_as_read(text)
    return OutboxRow(row[0], *texts)


def _age(created_at: str | None) -> float | None:
    try:
        return max((datetime.now(UTC) - parse_instant(created_at)).total_seconds(), 0.0) if created_at else None
    except WallClockError:
        return None
