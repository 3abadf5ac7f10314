"""How each database writes the outcomes of many rows at once, each with a reason of its own.

PostgreSQL takes all of a batch in one statement, and SQLite and Oracle take rows of values with one that is sent once.
MySQL and SQL Server get a statement for each outcome that many rows share, and for the rest one that lists ids with
what is to be written. These come in few sizes, filled up with the last row, so that each is compiled once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    FromClause,
    Table,
    Text,
    Unicode,
    Update,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

from relay.outbox.table import instant_given

T = TypeVar("T")

IDS_PER_STATEMENT: Final = 500  # Oracle takes 1000 in a list, SQL Server 2100 parameters in all
MANY: Final = 100  # rows with one outcome and reason: fewer go with the others
SIZES: Final = {  # rows of a statement that lists what each gets
    "mssql": (16, 400),  # five parameters a row, of 2100
    "mysql": (16, 200),  # reasons of 500 characters, of four bytes each: half of the least max_allowed_packet
}
_LISTED: Final = ("mysql", "mariadb", "mssql")


class Settled(NamedTuple):
    """What became of a row: its id, the outcome, and why (or None)."""

    row_id: int
    outcome: str
    reason: str | None


class Outcomes:
    """The statements that write outcomes to one table. None changes a row that has its outcome."""

    def __init__(self, table: Table, dialect: str) -> None:
        self._table, self._dialect = table, dialect
        self._unsettled = table.c.outcome.is_(None)
        self._listed: dict[int, Update] = {}
        listed = table.c.id.in_(bindparam("ids", expanding=True))
        one = table.c.id == bindparam("row_id", type_=BigInteger)
        said = self._what(bindparam("what"), bindparam("why"))
        self.alike = self._past(update(table).where(listed, self._unsettled).values(said))
        self.single = update(table).where(one, self._unsettled).values(said)

    def write(self, connection: Connection, rows: Sequence[Settled], stamp: object, *, past_locks: bool) -> set[int]:
        """Write them; the ids of the rows that have their outcome now, as far as the database says, else all. None
        of them, where PostgreSQL says that some are not: which ones is to be asked.

        `past_locks`: PostgreSQL leaves out what others hold by the same statement. Elsewhere whoever calls has left
        those rows out already.
        """
        if not rows:
            return set()
        if self._dialect == "postgresql":
            given = {
                "ids": f"{{{','.join(str(row.row_id) for row in rows)}}}",
                "what": _array([row.outcome for row in rows]),
                "why": _array([row.reason for row in rows]),
                "at": stamp,
            }
            number = connection.execute(self.at_once(past_locks=past_locks), given).rowcount
            return {row.row_id for row in rows} if number == len(rows) else set()
        if self._dialect not in _LISTED:
            each = [{"row_id": row_id, "what": outcome, "why": reason, "at": stamp} for row_id, outcome, reason in rows]
            connection.execute(self.single, each)
            return {row.row_id for row in rows}
        alike, others = _shared(rows)
        for outcome, reason, ids in alike:
            connection.execute(self.alike, {"ids": ids, "at": stamp, "what": outcome, "why": reason})
        for size, some in self._pieces(others):
            connection.execute(self.listing(size), _numbered(some, size) | {"at": stamp})
        return {row.row_id for row in rows}

    def at_once(self, *, past_locks: bool) -> Update:
        """PostgreSQL's statement for any number of rows."""
        ids: ColumnElement[Any] = cast(bindparam("ids", type_=NullType()), ARRAY(BigInteger))
        whats, whys = (cast(bindparam(name, type_=NullType()), ARRAY(Text)) for name in ("what", "why"))
        given = func.unnest(ids, whats, whys).table_valued(*_columns(), name="given").render_derived()
        to_mark: FromClause = given
        among = [self._unsettled, self._table.c.id == any_(ids)]
        if past_locks:
            held = self._table.alias("held")
            to_mark = (
                select(held.c.id, given.c.what, given.c.why)
                .where(held.c.id == given.c.id, held.c.id == any_(ids), held.c.outcome.is_(None))
                .with_for_update(of=held, skip_locked=True)
                .subquery("mine")
            )
            among = []
        return (
            update(self._table)
            .where(self._table.c.id == to_mark.c.id, *among)
            .values(self._what(to_mark.c.what, to_mark.c.why))
        )

    def listing(self, size: int) -> Update:
        """MySQL's and SQL Server's statement for so many rows, each with what it gets."""
        if size not in self._listed:
            self._listed[size] = self._by_cases(size)
        return self._listed[size]

    def _by_cases(self, size: int) -> Update:
        id_ = self._table.c.id
        ids: list[ColumnElement[Any]] = [bindparam(f"id_{n}", type_=BigInteger) for n in range(size)]
        what, why = (
            case(*((ids[n], self._typed(bindparam(f"{name}_{n}", type_=kind))) for n in range(size)), value=id_)
            for name, kind in (("what", Unicode(20)), ("why", Unicode(500)))
        )
        return self._past(update(self._table).where(id_.in_(ids), self._unsettled).values(self._what(what, why)))

    def _typed(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """SQL Server finds no type for parameters that stand among others like them."""
        return cast(text, text.type) if self._dialect == "mssql" else text

    def _past(self, marks: Update) -> Update:
        """SQL Server may read its way to the rows, past such as others hold."""
        return marks.with_hint("WITH (UPDLOCK, READPAST, ROWLOCK)", self._table, "mssql")

    def _pieces(self, rows: Sequence[Settled]) -> Iterator[tuple[int, Sequence[Settled]]]:
        few, many = SIZES["mssql" if self._dialect == "mssql" else "mysql"]
        for some in chunks(rows, many):
            yield (few if len(some) <= few else many), some

    def _what(self, outcome: ColumnElement[Any], reason: ColumnElement[Any]) -> dict[str, ColumnElement[Any]]:
        return {"relayed_at": instant_given(self._dialect), "outcome": outcome, "outcome_reason": reason}


def _array(texts: Sequence[str | None]) -> str | Sequence[str | None]:
    """The texts as PostgreSQL writes an array of them, which is made in a fifth of the time that its driver takes for a
    list; the list where the driver may have to put other characters in their place (`relay.narrow`)."""
    written = {text: _quoted(text) for text in set(texts)}
    array = f"{{{','.join([written[text] for text in texts])}}}"
    return array if array.isascii() else texts


def _quoted(text: str | None) -> str:
    return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _columns() -> tuple[ColumnClause[Any], ...]:
    return column("id", BigInteger), column("what", Text), column("why", Text)


def _shared(rows: Sequence[Settled]) -> tuple[list[tuple[str, str | None, Sequence[int]]], list[Settled]]:
    """Outcomes that many rows share, with their ids; and the other rows."""
    groups: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
    for row in rows:
        groups[row.outcome, row.reason].append(row.row_id)
    many = {said for said, ids in groups.items() if len(ids) >= MANY or len(groups) == 1}
    alike = [(*said, some) for said in groups if said in many for some in chunks(groups[said], IDS_PER_STATEMENT)]
    return alike, [row for row in rows if (row.outcome, row.reason) not in many]


def _numbered(rows: Sequence[Settled], size: int) -> dict[str, object]:
    filled = [*rows, *([rows[-1]] * (size - len(rows)))]
    return {
        f"{name}_{n}": value
        for n, row in enumerate(filled)
        for name, value in zip(("id", "what", "why"), row, strict=True)
    }


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items, at most so many at a time."""
    return (items[i : i + size] for i in range(0, len(items), size))
