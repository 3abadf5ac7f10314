"""A store that has one source with two lanes, and a relay of one source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.settings import parse
from relay.store import lanes, sources
from relay.store.lanes import LaneName
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock
from tests.made import CONTROLLER, OTHER_SYSTEM, SYSTEM

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


@pytest.fixture
def relay(relay_url: str, clock: SetClock) -> Iterator[Relay]:
    """A relay whose only source has its outbox in the relay's own database."""
    document = {
        "environment": "production",
        "database_url": relay_url,
        "engagement_index": {"national": {"url": "http://127.0.0.1:1/Update", "logical_address": "5565594230"}},
        "surge_guard": {"least": 1_000_000, "alike": 1_000_000},  # all bookings here are of one resident
        "source": [
            {
                "name": SOURCE,
                "source_systems": [SYSTEM],
                "data_controller": CONTROLLER,
                "engagement_index": "national",
            }
        ],
    }
    relay = Relay(parse(document), clock)
    create(relay.store.engine)
    relay.prepare()
    yield relay
    relay.close()
