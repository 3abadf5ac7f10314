"""Whether the relay's database was restored to a time before what an outbox knows, and what follows from that.

An outbox row is marked after its receipt is committed. So a row that is marked, and of which there is no receipt though
receipts of its time are kept, was taken by a database that is no more: a backup was restored, or a failover lost the
last transactions. What was sent in the lost time is not known here.

    suspected    such rows were found: nothing is sent of the source (`relay.store.lanes`) until somebody decides
    noted        there are marks and not one receipt: an earlier relay, or a database made anew; sending goes on
    clear        `recover` has read the rows again, or somebody trusts what stands
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Executable, Row, String, and_, case, cast, false, func, literal_column, select, true, update

from relay.post import ABSENT, COLLISION, UNKNOWN, PostKey
from relay.store import receipts
from relay.store.rows import as_json, given_select
from relay.store.schema import PENDING, post, receipt, source
from relay.store.transaction import Transaction
from relay.store.upsert import upsert

_FEW: Final = 1_000  # receipts looked at for the first one's time: ids grow with time, nearly


class Compared(NamedTuple):
    """What the database knows of a source's receipts and of its decisions."""

    now: datetime
    first: datetime | None  # the time of the first receipt that is kept; None: there is none
    trusted_at: datetime | None
    suspected_at: datetime | None  # since when its lanes are held


def known(tx: Transaction, name: str) -> Compared:
    """What there is to compare a source's marks with."""
    few = select(receipt.c.settled_at).where(receipt.c.source == name).order_by(receipt.c.row_id).limit(_FEW).subquery()
    first = tx.run(select(func.min(few.c.settled_at, type_=receipt.c.settled_at.type))).scalar_one()
    row = of_source(tx, name)
    if row is None:
        return Compared(tx.now, first, None, None)
    return Compared(tx.now, first, row.restore_trusted_at, row.restore_suspected_at)


def of_source(tx: Transaction, name: str) -> Row[Any] | None:
    """The source's row."""
    return tx.run(select(source).where(source.c.name == name)).one_or_none()


def cluster(tx: Transaction) -> dict[str, str] | None:
    """Which PostgreSQL server this is and on which timeline it writes: a dump that is restored elsewhere comes to
    another system, a standby that is promoted or a backup that is recovered to a time writes on another timeline.
    Everybody may ask. Raises SQLAlchemyError where the server has no answer; None: it is no PostgreSQL."""
    if tx.dialect != "postgresql":
        return None
    file = func.pg_walfile_name(func.pg_current_wal_lsn())
    system = func.pg_control_system().table_valued("system_identifier").c.system_identifier
    row = tx.run(select(cast(system, String()).label("system"), func.left(file, 8).label("timeline"))).one()
    return {"system": row.system, "timeline": row.timeline}


def compare_soon(tx: Transaction, before: datetime) -> None:
    """Nothing is sent of any source before its marks are compared: they count as compared before a time."""
    compared_after = (source.c.outbox_compared_at > before) & source.c.restore_suspected_at.is_(None)
    tx.run(update(source).where(compared_after).values(outbox_compared_at=before))


def missing(tx: Transaction, names: Collection[str], row_ids: Iterable[int]) -> list[int]:
    """Those of the rows that have no receipt of any of the sources, which share their table."""
    ids = set(row_ids)
    for name in names:
        ids -= set(receipts.of_rows(tx, name, ids))
    return sorted(ids)


def last_before(tx: Transaction, name: str, row_id: int) -> datetime | None:
    """When the last row before this one was settled."""
    before = (receipt.c.source == name) & (receipt.c.row_id < row_id)
    found: datetime | None = tx.run(
        select(receipt.c.settled_at).where(before).order_by(receipt.c.row_id.desc()).limit(1)
    ).scalar_one_or_none()
    return found


def compared(tx: Transaction, name: str) -> None:
    """Note that a source's marks were compared, or that this was tried."""
    _set(tx, name, outbox_compared_at=tx.now)


