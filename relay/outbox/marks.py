"""Writes down what became of rows: past those that somebody holds, and so that one bad row costs no other its outcome.

As a rule all is one transaction, of a few statements however many reasons there are (`relay.outbox.outcomes`). A row
that another transaction holds is left for later where the database can pass it by. Where the database does not take it
(a reason with a character that it does not have, a trigger that refuses a row), the rows go in halves, each in a
transaction of its own, down to the row: what it does not even take in the plainest words is `refused`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, FromClause, Select, Table, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from relay.outbox.outcomes import IDS_PER_STATEMENT as IDS_PER_STATEMENT
from relay.outbox.outcomes import Outcomes, chunks
from relay.outbox.outcomes import Settled as Settled
from relay.outbox.refusals import OF_ROWS, Kind, kind_of
from relay.outbox.table import instant_as_written
from relay.outbox.words import PLAINEST, plain

_FAILURES: Final = 128  # of one batch; what is not written then is left for the next
_NOBODY: Final = -1  # an id that no row has
_HOPELESS: Final = 40  # failures before anything was written: then it is not for a row

_SKIPS_LOCKED_SINCE: Final = {"mysql": (8, 0, 1), "mariadb": (10, 6)}


class Marked(NamedTuple):
    """What was not written of what was to be: the ids that were left for later, since somebody holds them; those that
    the database refuses to have marked, each with its error; and those that it was not asked about any more, since too
    many others had been refused."""

    left: frozenset[int]
    refused: Mapping[int, Exception]
    untried: frozenset[int] = frozenset()


class Marker:
    """Marks the rows of one outbox table. Remembers, for as long as it lives, what the database does not take."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name
        self._passes_by = True  # rows that somebody holds, where the database can
        self._plainness = 0
        rows, outcome = table.c.id.in_(bindparam("ids", expanding=True)), table.c.outcome.is_(None)
        self._waiting = select(table.c.id).where(rows, outcome)
        self.hold = _held(table, self._dialect)
        self._outcomes = Outcomes(table, self._dialect)

    def mark_all(self, settled: Sequence[Settled], at: datetime) -> Marked:
        """Write the outcomes down. A row that has an outcome already keeps it.

        Raises what the database raises where that is not for single rows: a lock on the table, a connection that is
        lost, a right that is not there.
        """
        try:
            written = self._write(settled, at)
        except Exception as error:
            if not self._may_help(error) or not settled:
                raise
            return self._piece_by_piece(settled, at)
        return Marked(frozenset(each.row_id for each in settled) - written, {})

    def try_it(self, at: datetime, row_id: int = _NOBODY) -> None:
        """Ask the database to mark a row, as a rule one that cannot be there, as `mark_all` would, and roll it back.
        Raises what marking would raise."""
        stamp = instant_as_written(at, self._dialect)
        rows = [Settled(_NOBODY, "rejected", "a reason"), Settled(row_id, "taken", None)]
        while True:
            try:
                with self._engine.connect() as connection, connection.begin() as transaction:
                    self._held_of(connection, [row_id])
                    self._outcomes.write(connection, rows, stamp, past_locks=self._passes_by)
                    transaction.rollback()
            except Exception as error:
                before = self._state
                if not self._may_help(error) or self._state == before:
                    raise
            else:
                return

    def held_by_others(self, ids: Sequence[int]) -> list[int]:
        """Those of these rows that another transaction holds; none where the database does not tell (SQL Server, whose
        readers do not even see them), or has nothing that passes them by."""
        if not ids or not self.passes_by or self._dialect == "mssql":
            return []
        with self._engine.connect() as connection, connection.begin() as transaction:
            free = {
                row_id
                for some in chunks(sorted(ids), IDS_PER_STATEMENT)
                for row_id in connection.execute(self.hold, {"ids": some}).scalars()
            }
            waiting = self._without_outcome(connection, [row_id for row_id in ids if row_id not in free])
            transaction.rollback()
        return sorted(waiting)

    @property
    def passes_by(self) -> bool:
        """Whether rows that somebody holds are passed by, as far as is known."""
        if not self._passes_by or self._dialect == "sqlite":
            return False
        with self._engine.connect() as connection:
            return self._dialect == "postgresql" or self._asks_first(connection)

    @property
    def _state(self) -> tuple[bool, int, Any]:
        return self._passes_by, self._plainness, self._engine.get_execution_options().get("isolation_level")

    def _may_help(self, error: Exception) -> bool:
        """Whether another try, of another kind or of fewer rows, may fare better; makes ready for it."""
        kind = kind_of(error)
        if kind is Kind.BINLOG and self._engine.get_execution_options().get("isolation_level") is None:
            # It locks the gaps between the rows it marks while it marks them: writers wait some milliseconds.
            self._engine.update_execution_options(isolation_level="REPEATABLE READ")
            return True
        if kind is Kind.DENIED and self._passes_by and self._dialect != "sqlite":
            self._passes_by = False  # some want more rights for it than a mark needs
            return True
        if kind is Kind.UNWRITABLE and self._plainness < PLAINEST:
            self._plainness += 1
            return True
        return kind in OF_ROWS

    def _piece_by_piece(self, settled: Sequence[Settled], at: datetime) -> Marked:
        written: set[int] = set()
        refused: dict[int, Exception] = {}
        # the newest row by itself: where hundreds of bad ones are in front of it, it tells that not all are bad
        waiting, failures = deque(some for some in (list(settled[:-1]), list(settled[-1:])) if some), 0
        while waiting and failures < _FAILURES:
            # the smallest group and the largest in turn: so rows that can be marked are found soon, be there many bad
            # ones in front of them or one beside each
            some = waiting.pop() if failures % 2 else waiting.popleft()
            before = self._state
            try:
                written |= self._write(some, at)
                continue
            except Exception as error:
                failures += 1
                if not self._may_help(error) or (failures >= _HOPELESS and not written):
                    raise
                if self._state != before:
                    waiting.append(some)
                elif len(some) > 1:
                    half = len(some) // 2
                    waiting += (some[half:], some[:half])
                elif (done := self._in_fewer_words(some[0], at)) is None:
                    refused[some[0].row_id] = error
                else:
                    written |= done
        untried = frozenset(each.row_id for some in waiting for each in some)
        return Marked(frozenset(each.row_id for each in settled) - written - refused.keys() - untried, refused, untried)

    def _in_fewer_words(self, row: Settled, at: datetime) -> set[int] | None:
        """Mark a row with a shorter reason, or with none; None where that is not taken either."""
        for reason in (plain(row.reason, PLAINEST, 100), None) if row.reason else ():
            try:
                return self._write([row._replace(reason=reason)], at)
            except SQLAlchemyError as error:
                if kind_of(error) not in OF_ROWS:
                    raise
        return None

    def _write(self, settled: Sequence[Settled], at: datetime) -> set[int]:
        """Write the outcomes in one transaction; the ids of the rows that have them now, as far as can be known."""
        stamp = instant_as_written(at, self._dialect)
        with self._engine.begin() as connection:
            ids = [each.row_id for each in settled]
            mine = self._held_of(connection, ids)
            rows = [row._replace(reason=plain(row.reason, self._plainness)) for row in settled if row.row_id in mine]
            written = self._outcomes.write(connection, sorted(rows), stamp, past_locks=self._passes_by)
            if len(written) < len(ids) and self._dialect != "mssql":  # whose readers do not see what others hold
                held = self._without_outcome(connection, [row_id for row_id in ids if row_id not in written])
                written.update(row_id for row_id in ids if row_id not in held)
        return written

    def _without_outcome(self, connection: Connection, ids: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for some in chunks(sorted(ids), IDS_PER_STATEMENT):
            found.update(connection.execute(self._waiting, {"ids": some}).scalars())
        return found

    def _held_of(self, connection: Connection, ids: Sequence[int]) -> set[int]:
        """Those of the rows that nobody else holds, held until the end of the transaction; all of them, where the mark
        itself passes by or nothing can."""
        if not self._passes_by or not self._asks_first(connection):
            return set(ids)
        held: set[int] = set()
        for some in chunks(sorted(ids), IDS_PER_STATEMENT):
            held.update(connection.execute(self.hold, {"ids": some}).scalars())
        return held

    def _asks_first(self, connection: Connection) -> bool:
        match self._dialect:
            case "mssql" | "oracle":
                return True
            case "mysql" | "mariadb":
                kind = "mariadb" if getattr(connection.dialect, "is_mariadb", False) else "mysql"
                return (connection.dialect.server_version_info or ()) >= _SKIPS_LOCKED_SINCE[kind]
            case _:
                return False


def _held(table: FromClause, dialect: str) -> Select[Any]:
    """The ids of rows without an outcome that no other transaction holds; they are held from then on."""
    c = table.c
    asked = select(c.id).where(c.id.in_(bindparam("ids", expanding=True)), c.outcome.is_(None))
    if dialect == "mssql":
        return asked.with_hint(table, "WITH (UPDLOCK, READPAST, ROWLOCK)", "mssql")
    return asked.with_for_update(skip_locked=True)
