"""A store that has one source with two lanes."""

from __future__ import annotations

import pytest

from relay.store import lanes, sources
from relay.store.lanes import LaneName
from relay.store.transaction import Store, Transaction
from tests.made import OTHER_SYSTEM, SYSTEM

LANE = LaneName("national", SYSTEM)
OTHER_LANE = LaneName("national", OTHER_SYSTEM)
SOURCE = "tidbok-nord"


@pytest.fixture
def lane_ids(store: Store) -> dict[LaneName, int]:
    """The ids of LANE and OTHER_LANE, both made and free."""

    def work(tx: Transaction) -> dict[LaneName, int]:
        sources.ensure(tx, [SOURCE])
        lanes.ensure(tx, [(LANE, SOURCE), (OTHER_LANE, SOURCE)])
        return lanes.of_source(tx, SOURCE)

    return store.transact(work)


@pytest.fixture
def lane_id(lane_ids: dict[LaneName, int]) -> int:
    """LANE's."""
    return lane_ids[LANE]
