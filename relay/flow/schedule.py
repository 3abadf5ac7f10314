"""The schedule: what is to be done now. Asked every poll interval, by any number of schedulers at once."""

from __future__ import annotations

import logging
from typing import NamedTuple

from relay.flow.relay import Relay
from relay.store import lanes, posts, sources
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)


class Work(NamedTuple):
    """The outboxes to look at and the lanes that have something to say."""

    sources: list[str]
    lanes: list[LaneName]


def due_work(relay: Relay) -> Work:
    """Expire what has passed (the clock step), then say what is to be done, in one transaction."""

    def work(tx: Transaction) -> Work:
        expired = posts.expire(tx)
        if expired:
            log.info("posts expired", extra={"posts": expired})
        names = [name for name in sources.to_look_at(tx) if name in relay.source_names]
        due = [
            name
            for index, settings in relay.settings.engagement_index.items()
            for name in lanes.due(tx, index, settings.key_spacing)
            if name in relay.lane_names
        ]
        return Work(names, due)

    return relay.store.transact(work)
