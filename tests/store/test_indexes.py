"""An index that is called by another name is the same index: its lanes go on, and no post is left behind."""

from __future__ import annotations

from relay.store import indexes, lanes
from relay.store.lanes import LaneName
from relay.store.transaction import Store, Transaction
from tests.made import SYSTEM

SAME = "5565594230@ei.example"


def labels(store: Store) -> list[str]:
    return [name.engagement_index for name in store.transact(lambda tx: lanes.of_source(tx, "tidbok", hold=False))]


def made(tx: Transaction) -> None:
    indexes.adopt(tx, {"national": SAME})
    lanes.ensure(tx, [(LaneName("national", SYSTEM), "tidbok")])


def test_another_label_for_the_same_index_takes_its_lanes_over(store: Store) -> None:
    store.transact(made)
    assert store.transact(lambda tx: indexes.adopt(tx, {"ntjp": SAME})) == {"national": "ntjp"}
    assert labels(store) == ["ntjp"]


def test_another_index_takes_nothing_over(store: Store) -> None:
    store.transact(made)
    assert store.transact(lambda tx: indexes.adopt(tx, {"other": "5565594230@qa.example"})) == {}
    assert labels(store) == ["national"]


def test_a_second_label_beside_the_first_takes_nothing_over(store: Store) -> None:
    store.transact(made)
    assert store.transact(lambda tx: indexes.adopt(tx, {"national": SAME, "ntjp": SAME})) == {}
    assert labels(store) == ["national"]
