"""Calls as they are shown: read-only, a page at a time, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from relay.store.lanes import LaneName
from relay.store.schema import call, lane
from relay.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """Calls for which all that is given is true; what is None asks nothing. `since` and `until` (aware, inclusive and
    exclusive) are about when a call began; `before` is the number of a call, those with lower ones are meant."""

    lane: LaneName | None = None
    source: str | None = None
    verdict: str | None = None
    code: str | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def page(tx: Transaction, asked: Asked, limit: int) -> list[Row[Any]]:
    """The newest `limit` calls that are meant; the last one's number is the next page's `before`."""
    return list(tx.run(_calls().where(*_conditions(asked)).order_by(call.c.id.desc()).limit(limit)))


def by_number(tx: Transaction, number: int) -> Row[Any] | None:
    """One call."""
    return tx.run(_calls().where(call.c.id == number)).one_or_none()


def by_correlation_id(tx: Transaction, correlation_id: str) -> Row[Any] | None:
    """The call that was sent under that id."""
    return tx.run(_calls().where(call.c.correlation_id == correlation_id).limit(1)).one_or_none()


def _calls() -> Select[Any]:
    return select(call, lane.c.engagement_index, lane.c.source_system, lane.c.source).join(
        lane, lane.c.id == call.c.lane_id
    )


def _conditions(asked: Asked) -> Iterator[ColumnElement[bool]]:
    if asked.lane is not None:
        yield lane.c.engagement_index == asked.lane.engagement_index
        yield lane.c.source_system == asked.lane.source_system
    if asked.source is not None:
        yield lane.c.source == asked.source
    if asked.verdict is not None:
        yield call.c.verdict == asked.verdict
    if asked.code is not None:
        yield call.c.code == asked.code
    if asked.correlation_id is not None:
        yield call.c.correlation_id == asked.correlation_id
    if asked.since is not None:
        yield call.c.started_at >= asked.since
    if asked.until is not None:
        yield call.c.started_at < asked.until
    if asked.before is not None:
        yield call.c.id < asked.before