def suspect(tx: Transaction, name: str, since: datetime | None, why: str) -> bool:
    """Hold the source's lanes; False where they are held already. The first finding stands, and the earliest time."""
    row = of_source(tx, name)
    if row is None or row.restore_suspected_at is not None:
        if row is not None and since is not None and (row.restore_since is None or since < row.restore_since):
            _set(tx, name, restore_since=since)
        return False
    _set(tx, name, restore_suspected_at=tx.now, restore_since=since, restore_why=why[:500], outbox_compared_at=tx.now)
    return True


def note(tx: Transaction, name: str, why: str) -> bool:
    """Say in `status` what was found, and hold nothing more back; False where it was noted already."""
    row = of_source(tx, name)
    _set(tx, name, restore_why=why[:500], outbox_compared_at=tx.now)
    return row is None or row.restore_why != why[:500]


def clear(tx: Transaction, name: str, spacing: timedelta, trusted_at: datetime) -> None:
    """Let the source's lanes call again, `spacing` after the time that they were held from: until then what was sent
    last, nobody knows of which key, may not be said again (R-32). Marks up to `trusted_at` are believed."""
    row = of_source(tx, name)
    rests = row.restore_suspected_at + spacing if row is not None and row.restore_suspected_at is not None else None
    _set(
        tx, name, restore_suspected_at=None, restore_since=None, restore_why=None, restore_rests_until=rests,
        restore_trusted_at=trusted_at, outbox_compared_at=tx.now,
    )  # fmt: skip


def suspected(tx: Transaction) -> Mapping[str, datetime]:
    """{source: since when its lanes are held}."""
    asked = select(source.c.name, source.c.restore_suspected_at).where(source.c.restore_suspected_at.is_not(None))
    return {row.name: row.restore_suspected_at for row in tx.run(asked)}


def _set(tx: Transaction, name: str, **values: object) -> None:
    tx.run(update(source).where(source.c.name == name).values(**values))


def forget(tx: Transaction, keys: Iterable[tuple[int, PostKey]], sent_at: datetime) -> None:
    """What the index holds of these keys, given with their lanes, is not known: each is sent again as it is wanted, in
    bulk, and counts as sent at a time. One that has no post is wanted absent.

    What waits live stays live. What is parked stays so; of what cannot be told apart from another post the index holds
    nothing (`relay.store.collisions`).
    """
    rows = [
        {
            "lane_id": lane_id, "booking_id": key.booking_id, "resident_id": key.resident_id,
            "care_unit": key.care_unit, "data_controller": key.data_controller, "wanted": ABSENT,
            "wanted_since": tx.now, "known": UNKNOWN, "sent_at": sent_at, "digest": key.digest(),
        }
        for lane_id, key in keys
    ]  # fmt: skip
    if rows:
        tx.run(_forget(tx.dialect), {"rows": as_json(rows)})


@cache
def _forget(dialect: str) -> Executable:
    key = (post.c.booking_id, post.c.lane_id, post.c.resident_id, post.c.care_unit, post.c.data_controller)
    columns = (*key, post.c.wanted, post.c.wanted_since, post.c.known, post.c.sent_at, post.c.digest)
    given_sent = literal_column("excluded.sent_at", post.c.sent_at.type)
    given_since = literal_column("excluded.wanted_since", post.c.wanted_since.type)
    waits_live = and_(PENDING, post.c.bulk.is_(False))
    also = {
        "known": case((post.c.parked_code == COLLISION, post.c.known), else_=UNKNOWN),
        "sent_at": case((post.c.sent_at > given_sent, post.c.sent_at), else_=given_sent),
        "wanted_since": case((PENDING, post.c.wanted_since), else_=given_since),
        "bulk": case((waits_live, false()), else_=true()),
        "suspect": None,
        "unconfirmed": 0,
        "held_until": None,
    }
    rows = given_select(dialect, *columns).add_columns(true().label(post.c.bulk.name))
    return upsert(dialect, post, rows, key=key, update=(post.c.digest,), also=also)
