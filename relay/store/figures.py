"""What the exporter asks the relay's database: questions whose cost is bounded by what waits, never by the history.

What waits, what is parked and what was rejected is read from the partial indexes made for it. How many posts stand in
the index is another matter: that is the history. It is asked in ranges of ids, each a few milliseconds' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Row, Select, case, cast, func, literal, select, text

from relay.batch import REJECTED
from relay.post import ABSENT, DISCARDED
from relay.store.schema import PENDING, PRESENT, UNCONFIRMED, lane, post, receipt, source
from relay.store.transaction import Transaction

LATELY: Final = timedelta(hours=1)
EXACTLY: Final = 100_000  # posts in the index are counted; more are estimated
_SAMPLE: Final = 1_000  # pages of the table that an estimate looks at


class Indexed(NamedTuple):
    """How many posts stand in the index, by source; `about`: as far as a sample of them tells."""

    posts: Mapping[str, int]
    about: bool


class Waiting(NamedTuple):
    """What waits in a lane: how many posts, and since when the longest waiting live change (bulk has no hour)."""

    posts: int
    oldest_live: datetime | None


def read_no_table(tx: Transaction) -> None:
    """Have PostgreSQL answer from indexes from here on: it cannot know how few posts wait (`wanted <> known` has no
    statistics), takes nearly all for waiting, and would read the table."""
    if tx.dialect == "postgresql":
        tx.run(text("SET LOCAL enable_seqscan = off"))


def lanes(tx: Transaction) -> list[Row[Any]]:
    """Every lane as it stands."""
    return list(tx.run(select(lane).order_by(lane.c.engagement_index, lane.c.source_system)))


def waiting(tx: Transaction) -> dict[int, Waiting]:
    """{lane id: what waits in it}; a lane where nothing waits is left out."""
    read_no_table(tx)
    return {row.lane_id: Waiting(row.posts, row.oldest_live) for row in tx.run(waits_by_lane())}


def waits_by_lane() -> Select[Any]:
    """(lane_id, posts, oldest_live), as `Waiting`, of the lanes in which something waits."""
    oldest_live = func.min(case((post.c.bulk.is_(False), post.c.wanted_since)))
    columns = (post.c.lane_id, func.count().label("posts"), oldest_live.label("oldest_live"))
    return select(*columns).where(PENDING).group_by(post.c.lane_id)


def parked(tx: Transaction) -> list[tuple[int, str, int]]:
    """(lane id, code, number) of the parked posts, without those somebody told to leave as they are."""
    rows = tx.run(
        select(post.c.lane_id, post.c.parked_code, func.count().label("number"))
        .where(post.c.parked_code.is_not(None), post.c.parked_code != DISCARDED)
        .group_by(post.c.lane_id, post.c.parked_code)
        .order_by(post.c.lane_id, post.c.parked_code)
    )
    return [(row.lane_id, row.parked_code, row.number) for row in rows]


def unconfirmed(tx: Transaction) -> dict[str, int]:
    """{source: how many posts were said in calls of their own only}; a source that has none is left out."""
    read_no_table(tx)
    number = func.count().label("number")
    asked = select(lane.c.source, number).join(lane, lane.c.id == post.c.lane_id).where(UNCONFIRMED)
    return {row.source: row.number for row in tx.run(asked.group_by(lane.c.source))}


def rejected(tx: Transaction) -> dict[str, int]:
    """{source: how many of its outbox rows were rejected lately}, of every source.

    A count for each source, for SQLite would group by reading the receipts in the order of their key: all of them.
    """
    is_rejected = receipt.c.outcome == literal(REJECTED, literal_execute=True)  # it knows its index by no parameter
    lately = receipt.c.settled_at > tx.now - LATELY
    number = select(func.count()).where(receipt.c.source == source.c.name, is_rejected, lately).scalar_subquery()
    return {row.name: row.number for row in tx.run(select(source.c.name, number.label("number")))}


def outbox_errors(tx: Transaction) -> Mapping[str, datetime]:
    """The sources whose outbox the workers cannot read or mark, and since when."""
    rows = tx.run(select(source.c.name, source.c.error_since).where(source.c.error.is_not(None)))
    return {row.name: row.error_since for row in rows}


def next_checks(tx: Transaction) -> Mapping[str, datetime]:
    """{source: when a worker is next to check it}, which it did a minute before that; 1970: none ever did."""
    return {row.name: row.next_check_at for row in tx.run(select(source.c.name, source.c.next_check_at))}


def indexed(tx: Transaction) -> Indexed:
    """How many posts stand in the index as they should. Counting them takes a second for some millions: beyond
    `EXACTLY` PostgreSQL looks at some pages of the table only, the same ones each time."""
    number = func.count().label("number")
    present = select(post.c.lane_id).where(PRESENT)
    if tx.dialect == "postgresql":
        read_no_table(tx)
        # It takes nearly none for present, and would gather all of them, to look at the first ones then.
        tx.run(text("SET LOCAL enable_bitmapscan = off"))
        present = present.limit(EXACTLY + 1)
    some = present.subquery()
    counted = select(lane.c.source, number).join(some, some.c.lane_id == lane.c.id).group_by(lane.c.source)
    posts = {row.source: row.number for row in tx.run(counted)}
    if tx.dialect == "postgresql":
        tx.run(text("SET LOCAL enable_bitmapscan = on"))
        if sum(posts.values()) > EXACTLY:
            return Indexed(_estimated(tx), about=True)
    return Indexed(posts, about=False)


def _estimated(tx: Transaction) -> dict[str, int]:
    """The share of the posts of a sample, of as many as the last vacuum or analysis of the table found."""
    pages = func.pg_relation_size(literal(post.name)) / cast(func.current_setting("block_size"), BigInteger)
    known = text("SELECT reltuples FROM pg_catalog.pg_class WHERE oid = to_regclass(:name)")
    share = min(_SAMPLE / max(tx.run(select(pages)).scalar_one(), 1), 1.0)
    some = post.tablesample(func.system(share * 100), name="some", seed=literal(1))
    stands = (some.c.wanted == some.c.known) & (some.c.wanted != ABSENT) & some.c.parked_code.is_(None)
    asked = select(lane.c.source, func.count().label("looked_at"), func.count().filter(stands).label("number"))
    rows = tx.run(asked.join(some, some.c.lane_id == lane.c.id).group_by(lane.c.source)).all()
    looked_at = sum(row.looked_at for row in rows)
    there = looked_at if share == 1 else max(tx.run(known, {"name": post.name}).scalar_one(), looked_at)
    return {row.source: round(row.number / looked_at * there) for row in rows}


def last_post_id(tx: Transaction) -> int:
    """The highest id of a post; 0 where there is none."""
    return tx.run(select(func.max(post.c.id))).scalar_one() or 0


def indexed_between(tx: Transaction, first: int, last: int) -> dict[str, int]:
    """{source: how many of the posts with these ids, both ends included, stand in the index as they should}."""
    rows = tx.run(
        select(lane.c.source, func.count().label("number"))
        .join(lane, lane.c.id == post.c.lane_id)
        .where(post.c.id.between(first, last))
        .where(post.c.parked_code.is_(None), post.c.wanted == post.c.known, post.c.wanted != ABSENT)
        .group_by(lane.c.source)
    )
    return {row.source: row.number for row in rows}
