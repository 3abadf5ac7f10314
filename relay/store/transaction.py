"""Transactions on the relay's own database: the clock they share, and the retries they get.

A transaction is a function of a `Transaction`. It is run again, from the start, when the database itself was
the trouble (a lost connection, a deadlock, a lock not had in time), so it must have no effect but its SQL; and
since a commit whose answer was lost may have happened, running it twice must do no harm. Every piece of work
here is made so: receipts, tokens and whole states instead of increments. (A post's `attempts` is one, a figure for
people: it may count a refusal twice.)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, CursorResult, DateTime, Engine, Executable, func, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from relay.database import describe, reading
from relay.narrow import encoding_of, in_json_of

T = TypeVar("T")
Moment = datetime | ColumnElement[datetime]  # a time, or the clock's own within a statement

log = logging.getLogger(__name__)

TRIES: Final = 3
_READ_ONLY: Final = "25006"
_RETRIED_STATES: Final = ("40001", "40P01", "55P03")  # serialization, deadlock, lock not available


class Clock(Protocol):
    """Where the time of the relay comes from; all workers must get the same."""

    def now(self, connection: Connection) -> datetime: ...


class DatabaseClock:
    """The database's clock (PostgreSQL), or the machine's own where the database is a file on it."""

    def now(self, connection: Connection) -> datetime:
        if connection.dialect.name == "sqlite":
            return datetime.now(UTC)
        value: datetime = connection.execute(_NOW).scalar_one()
        return value


_ROWS: Final = "rows"  # the parameter that is JSON (`relay.store.rows`)
_NOW: Final = select(func.clock_timestamp())
_INSTANT: Final = DateTime(timezone=True)


@dataclass(slots=True)
class Transaction:
    """An open transaction. `now` was read once, at its start: the time of everything it does."""

    connection: Connection
    now: datetime
    dialect: str = field(init=False)
    encoding: str | None = field(init=False)  # of the database's texts, where it cannot hold every character
    told: list[Callable[[], None]] = field(default_factory=list)  # to be said once it is committed

    def __post_init__(self) -> None:
        self.dialect = self.connection.dialect.name
        self.encoding = encoding_of(self.connection.connection.dbapi_connection)

    def tell(self, say: Callable[..., None], text: str, *values: object, **options: Any) -> None:
        """Log it when this is committed: a transaction that is rolled back did nothing, and may be run again."""
        self.told.append(partial(say, text, *values, **options))

    def run(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Execute one statement."""
        if self.encoding is not None and parameters and isinstance(rows := parameters.get(_ROWS), str):
            parameters = {**parameters, _ROWS: in_json_of(self.encoding, rows)}
        result: CursorResult[Any] = self.connection.execute(statement, parameters)
        return result


class Store:
    """The relay's own database."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self._clock = clock or DatabaseClock()

    def transact(self, work: Callable[[Transaction], T], keep_trying: Callable[[], bool] = lambda: False) -> T:
        """Run `work` in one transaction and commit (see the module); at most `TRIES` times, and beyond that, whatever
        the database says is wrong, for as long as `keep_trying` says so: for work that cannot come again."""
        for attempt in _tries(keep_trying):
            with attempt:
                with self.engine.begin() as connection:
                    try:
                        tx = Transaction(connection, self._clock.now(connection))
                        result = work(tx)
                    except DBAPIError as error:
                        if getattr(error.orig, "sqlstate", None) == _READ_ONLY:
                            connection.invalidate()  # it leads to what was the primary; a new one may find what is now
                        raise
                for say in tx.told:
                    say()
                return result
        raise AssertionError("unreachable: the last attempt returns or raises")

    def ask(self, question: Callable[[Connection, Moment], T]) -> T:
        """What a single statement says, outside a transaction; tried again as `transact` does.

        `question` gets the time of the relay's clock as a part for its statement, so that nobody asks for it before.
        """
        for attempt in _tries(lambda: False):
            with attempt, reading(self.engine) as connection:
                return question(connection, self._moment(connection))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _moment(self, connection: Connection) -> Moment:
        """The clock within a statement. PostgreSQL's stands still for a statement, or no index could be asked by it."""
        if isinstance(self._clock, DatabaseClock) and connection.dialect.name == "postgresql":
            return func.statement_timestamp(type_=_INSTANT)
        return self._clock.now(connection)


def _tries(keep_trying: Callable[[], bool]) -> Retrying:
    return Retrying(
        stop=lambda state: state.attempt_number >= TRIES and not keep_trying(),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        retry=retry_if_exception(lambda error: is_passing(error) or (_is_the_database_s(error) and keep_trying())),
        before_sleep=_say,
        reraise=True,
    )


def _is_the_database_s(error: BaseException) -> bool:
    return isinstance(error, DBAPIError | PoolTimeoutError)


def is_passing(error: BaseException) -> bool:
    """Whether a database error may be gone at the next try."""
    if isinstance(error, PoolTimeoutError):  # all of our own connections wait for a database that hangs
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _RETRIED_STATES
    return isinstance(error, OperationalError)


def _say(retry: RetryCallState) -> None:
    error = retry.outcome.exception() if retry.outcome else None
    if error is not None:
        log.warning("the database did not do it, trying again", extra={"error": describe(error)})
