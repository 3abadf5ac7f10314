"""Parked posts, and what an operator can do about posts: list, retry, discard, send again.

    retry     the post is pending again, as if its booking had just been changed to what it is
    discard   the post is left as it is: out of the lists and the counts of what is parked, and never sent, until its
              booking changes or its time passes. `wanted` goes on saying what the bookings ask for and `known` what
              the index holds: nothing pretends that the two are equal
    forget    what the index holds is forgotten, so the same state is sent again, with the same mostRecentContent

None of them touches sent_at: R-32 holds through all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Update, and_, bindparam, func, null, true, update

from relay.post import DISCARDED, UNKNOWN
from relay.store.overview import posts_with_calls
from relay.store.rows import as_json, given
from relay.store.schema import PENDING, lane, post
from relay.store.selection import Selection, conditions
from relay.store.transaction import Transaction

_TEXT_LIMIT: Final = 500  # characters of parked_text


def listed(tx: Transaction, chosen: Selection, limit: int) -> list[Row[Any]]:
    """The posts that are parked, the latest first, with their lane and their last call."""
    asked = posts_with_calls().where(_PARKED, *conditions(chosen)).order_by(None)
    return list(tx.run(asked.order_by(post.c.parked_at.desc(), post.c.id.desc()).limit(limit)))


def counts(tx: Transaction, chosen: Selection) -> list[Row[Any]]:
    """How many posts are parked: (source, code, posts, oldest), the most first."""
    number = func.count().label("posts")
    asked = posts_with_calls().where(_PARKED, *conditions(chosen)).order_by(None)
    columns = (lane.c.source, post.c.parked_code.label("code"))
    return list(
        tx.run(
            asked.with_only_columns(*columns, number, func.min(post.c.parked_at).label("oldest"))
            .group_by(*columns)
            .order_by(number.desc(), *columns)
        )
    )


def retry(tx: Transaction, ids: Iterable[int], *, bulk: bool) -> int:
    """Give parked and discarded posts a new chance, live or at R-34's pace; how many."""
    return _change(tx, _retry(tx.dialect), ids, as_bulk=bulk)


def discard(tx: Transaction, ids: Iterable[int]) -> int:
    """Leave parked posts as they are; how many."""
    return _change(tx, _discard(tx.dialect), ids)


def forget(tx: Transaction, ids: Iterable[int]) -> int:
    """Have posts sent again as they are, at R-34's pace; how many. Those that wait already are sent anyway, and are
    left in their turn."""
    return _change(tx, _forget(tx.dialect), ids)


def _change(tx: Transaction, statement: Update, ids: Iterable[int], **parameters: object) -> int:
    rows = as_json({"id": i} for i in ids)
    changed = tx.run(statement.returning(post.c.id), {"rows": rows, "since": tx.now} | parameters)
    return len(changed.all())


_PARKED: Final = and_(post.c.parked_code.is_not(None), post.c.parked_code != DISCARDED)
_SINCE: Final[ColumnElement[Any]] = bindparam("since", type_=post.c.wanted_since.type)  # it waits from now on
_FRESH: Final = {
    post.c.wanted_since: _SINCE, post.c.attempts: 0, post.c.suspect: null(),
    post.c.parked_code: null(), post.c.parked_text: null(), post.c.parked_at: null(),
}  # fmt: skip


@cache
def _retry(dialect: str) -> Update:
    asked = and_(post.c.id == given(dialect, post.c.id).c.id, post.c.parked_code.is_not(None))
    return update(post).where(asked).values({**_FRESH, post.c.bulk: bindparam("as_bulk", type_=post.c.bulk.type)})


@cache
def _discard(dialect: str) -> Update:
    asked = and_(post.c.id == given(dialect, post.c.id).c.id, _PARKED)
    told = func.substr(post.c.parked_code + ": " + func.coalesce(post.c.parked_text, ""), 1, _TEXT_LIMIT)
    return update(post).where(asked).values(parked_code=DISCARDED, parked_text=told, parked_at=_SINCE, suspect=null())


@cache
def _forget(dialect: str) -> Update:
    asked = and_(post.c.id == given(dialect, post.c.id).c.id, ~PENDING)
    return update(post).where(asked).values({**_FRESH, post.c.known: UNKNOWN, post.c.bulk: true()})
