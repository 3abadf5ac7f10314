"""The full list of a source's bookings while it is compared and applied.

Each run of a list has a number, which the source's row carries from then on: a later run takes the source over, and
an earlier one that finds another's number there stops (`Overtaken`). What a run has noted stands under its own
number, so two of them never see each other's lines. All of it is gone when the run is over, or when the next begins.

A run that was killed leaves its lines, with what they say of residents. So each step of a run notes when that was, and
retention gives up a run of which nothing was heard for long (`drop_abandoned`). A run that goes on after that, for
somebody let its question wait, finds itself given up and stops (`GivenUp`): the lines may be gone, and bookings that
seem to be missing from its list may well stand on it. The step holds its run's row to its end, so that no line goes
under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from relay.snapshot import Fate
from relay.store.rows import as_json, given, given_select
from relay.store.schema import booking, snapshot, snapshot_run, source
from relay.store.transaction import Store, Transaction
from relay.store.upsert import upsert
from relay.wallclock import SWEDEN

STRETCH: Final = 20_000  # ids a statement walks through; a fraction of a second's work
ASKS: Final = timedelta(hours=1)  # for so long somebody may think about a list before it is taken for left behind
_KEY: Final = (snapshot.c.source, snapshot.c.run, snapshot.c.booking_id)
_TO_DO: Final = tuple(fate.value for fate in (Fate.CREATED, Fate.CHANGED, Fate.VERSIONED, Fate.GONE))


class RunIsOver(Exception):
    """The run was ended by others and does nothing more; the text says why, and what to do."""


class Overtaken(RunIsOver):
    """Another list of the source was begun after this one; this one stops."""


class GivenUp(RunIsOver):
    """Nothing was heard of this run for so long that what it had noted was removed."""


class Run(NamedTuple):
    """One comparing and applying of one list."""

    source: str
    number: int


class Noted(NamedTuple):
    """What was found of one booking. `said` is the listed row as JSON, only where it is to be applied."""

    booking_id: str
    line: int | None
    fate: Fate
    said: str | None


def begin(tx: Transaction, name: str) -> Run:
    """Take the source over from whatever run there was."""
    numbered = update(source).where(source.c.name == name).values(snapshot_run=source.c.snapshot_run + 1)
    run = Run(name, tx.run(numbered.returning(source.c.snapshot_run)).scalar_one())
    tx.run(insert(snapshot_run), {"source": run.source, "run": run.number, "heard_at": tx.now})
    return run


def is_at_work(tx: Transaction, name: str) -> bool:
    """Whether a list of the source is being compared or applied, or waits for somebody's answer."""
    heard = and_(snapshot_run.c.source == name, snapshot_run.c.heard_at > tx.now - ASKS)
    return tx.run(select(snapshot_run.c.run).where(heard).limit(1)).first() is not None


def see_that_it_is_ours(tx: Transaction, run: Run) -> None:
    """Note that the run goes on, and keep its lines until commit. Raises Overtaken, GivenUp."""
    number = tx.run(select(source.c.snapshot_run).where(source.c.name == run.source)).scalar_one()
    if number != run.number:
        raise Overtaken(f"another list of {run.source} was begun meanwhile; this one stopped")
    goes_on = update(snapshot_run).where(*_is(run), snapshot_run.c.heard_at.is_not(None)).values(heard_at=tx.now)
    if tx.run(goes_on.returning(snapshot_run.c.run)).first() is None:
        raise GivenUp(
            f"there was no activity on this list of {run.source} for so long that what was found of it has been "
            "removed; no more is changed: apply it again"
        )


def _is(run: Run) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return snapshot_run.c.source == run.source, snapshot_run.c.run == run.number


def lines_of(tx: Transaction, run: Run, booking_ids: Iterable[str]) -> dict[str, int]:
    """The lines on which bookings of these ids were found so far, by id."""
    parameters = {**_of(run), "rows": as_json({"booking_id": b} for b in booking_ids)}
    return {row.booking_id: row.line for row in tx.run(_lines_of(tx.dialect), parameters)}


@cache
def _lines_of(dialect: str) -> Select[Any]:
    asked = given(dialect, snapshot.c.booking_id).c
    return select(snapshot.c.booking_id, snapshot.c.line).where(
        _mine(), snapshot.c.booking_id.in_(select(asked.booking_id))
    )


def note(tx: Transaction, run: Run, found: Iterable[Noted]) -> None:
    """Write down what was found; a later word on a booking replaces an earlier one."""
    rows = [{"source": run.source, "run": run.number, **noted._asdict()} for noted in found]
    if rows:
        tx.run(_note(tx.dialect), {"rows": as_json(rows)})


@cache
def _note(dialect: str) -> Executable:
    columns = tuple(snapshot.columns)
    return upsert(dialect, snapshot, given_select(dialect, *columns), key=_KEY, update=columns[3:])


def note_gone(store: Store, run: Run, taken_at: datetime, *, look_only: bool = False) -> int:
    """Find the upcoming bookings that are not on the list; how many upcoming ones the source has in all.

    Those among the missing that are later than the list (`relay.snapshot.is_gone`) are not written down, and with
    `look_only` none is. Bookings whose time has passed are history: no current list has them.
    """
    upcoming = 0
    for after, until in _stretches(store, booking.c.booking_id, booking.c.source == run.source):

        def work(tx: Transaction, after: str = after, until: str = until) -> int:
            see_that_it_is_ours(tx, run)
            here = and_(booking.c.source == run.source, booking.c.booking_id > after, booking.c.booking_id <= until)
            ahead = and_(here, *_lies_ahead(tx.now))
            if not look_only:
                tx.run(_insert_gone(tx.dialect, run, and_(ahead, booking.c.changed_at <= taken_at)))
            number: int = tx.run(select(func.count()).select_from(booking).where(ahead)).scalar_one()
            return number

        upcoming += store.transact(work)
    return upcoming


