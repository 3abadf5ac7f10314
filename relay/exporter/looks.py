"""What the exporter looks at: the relay's database, each outbox, the broker, the certificates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row

from relay.exporter.census import Census
from relay.exporter.round import Round
from relay.flow.publishing.follow import CHECK
from relay.flow.relay import Relay
from relay.index.certificate import of_client
from relay.settings import EngagementIndex
from relay.store import aside, changes, figures, notes, restores, verification, workers
from relay.store.figures import Waiting
from relay.store.migrate import check
from relay.store.notes import Note
from relay.store.transaction import Transaction

SECONDS: Final = 10.0  # between two looks


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """What stands in the relay's database at one moment."""

    at: datetime
    lanes: list[Row[Any]]
    waiting: Mapping[int, Waiting]  # by lane id
    parked: list[tuple[int, str, int]]  # (lane id, code, number)
    outbox_errors: Mapping[str, datetime]  # {source: since}
    rejected: Mapping[str, int]  # {source: outbox rows rejected lately}
    restore_suspected: Mapping[str, datetime]  # {source: since when nothing is sent of it}
    changes_held: Mapping[str, int]  # {source: changes that wait for an operator's decision}
    disagreeing: frozenset[str]  # the sources of which the workers' files say different things
    clocks: Mapping[str, float]  # {host: seconds that its clock is ahead of the database's}
    workers: int  # processes that have reported within a minute
    looked: Mapping[str, datetime]  # {source: when a worker last looked after it}; not there: never
    unconfirmed: Mapping[str, int]  # {source: posts said in calls of their own only}
    verified: list[Row[Any]]  # what the last comparison with each index found
    set_aside: Mapping[str, int]  # {source: outbox rows whose outcome cannot be written}
    full_lists: Mapping[str, Note]  # {source: what the last comparison with its full list found}


class Looks:
    """All rounds of an exporter. `broker` pings the broker and raises when it does not answer; None: there is none."""

    def __init__(self, relay: Relay, broker: Callable[[], object] | None, seconds: float = SECONDS) -> None:
        self._relay = relay
        self._checked = False
        census = Census(relay.store)
        self.database = Round("the relay's database", self._figures, seconds)
        self.indexed = Round("the number of posts", census.go_on, seconds)
        self.outboxes = {
            name: Round(f"the outbox of {name}", lambda name=name: relay.source(name).reader.backlog(), seconds)  # type: ignore[misc]
            for name in relay.source_names
        }
        self.listed = [source.name for source in relay.settings.source if source.full_list_query]
        self.broker = Round("the broker", broker, seconds) if broker is not None else None
        self.certificates = {
            name: Round(f"the client certificate of {name}", _expiry_of(index), 60.0)
            for name, index in relay.settings.engagement_index.items()
            if index.client_certificate is not None
        }

    def all(self) -> list[Round[Any]]:
        """Every round."""
        broker = [self.broker] if self.broker is not None else []
        return [self.database, self.indexed, *self.outboxes.values(), *broker, *self.certificates.values()]

    def start(self) -> None:
        """Begin to look."""
        for each in self.all():
            each.start()

    def stop(self) -> None:
        """Look no more."""
        for each in self.all():
            each.stop()

    def _figures(self) -> DatabaseFigures:
        if not self._checked:
            check(self._relay.store.engine)
            self._checked = True
        return self._relay.store.transact(_figures)


def _figures(tx: Transaction) -> DatabaseFigures:
    waiting, parked = figures.waiting(tx), figures.parked(tx)
    lanes = figures.lanes(tx)  # last of the three: a lane that is made meanwhile may already have posts
    at_work = workers.alive(tx)
    return DatabaseFigures(
        tx.now,
        lanes,
        waiting,
        parked,
        figures.outbox_errors(tx),
        figures.rejected(tx),
        restores.suspected(tx),
        changes.waiting(tx),
        workers.disagreeing(at_work),
        workers.clocks(at_work),
        len(at_work),
        {name: checked - CHECK for name, checked in figures.next_checks(tx).items() if checked.year > 1970},
        figures.unconfirmed(tx),
        verification.latest(tx),
        aside.counted(tx),
        notes.of(tx, notes.FULL_LIST),
    )


def _expiry_of(index: EngagementIndex) -> Callable[[], datetime]:
    return lambda: of_client(index).not_after
