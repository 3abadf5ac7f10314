"""One statement that says whether there is anything to do at all: what a tick with nothing to do costs.

The steps that follow are asked one by one, in a transaction (`relay.flow.schedule.due`), and only where this
summary has something for them. What appears in between is in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, and_, exists, false, func, or_, select

from relay.store import lanes
from relay.store.schema import COLLIDES, lane, post, source
from relay.store.transaction import Moment


class Pace(NamedTuple):
    """What of an index's settings decides when its lanes are due."""

    key_spacing: timedelta
    rest: timedelta
    refresh: bool


class SourceSeen(NamedTuple):
    """What a source has for somebody to do now."""

    name: str
    look: bool  # at its outbox
    troubled: bool  # its outbox is noted as not answering
    check: bool  # its lists, or go on with a re-evaluation
    compare: bool  # its marks: they were not for so long that nothing is sent of it
    last_call_at: datetime | None  # the end of the last call of its lanes, as far as one is noted


class DueSummary(NamedTuple):
    """What there is to do: of lanes that are blocked, posts whose time has passed, posts that wait for another to go,
    and lanes that may call, whether there is any."""

    now: datetime
    blocked: bool
    expired: bool
    collides: bool
    lanes: bool
    sources: list[SourceSeen]

    @property
    def calls_for_work(self) -> bool:
        """Whether there is more to do than to look at outboxes and lists."""
        return self.blocked or self.expired or self.collides or self.lanes


_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_EMPTY: Final = DueSummary(_NEVER, blocked=True, expired=True, collides=True, lanes=True, sources=[])


def read(connection: Connection, now: Moment, paces: Mapping[str, Pace], compared: timedelta) -> DueSummary:
    """Read the summary. Marks that were not compared within `compared` are to be. Where no source is written down yet,
    everything is due."""
    clock = () if isinstance(now, datetime) else (now.label("now"),)
    rows = connection.execute(question(now, paces, compared).add_columns(*clock)).all()
    if not rows:
        return _EMPTY
    first = rows[0]
    return DueSummary(
        now=now if isinstance(now, datetime) else first.now,
        blocked=bool(first.blocked),
        expired=bool(first.expired),
        collides=bool(first.collides),
        lanes=bool(first.lanes),
        sources=[_source(row) for row in rows],
    )


def question(now: Moment, paces: Mapping[str, Pace], compared: timedelta) -> Select[Any]:
    """The statement: a row a source, each with what is true of all.

    What may be asked of the posts is asked for the first one in an index's order: PostgreSQL cannot know how few there
    are, and where any will do it looks through all posts instead.
    """
    due = [
        exists().where(lanes.is_due(now, index, pace.key_spacing, pace.rest, refresh=pace.refresh))
        for index, pace in paces.items()
    ]
    expired = select(post.c.id).where(post.c.expires_at <= now).order_by(post.c.expires_at).limit(1)
    collides = select(post.c.id).where(COLLIDES).order_by(post.c.digest).limit(1)
    success, failure = (func.max(at) for at in (lane.c.last_success_at, lane.c.failed_at))
    stale = and_(source.c.outbox_compared_at < now - compared, source.c.restore_suspected_at.is_(None))
    columns = (lane.c.source, success.label("success"), failure.label("failure"))
    calls = select(*columns).group_by(lane.c.source).subquery()
    return (
        select(
            exists().where(lane.c.blocked_code.is_not(None)).label("blocked"),
            expired.scalar_subquery().is_not(None).label("expired"),
            collides.scalar_subquery().is_not(None).label("collides"),
            or_(false(), *due).label("lanes"),
            source.c.name,
            (source.c.next_look_at <= now).label("look"),
            source.c.failures,
            or_(source.c.next_check_at <= now, source.c.weighed_to.is_not(None)).label("check"),
            stale.label("compare"),
            calls.c.success,
            calls.c.failure,
        )
        .outerjoin(calls, calls.c.source == source.c.name)
        .order_by(source.c.name)
    )


def _source(row: Any) -> SourceSeen:
    calls = [at for at in (row.success, row.failure) if at is not None]
    last = max(calls, default=None)
    return SourceSeen(row.name, bool(row.look), row.failures > 0, bool(row.check), bool(row.compare), last)