def _insert_gone(dialect: str, run: Run, missing: ColumnElement[bool]) -> Executable:
    listed = exists().where(
        snapshot.c.source == run.source, snapshot.c.run == run.number, snapshot.c.booking_id == booking.c.booking_id
    )
    gone = select(
        booking.c.source,
        literal(run.number).label("run"),
        booking.c.booking_id,
        literal(Fate.GONE.value).label("fate"),
    ).where(missing, ~listed)
    return upsert(dialect, snapshot, gone, key=_KEY, update=())


def _lies_ahead(now: datetime) -> Iterator[ColumnElement[bool]]:
    """The hour that comes twice in autumn is taken for past in both: a booking in it expires by itself."""
    wall = now.astimezone(SWEDEN).replace(tzinfo=None).isoformat(timespec="seconds")
    yield booking.c.removed.is_(False)
    for ends in (booking.c.starts_at, booking.c.valid_until):
        yield or_(ends.is_(None), ends > wall)


def counts(tx: Transaction, run: Run) -> dict[Fate, int]:
    """How many bookings met each fate."""
    asked = select(snapshot.c.fate, func.count().label("bookings")).where(_mine()).group_by(snapshot.c.fate)
    return {Fate(row.fate): row.bookings for row in tx.run(asked, _of(run))}


def page(tx: Transaction, run: Run, after: str, limit: int) -> list[Noted]:
    """The next bookings that the list changes, in the order of the database; `after` is the last id had, or ""."""
    rows = tx.run(_PAGE, {**_of(run), "after": after, "page_limit": limit})
    return [Noted(row.booking_id, row.line, Fate(row.fate), row.said) for row in rows]


def forget(store: Store, run: Run) -> None:
    """Remove what this run and those before it have noted, and end them."""
    ended = and_(snapshot_run.c.source == run.source, snapshot_run.c.run <= run.number)
    store.transact(partial(_run, update(snapshot_run).where(ended).values(heard_at=null())))
    for number in store.transact(lambda tx: _numbers_up_to(tx, run)):
        mine = and_(snapshot.c.source == run.source, snapshot.c.run == number)
        for after, until in _stretches(store, snapshot.c.booking_id, mine):
            some = delete(snapshot).where(mine, snapshot.c.booking_id > after, snapshot.c.booking_id <= until)
            store.transact(partial(_run, some))
    store.transact(partial(_run, delete(snapshot_run).where(ended)))


def drop_abandoned(tx: Transaction, before: datetime, limit: int) -> int:
    """Give up one run of which nothing was heard since a time, and remove up to `limit` of its lines; how many rows
    went. A run that does something right now is left alone."""
    silent = or_(snapshot_run.c.heard_at <= before, snapshot_run.c.heard_at.is_(None))
    asked = select(snapshot_run.c.source, snapshot_run.c.run).where(silent).order_by(*snapshot_run.primary_key).limit(1)
    found = tx.run(asked.with_for_update(skip_locked=True)).first()
    if found is None:
        return 0
    run = Run(found.source, found.run)
    tx.run(update(snapshot_run).where(*_is(run)).values(heard_at=null()))
    mine = and_(snapshot.c.source == run.source, snapshot.c.run == run.number)
    some = select(snapshot.c.booking_id).where(mine).order_by(snapshot.c.booking_id).limit(limit)
    gone = delete(snapshot).where(mine, snapshot.c.booking_id.in_(some)).returning(snapshot.c.booking_id)
    lines = len(tx.run(gone).all())
    if lines == limit:
        return lines
    tx.run(delete(snapshot_run).where(*_is(run)))
    return lines + 1


def _numbers_up_to(tx: Transaction, run: Run) -> list[int]:
    mine = and_(snapshot.c.source == run.source, snapshot.c.run <= run.number)
    return list(tx.run(select(snapshot.c.run).where(mine).distinct()).scalars())


def _stretches(store: Store, ids: Column[str], where: ColumnElement[bool]) -> Iterator[tuple[str, str]]:
    """(after, until) of ranges of ids, each with at most `STRETCH` of them, that together hold all there are."""
    after = ""
    while True:
        some = select(ids).where(where, ids > after).order_by(ids).limit(STRETCH).subquery()
        until = store.transact(partial(_run, select(func.max(some.c[0])), read=True))
        if until is None:
            return
        yield after, until
        after = until


def _run(statement: Executable, tx: Transaction, *, read: bool = False) -> Any:
    result = tx.run(statement)
    return result.scalar() if read else None


def _mine() -> ColumnElement[bool]:
    return and_(snapshot.c.source == bindparam("run_source"), snapshot.c.run == bindparam("run_number"))


def _of(run: Run) -> dict[str, object]:
    return {"run_source": run.source, "run_number": run.number}


_PAGE: Final = (
    select(snapshot.c.booking_id, snapshot.c.line, snapshot.c.fate, snapshot.c.said)
    .where(_mine(), snapshot.c.booking_id > bindparam("after"), snapshot.c.fate.in_(_TO_DO))
    .order_by(snapshot.c.booking_id)
    .limit(bindparam("page_limit", type_=Integer()))
)
