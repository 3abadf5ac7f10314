"""One look at everything: the relay's database, each outbox, the broker, the certificates.

All are asked at once and none is waited for long, since somebody sits at a screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from relay.flow.publishing.follow import CHECK
from relay.flow.relay import Relay
from relay.identity import mask
from relay.index.certificate import of_client
from relay.outbox.reader import Backlog
from relay.outbox.trouble import explain
from relay.report.facts import change_facts, is_alive, lane_facts, list_facts, verified_facts
from relay.report.health import Facts, HealthSummary
from relay.report.probe import ping_broker, verdict
from relay.sessions import Bounds
from relay.settings import EngagementIndex, Settings
from relay.store import aside, changes, figures, notes, overview, verification, workers
from relay.store import rejected as rejections
from relay.store.figures import Indexed
from relay.store.migrate import open_store
from relay.store.notes import Note
from relay.store.transaction import Store, Transaction

PATIENCE: Final = Bounds(connect=3, statement=5)  # with an outbox; the relay's own database gets what it needs
_AT_ONCE: Final = 16
Parked = list[tuple[int, str, int]]
LanesRead = tuple[list[Row[Any]], dict[int, Row[Any]], datetime]
ODD_KEPT: Final = timedelta(days=1)  # an older finding is of a check that goes on no more
SHOWN: Final = 20  # rows of a source that are set aside
_LEFT: Final = (None, "is no longer in the configuration")
_RETIRED: Final = (None, None)  # as it should be: what it had is being removed, or is gone


class _Posts(NamedTuple):
    """How many posts of a source stand where; `about`: the first is an estimate."""

    indexed: int
    about: bool
    pending: int
    parked: int

    @classmethod
    def of(cls, source: str, indexed: Indexed, parked: Parked, lanes: list[Row[Any]]) -> _Posts:
        mine = {row.id: row.pending for row in lanes if row.source == source}
        return cls(
            indexed.posts.get(source, 0), indexed.about, sum(mine.values()),
            sum(number for lane, _, number in parked if lane in mine),
        )  # fmt: skip


def look(loaded: Settings) -> HealthSummary:
    """Look at everything once. Raises as `look_again`."""
    store, outboxes = open_store(loaded.database_url), Relay(loaded, bounds=PATIENCE)
    try:
        return look_again(store, outboxes)
    finally:
        outboxes.close()
        store.engine.dispose()


def look_again(store: Store, outboxes: Relay) -> HealthSummary:
    """Look at everything, through connections that are kept. Raises SQLAlchemyError where the relay's own database
    does not answer."""
    loaded = outboxes.settings
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        broker = pool.submit(_broker, loaded)
        backlogs = {name: pool.submit(_backlog, outboxes, name) for name in outboxes.source_names}
        now, (indexed, parked), (lanes, failed, _), sources, rejected, held, unconfirmed, set_aside = store.transact(
            _read
        )
        processes, kept = store.transact(workers.every), store.transact(_found_last)
        newest = store.transact(lambda tx: newest_rejected(tx, [name for name, number in rejected.items() if number]))
        respelt = store.transact(lambda tx: overview.respelt(tx, lanes, outboxes.lane_names))
        known = {row.name: row for row in sources}  # one that no worker has prepared yet is not among them
        asked = {name: backlog.result() for name, backlog in backlogs.items()}
        return HealthSummary(
            at=now,
            sources=[
                {
                    **_source(
                        name,
                        known.get(name),
                        _Posts.of(name, indexed, parked, lanes),
                        rejected.get(name, 0),
                        unconfirmed.get(name, 0),
                        [row for row in set_aside if row.source == name],
                        *(asked.get(name) or _gone(known[name])),
                    ),
                    "newest_rejected": newest.get(name),
                }
                for name in sorted({*known, *asked})
            ],
            lanes=[lane_facts(row, now, failed.get(row.id)) for row in lanes],
            broker=broker.result(),
            workers=[_worker(row, now) for row in processes],
            certificates=[
                _certificate(name, index)
                for name, index in loaded.engagement_index.items()
                if index.client_certificate is not None
            ],
            changes=[change_facts(row) for row in held],
            full_lists=[
                list_facts(source.name, kept.full_lists.get(source.name))
                for source in loaded.source
                if source.full_list_query
            ],
            verified=[verified_facts(row) for row in kept.verified],
            odd=[
                {"source": name, "text": text}
                for name, note in sorted(kept.odd.items())
                if name in asked and now - note.at < ODD_KEPT
                for text in note.said["texts"]
            ],
            disagreeing=sorted(workers.disagreeing(row for row in processes if is_alive(row, now))),
            respelt=respelt,
        )


def _read(
    tx: Transaction,
) -> tuple[
    datetime, tuple[Indexed, Parked], LanesRead, list[Row[Any]], dict[str, int], list[Row[Any]], dict[str, int],
    list[Row[Any]],
]:  # fmt: skip
    return (
        tx.now, (figures.indexed(tx), figures.parked(tx)), overview.lanes_and_failures(tx), overview.sources(tx),
        figures.rejected(tx), changes.every(tx), figures.unconfirmed(tx), aside.listed(tx),
    )  # fmt: skip


class _FoundLast(NamedTuple):
    """What was found last by comparing with full lists, with an index, and of the rows of outboxes; notes by source."""

    full_lists: Mapping[str, Note]
    odd: Mapping[str, Note]
    verified: list[Row[Any]]


def _found_last(tx: Transaction) -> _FoundLast:
    """Three short questions, whatever the size of anything else."""
    return _FoundLast(notes.of(tx, notes.FULL_LIST), notes.of(tx, notes.ODD), verification.latest(tx))


def newest_rejected(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    """The newest row of each of these sources that was rejected within the hour."""
    found = {name: rejections.listed(tx, [name], tx.now - figures.LATELY, None, None, 1) for name in names}
    return {name: rows[0].row_id for name, rows in found.items() if rows}


def _gone(row: Row[Any]) -> tuple[None, str | None]:
    """What is said of a source that is no longer in the configuration."""
    return _LEFT if row.retired_at is None else _RETIRED


def _source(
    name: str,
    row: Row[Any] | None,
    posts: _Posts,
    rejected: int,
    unconfirmed: int,
    set_aside: list[Row[Any]],
    backlog: Backlog | None,
    error: str | None,
) -> Facts:
    oldest = backlog.oldest_seconds if backlog else None
    noted = (row.error or row.policy_error) if row is not None else None
    return {
        "source": name,
        "unread": backlog.unread if backlog else None,
        "oldest_unread_seconds": round(oldest) if oldest is not None else None,
        "indexed": posts.indexed,
        "indexed_about": posts.about,
        "pending": posts.pending,
        "unconfirmed": unconfirmed,
        "parked": posts.parked,
        "rejected_last_hour": rejected,
        "last_look_at": row.next_check_at - CHECK if row is not None and row.next_check_at.year > 1970 else None,
        "rows_set_aside": len(set_aside),
        "set_aside": [{"row_id": row.row_id, "since": row.since, "reason": row.reason} for row in set_aside[:SHOWN]],
        "restore_suspected_at": row.restore_suspected_at if row is not None else None,
        "restore": row.restore_why if row is not None else None,
        "error": noted or error,
        "error_since": row.error_since if row is not None else None,
        "ids_restarted_at": row.ids_restarted_at if row is not None else None,
    }


def _worker(row: Row[Any], now: datetime) -> Facts:
    return {
        "host": mask(row.host), "alive": is_alive(row, now), "seen_at": row.seen_at,
        "clock_difference_ms": row.clock_offset_ms,
    }  # fmt: skip


def _backlog(relay: Relay, source: str) -> tuple[Backlog | None, str | None]:
    """How many rows wait in the source's outbox, or why nobody knows."""
    try:
        return relay.source(source).reader.backlog(), None
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        return None, f"the outbox could not be read: {explain(error, relay.outbox_table(source))}"


def _broker(loaded: Settings) -> Facts | None:
    if not loaded.names_a_broker:
        return None
    seen = verdict("broker_url", partial(ping_broker, loaded), PATIENCE.statement)
    return {"ok": seen.ok, "text": seen.text}


def _certificate(name: str, index: EngagementIndex) -> Facts:
    try:
        ends_at = of_client(index).not_after
        return {"index": name, "ends_at": ends_at, "error": None}
    except (OSError, ValueError) as error:
        return {"index": name, "ends_at": None, "error": getattr(error, "strerror", None) or str(error)}
