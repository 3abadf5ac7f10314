"""Runs: mass resends that a command began, how far each has come, and what a cancelled one can give back.

A run notes on each post that it has sent again what was known of it before. So a cancelled run gives back what has not
gone out yet, exactly as it was; what went out, or was changed since, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, Update, and_, bindparam, func, insert, null, or_, select, update

from relay.identity import mask
from relay.post import UNKNOWN
from relay.store.figures import read_no_table
from relay.store.ledgers import run
from relay.store.rows import as_json, given
from relay.store.schema import PENDING, lane, post
from relay.store.transaction import Store, Transaction

WINDOW: Final = 50_000  # ids looked at for a page; a fraction of a second's work


class Begun(NamedTuple):
    """Who began a run, by which command, and of what."""

    command: str
    selection: str
    who: str
    reason: str | None


def begin(tx: Transaction, begun: Begun) -> int:
    """Write a run down; its number."""
    values = {
        "command": begun.command[:64],
        "selection": mask(begun.selection)[:500],
        "who": mask(begun.who)[:128],
        "reason": mask(begun.reason)[:500] if begun.reason else None,
    }
    made = insert(run).values(started_at=tx.now, heard_at=tx.now, **values).returning(run.c.id)
    number: int = tx.run(made).scalar_one()
    return number


def goes_on(tx: Transaction, number: int) -> bool:
    """Whether nobody has cancelled the run; the row is held until commit, so that none can meanwhile."""
    asked = select(run.c.cancelled_at).where(run.c.id == number).with_for_update()
    return tx.run(asked).scalar_one() is None


def page(tx: Transaction, number: int, matched: int, changed: int) -> None:
    """Note what a page brought."""
    more = {"matched": run.c.matched + matched, "changed": run.c.changed + changed, "heard_at": tx.now}
    tx.run(update(run).where(run.c.id == number).values(**more))


def end(tx: Transaction, number: int) -> None:
    """Note that the run has come to its end."""
    tx.run(update(run).where(run.c.id == number, run.c.ended_at.is_(None)).values(ended_at=tx.now, heard_at=tx.now))


def mark(tx: Transaction, number: int, ids: Iterable[int]) -> None:
    """Note on posts, before they are sent again by the run, what is known of them; those that wait are left alone."""
    tx.run(_mark(tx.dialect), {"rows": as_json({"id": i} for i in ids), "run": number})


@cache
def _mark(dialect: str) -> Update:
    settled = and_(post.c.id == given(dialect, post.c.id).c.id, post.c.wanted == post.c.known)
    return update(post).where(settled).values(run_id=bindparam("run"), known_before=post.c.known)


def listed(tx: Transaction, limit: int, before: int | None = None) -> list[tuple[Row[Any], int]]:
    """The latest runs, or those before a run, each with how many of its posts are still to go out."""
    asked = select(run).order_by(run.c.id.desc()).limit(limit)
    found = list(tx.run(asked if before is None else asked.where(run.c.id < before)))
    mine = and_(PENDING, post.c.bulk.is_(True), post.c.run_id.in_([row.id for row in found]))
    counted = select(post.c.run_id, func.count().label("number")).where(mine).group_by(post.c.run_id)
    read_no_table(tx)
    waiting = {row.run_id: row.number for row in tx.run(counted)}
    return [(row, waiting.get(row.id, 0)) for row in found]


def get(tx: Transaction, number: int) -> Row[Any] | None:
    """One run."""
    return tx.run(select(run).where(run.c.id == number)).one_or_none()


def cancel(store: Store, number: int) -> int:
    """Have a run go no further, and give back what has not gone out; how many posts.

    First the run stops; then posts are given back in windows of ids, each a transaction that holds the lanes.
    """
    store.transact(lambda tx: tx.run(_cancelled(tx, number)))
    last: int = store.transact(lambda tx: tx.run(select(func.coalesce(func.max(post.c.id), 0))).scalar_one())
    return sum(
        store.transact(lambda tx, after=after: _give_back(tx, number, after))  # type: ignore[misc]
        for after in range(0, last, WINDOW)
    )


def _cancelled(tx: Transaction, number: int) -> Update:
    stands = and_(run.c.id == number, run.c.cancelled_at.is_(None))
    return update(run).where(stands).values(cancelled_at=tx.now, heard_at=tx.now)


def _give_back(tx: Transaction, number: int, after: int) -> int:
    tx.run(select(lane.c.id).order_by(lane.c.id).with_for_update()).all()
    started = select(run.c.started_at).where(run.c.id == number).scalar_subquery()
    unsent = and_(
        post.c.id.between(after + 1, after + WINDOW),
        PENDING,
        post.c.run_id == number,
        post.c.bulk.is_(True),
        post.c.known == UNKNOWN,
        post.c.known_before.is_not(None),
        or_(post.c.sent_at.is_(None), post.c.sent_at < started),
    )
    back = update(post).where(unsent).values(known=post.c.known_before, run_id=null(), known_before=null())
    done = len(tx.run(back.returning(post.c.id)).all())
    tx.run(update(run).where(run.c.id == number).values(undone=run.c.undone + done))
    return done
