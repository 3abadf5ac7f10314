"""Which posts an operator means: by source, care unit, booking, state, code and time, in any combination.

Posts are worked through in pages in the order of their ids, each page a short transaction of its own, so that
neither a wish that fits ten million posts nor one that fits the last of them keeps anybody waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from relay.post import DISCARDED
from relay.store.figures import read_no_table
from relay.store.overview import STATE, posts_with_calls
from relay.store.schema import PENDING, call, lane, post
from relay.store.transaction import Store, Transaction

STATES: Final = ("indexed", "pending", "parked", "discarded", "absent")
BIGGEST_KEY: Final = 2**63 - 1
PAGE: Final = 5_000  # posts; a fraction of a second's work, for which calls and intake may have to wait
_HELD_BACK: Final = frozenset({"parked", "discarded"})
WINDOW: Final = 50_000  # ids looked at for a page, where no index leads to the posts that are meant


@dataclass(frozen=True, slots=True)
class Selection:
    """Posts for which all that is given is true; what is None or empty asks nothing.

    `code` is the code a post is parked with, or that of the last call which carried it. `since` and `until` (aware,
    inclusive and exclusive) are about when it was last sent; a parked post's, about when it was parked.
    """

    source: str | None = None
    index: str | None = None
    unit: str | None = None  # in upper case
    booking: str | None = None
    state: tuple[str, ...] = ()  # any of STATES
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    keys: tuple[int, ...] = ()
    lane: str | None = None  # INDEX:SOURCE_SYSTEM

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def __str__(self) -> str:
        """For people and for the audit log: `source=tidbok-nord state=parked`."""
        given = ((each.name, getattr(self, each.name)) for each in fields(self))
        return " ".join(f"{name}={_text(value)}" for name, value in given if value) or "all"


def pages(store: Store, chosen: Selection, work: Callable[[Transaction, list[int]], int]) -> Iterator[tuple[int, int]]:
    """Call `work` with the ids of each page of the posts, in a transaction that holds their lanes: the pages' sizes
    and what `work` gave. A page that is empty is not worked on."""
    last: int = store.transact(lambda tx: tx.run(select(func.coalesce(func.max(post.c.id), 0))).scalar_one())
    step = last if _is_narrow(chosen) else WINDOW
    after = 0
    while after < last:
        end = after + step

        def turn(tx: Transaction, after: int = after, end: int = end) -> tuple[list[int], int]:
            _hold_lanes(tx, chosen.source)
            ids = [row.id for row in tx.run(_page(chosen).where(post.c.id > after, post.c.id <= end))]
            return ids, work(tx, ids) if ids else 0

        ids, done = store.transact(turn)
        if ids:
            yield len(ids), done
        after = ids[-1] if len(ids) == PAGE else end


class Part(NamedTuple):
    """Posts that are meant, by id; `searched`: up to which id was looked, None where all were looked through."""

    rows: list[Row[Any]]
    searched: int | None = None


def listed(store: Store, chosen: Selection, after: int, limit: int) -> list[Row[Any]]:
    """The posts that are meant with a higher id than `after`, by id, at most `limit`, as of `posts_with_calls`."""
    return part(store, chosen, after, limit).rows


def part(store: Store, chosen: Selection, after: int, limit: int, windows: int | None = None) -> Part:
    """The same, looked for in so many windows at most: for somebody who waits, and may ask for the rest.

    Where an index holds just those that wait or are held back, it is read; else ids are looked through in windows, each
    a question of its own, so that none takes long.
    """
    if chosen.state == ("pending",):
        return _waiting(store, chosen, after, limit, windows)
    if chosen.state and _HELD_BACK.issuperset(chosen.state):
        few = select(post.c.id).where(post.c.parked_code.is_not(None)).cte("few")
        few = few.prefix_with("MATERIALIZED", dialect="postgresql")
        asked = posts_with_calls().where(post.c.id.in_(select(few.c.id)), post.c.id > after, *conditions(chosen))
        return Part(store.transact(lambda tx: _of_no_table(tx, asked.limit(limit))))
    last: int = store.transact(lambda tx: tx.run(select(func.coalesce(func.max(post.c.id), 0))).scalar_one())
    found: list[Row[Any]] = []
    step = max(last, 1) if _is_narrow(chosen) else WINDOW
    while after < last and len(found) < limit:
        if windows is not None:
            if not windows:
                return Part(found, after)
            windows -= 1
        window = post.c.id.between(after + 1, after + step)
        question = posts_with_calls().where(window, *conditions(chosen)).limit(limit - len(found))
        found += store.transact(lambda tx, question=question: list(tx.run(question)))  # type: ignore[misc]
        after += step
    return Part(found)


def _waiting(store: Store, chosen: Selection, after: int, limit: int, windows: int | None) -> Part:
    """Ids first, from the index that holds nothing else: how few wait is not known to PostgreSQL, and in one question
    it would rather read every post."""
    few = select(post.c.id).where(PENDING).cte("few").prefix_with("MATERIALIZED", dialect="postgresql")
    found: list[Row[Any]] = []
    while len(found) < limit:
        some = select(few.c.id).where(few.c.id > after).order_by(few.c.id).limit(PAGE)
        ids = [row.id for row in store.transact(lambda tx, some=some: _of_no_table(tx, some))]  # type: ignore[misc]
        asked = posts_with_calls().where(post.c.id.in_(ids), *conditions(chosen)).limit(limit - len(found))
        if ids:
            found += store.transact(lambda tx, asked=asked: list(tx.run(asked)))  # type: ignore[misc]
        if len(ids) < PAGE:
            return Part(found)
        after = ids[-1]
        if windows is not None and len(found) < limit:
            return Part(found, after)
    return Part(found)


def _of_no_table(tx: Transaction, asked: Select[Any]) -> list[Row[Any]]:
    read_no_table(tx)
    return list(tx.run(asked))


def count(store: Store, chosen: Selection) -> Counter[tuple[str, str, str | None]]:
    """How many posts are meant, by (source, state, code). Holds nothing."""
    found: Counter[tuple[str, str, str | None]] = Counter()
    last: int = store.transact(lambda tx: tx.run(select(func.coalesce(func.max(post.c.id), 0))).scalar_one())
    step = last if _is_narrow(chosen) else WINDOW
    for after in range(0, last, max(step, 1)):
        asked = _asked(chosen).where(post.c.id > after, post.c.id <= after + step).subquery()
        grouped = select(asked.c.source, asked.c.state, asked.c.code, func.count().label("number")).group_by(
            asked.c.source, asked.c.state, asked.c.code
        )
        for row in store.transact(lambda tx, grouped=grouped: list(tx.run(grouped))):  # type: ignore[misc]
            found[row.source, row.state, row.code] += row.number
    return found


def count_by_lane(store: Store, chosen: Selection) -> Counter[tuple[str, str, str]]:
    """How many posts are meant, by (index, source system, state). Holds nothing."""
    found: Counter[tuple[str, str, str]] = Counter()
    last: int = store.transact(lambda tx: tx.run(select(func.coalesce(func.max(post.c.id), 0))).scalar_one())
    for after in range(0, last, WINDOW):
        asked = _asked(chosen).where(post.c.id > after, post.c.id <= after + WINDOW).subquery()
        columns = (asked.c.engagement_index, asked.c.source_system, asked.c.state)
        grouped = select(*columns, func.count().label("number")).group_by(*columns)
        for row in store.transact(lambda tx, grouped=grouped: list(tx.run(grouped))):  # type: ignore[misc]
            found[row.engagement_index, row.source_system, row.state] += row.number
    return found


def _asked(chosen: Selection) -> Select[Any]:
    """The posts with their source, state and code."""
    code = func.coalesce(func.nullif(post.c.parked_code, DISCARDED), call.c.code)
    named = (
        select(
            post.c.id,
            lane.c.source,
            lane.c.engagement_index,
            lane.c.source_system,
            post.c.care_unit,
            STATE.label("state"),
            code.label("code"),
        )
        .join(lane, lane.c.id == post.c.lane_id)
        .outerjoin(call, call.c.id == post.c.call_id)
    )
    return named.where(*conditions(chosen))


def _page(chosen: Selection) -> Select[Any]:
    return _asked(chosen).order_by(post.c.id).limit(PAGE)


def conditions(chosen: Selection) -> Iterator[ColumnElement[bool]]:
    """What is asked of a post, its lane and the last call that carried it (outer join), each a condition."""
    at = func.coalesce(post.c.parked_at, post.c.sent_at)
    if chosen.source:
        yield lane.c.source == chosen.source
    if chosen.index:
        yield lane.c.engagement_index == chosen.index
    if chosen.unit:
        yield post.c.care_unit == chosen.unit
    if chosen.booking:
        yield post.c.booking_id == chosen.booking
    if chosen.state:
        yield STATE.in_(chosen.state)
        if _HELD_BACK.issuperset(chosen.state):
            yield post.c.parked_code.is_not(None)  # the condition of the index `ei_post_parked`
    if chosen.code:
        yield or_(post.c.parked_code == chosen.code, call.c.code == chosen.code)
    if chosen.since:
        yield at >= chosen.since
    if chosen.until:
        yield at < chosen.until
    if chosen.lane:
        index, _, system = chosen.lane.partition(":")
        yield lane.c.engagement_index == index
        yield lane.c.source_system == system
    if chosen.keys:
        yield post.c.id.in_(chosen.keys)


def _is_narrow(chosen: Selection) -> bool:
    """Whether an index leads to the posts, however many others there are."""
    return bool(chosen.booking or chosen.keys or (chosen.state and _HELD_BACK.issuperset(chosen.state)))


def _hold_lanes(tx: Transaction, source: str | None) -> None:
    """Whoever changes posts holds their lanes first, in the order of their ids (see `lanes.of_source`)."""
    held = select(lane.c.id).order_by(lane.c.id).with_for_update()
    tx.run(held.where(lane.c.source == source) if source else held).all()


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
