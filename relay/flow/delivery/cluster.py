"""Whether the relay's own database has come to another server, or goes on from another time: PostgreSQL tells.

    new connection      as after every failover; and every five minutes, for a pooler may hide it
    the same as noted   nothing
    another system      a dump or backup was restored elsewhere
    another timeline    a standby was promoted, or a backup recovered to a time

Neither means that anything was lost: with synchronous replication nothing is. So it only makes every source's marks be
compared (`relay.flow.intake.restored`) before another call, which takes a moment where nothing was lost, and holds
the source where something was. What it cannot see: a copy of the disks that is put back as it was; other databases; a
server that does not say.

Who makes a call looks once more when it is written down, before anything goes out (`moves`): the very transaction
that wrote it may have been the first on another server.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from relay.flow.relay import Relay
from relay.store import lease, notes, restores
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

COMPARED: Final = timedelta(hours=1)  # longer ago, the database may be a backup: first its outbox is looked at
EVERY_SECONDS: Final = 300.0


def watch(relay: Relay) -> None:
    """Look where the database is, where it may be elsewhere than it was; nothing as a rule."""
    with relay.looking_where:  # who comes meanwhile has to know what is found
        _watch(relay)


def moves(relay: Relay) -> int:
    """How often this process has found the database elsewhere. What was read in a transaction between two equal
    answers was read where the marks are compared, or were before it."""
    watch(relay)
    return relay.moves


def _watch(relay: Relay) -> None:
    now = lease.steady_seconds()
    if relay.store.engine.dialect.name != "postgresql" or not (
        relay.may_be_elsewhere.is_set() or now >= relay.next_cluster
    ):
        return
    relay.may_be_elsewhere.clear()
    relay.next_cluster = now + EVERY_SECONDS
    try:
        found = relay.store.transact(restores.cluster)
    except SQLAlchemyError as error:  # of a managed one that does not say; or it is away, which is told elsewhere
        log.debug("the database does not say on which server it is: %s", type(error).__name__)
        return
    if found is None:
        return
    if found != relay.where:  # maybe noted by another process already, after this one had read there
        relay.moves += relay.where is not None
        relay.where = found
    before = relay.store.transact(lambda tx: _note(tx, found))
    if before is not None:
        log.warning(
            "the relay's database is another one than it was: nothing is sent before the outboxes' marks are compared",
            extra={"was": before, "is": found},
        )


def _note(tx: Transaction, found: dict[str, str]) -> dict[str, str] | None:
    """Note where it is; where it was, if that was elsewhere."""
    kept = notes.of(tx, notes.CLUSTER).get("")
    if kept is not None and dict(kept.said) == found:
        return None
    notes.put(tx, notes.CLUSTER, "", found)
    if kept is None:
        return None
    restores.compare_soon(tx, tx.now - 2 * COMPARED)
    return {str(name): str(value) for name, value in kept.said.items()}
