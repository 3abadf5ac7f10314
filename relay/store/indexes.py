"""Indexes: which one each label of the configuration means, so that another label for the same one is noticed.

Lanes, and with them what the index is known to hold, stand under the label. An index that is given another name would
get new lanes, and the posts of the old ones would stay in it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update

from relay.store.ledgers import index
from relay.store.rows import as_json, given_select
from relay.store.schema import lane, source
from relay.store.transaction import Transaction
from relay.store.upsert import upsert


def adopt(tx: Transaction, configured: Mapping[str, str]) -> dict[str, str]:
    """Note the configured indexes, {label: identity}; lanes of one that only has another label now go to that label.

    Gives {old label: new label}. Nothing is adopted where the old label is still in use, where two old ones could be
    meant, or where the new one has lanes already.
    """
    known = {row.label: row.identity for row in tx.run(select(index))}
    lanes_of = set(tx.run(select(lane.c.engagement_index).distinct()).scalars())
    renamed = {}
    for label, identity in configured.items():
        former = [old for old, its in known.items() if its == identity and old not in configured and old in lanes_of]
        if label not in lanes_of and len(former) == 1:
            rename(tx, former[0], label)
            renamed[former[0]] = label
    columns = (index.c.label, index.c.identity)
    rows = as_json({"label": label, "identity": identity[:400]} for label, identity in configured.items())
    tx.run(
        upsert(tx.dialect, index, given_select(tx.dialect, *columns), key=columns[:1], update=columns[1:]),
        {"rows": rows},
    )
    return renamed


def rename(tx: Transaction, old: str, new: str) -> int:
    """Give the lanes of an index another label; how many they were. What their sources are judged by, which names the
    index too, is agreed on anew."""
    mine = select(lane.c.source).where(lane.c.engagement_index == old)
    tx.run(update(source).where(source.c.name.in_(mine)).values(agreed=None))
    changed = update(lane).where(lane.c.engagement_index == old).values(engagement_index=new)
    return len(tx.run(changed.returning(lane.c.id)).all())


def has_lanes(tx: Transaction, label: str) -> bool:
    """Whether there are lanes of that label."""
    return tx.run(select(lane.c.id).where(lane.c.engagement_index == label).limit(1)).first() is not None
