"""What the calls of a source show of how it was sent: for those who must know that it keeps the rules (R-53).

It goes back as far as calls are kept (`retention.calls`), and reads all of them: for a command, not for a step.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, select

from relay.index.verdict import Kind
from relay.store import overview
from relay.store.calls import NOT_MADE
from relay.store.lanes import LaneName
from relay.store.schema import call, lane
from relay.store.transaction import Transaction


class Evidence(NamedTuple):
    """What was seen of one source. Counts are of calls, but for the posts."""

    since: datetime | None = None  # the first call that is still known; None: there is none
    until: datetime | None = None  # the last one
    calls: int = 0
    accepted: int = 0
    refused: int = 0  # for their content
    largest_call: int = 0  # posts
    busiest_hour: str | None = None  # YYYY-MM-DD hh, UTC
    busiest_hour_posts: int = 0  # accepted
    overlapping: int = 0  # calls of a lane that began before the one before had ended
    parked: int = 0  # posts
    held: tuple[str, ...] = ()  # lanes that are blocked or paused, and by what


def by_source(tx: Transaction, environment: str | None = None) -> defaultdict[str, Evidence]:
    """{source: everything that is known of its calls and posts}; of one that never called, nothing.

    With `environment`, only calls that were made there count: what was seen in QA says nothing of production (R-50).
    Calls that were made before versions noted it count for neither.
    """
    counted = {row.source: row for row in tx.run(_there(_counted(), environment))}
    busiest = {row.source: row for row in tx.run(_busiest(tx.dialect, environment))}
    overlapping = {row.source: row.number for row in tx.run(_overlapping(environment))}
    parked = {name: number for name, state, number in overview.posts_by_state(tx) if state == "parked"}
    found: defaultdict[str, Evidence] = defaultdict(Evidence)
    for row in overview.lanes(tx):
        state = overview.state_of_lane(row, tx.now)
        if state in ("blocked", "paused"):
            name = str(LaneName(row.engagement_index, row.source_system))
            held = (*found[row.source].held, f"{name} is {state} {row.blocked_code or ''}".rstrip())
            found[row.source] = found[row.source]._replace(held=held)
    for name, row in counted.items():
        most = busiest.get(name)
        found[name] = found[name]._replace(
            since=row.since, until=row.until, calls=row.calls, accepted=row.accepted,
            refused=row.refused, largest_call=row.largest,
            busiest_hour=most.hour if most else None, busiest_hour_posts=most.posts if most else 0,
            overlapping=overlapping.get(name, 0),
        )  # fmt: skip
    for name, number in parked.items():
        found[name] = found[name]._replace(parked=number)
    return found


def seen_by_source(tx: Transaction, environment: str) -> defaultdict[str, Evidence]:
    """The same of an environment, as far as it is asked for by the steps: when calls were made, and how they ended."""
    found: defaultdict[str, Evidence] = defaultdict(Evidence)
    for row in tx.run(_there(_counted(), environment)):
        found[row.source] = Evidence(row.since, row.until, row.calls, row.accepted, row.refused, row.largest)
    return found


def _counted() -> Select[Any]:
    numbers = (
        func.min(call.c.started_at).label("since"),
        func.max(call.c.started_at).label("until"),
        func.count().label("calls"),
        _number_of(Kind.ACCEPTED).label("accepted"),
        _number_of(Kind.CONTENT).label("refused"),
        func.max(call.c.posts).label("largest"),
    )
    return _made(*numbers).group_by(lane.c.source)


def _number_of(kind: Kind) -> ColumnElement[int]:
    return func.count(case((call.c.verdict == kind.value, 1)))


def _busiest(dialect: str, environment: str | None) -> Select[Any]:
    """The hour of each source with the most posts accepted, as `YYYY-MM-DD hh` in UTC."""
    at = call.c.ended_at
    hour: ColumnElement[str] = (
        func.replace(func.substr(at, 1, 13), "T", " ")
        if dialect == "sqlite"
        else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD HH24")
    )
    accepted = _there(_made(hour.label("hour"), func.sum(call.c.posts).label("posts")), environment)
    hours = accepted.where(call.c.verdict == Kind.ACCEPTED.value).group_by(lane.c.source, "hour").subquery()
    place = func.row_number().over(partition_by=hours.c.source, order_by=(hours.c.posts.desc(), hours.c.hour))
    ranked = select(hours, place.label("place")).subquery()
    return select(ranked).where(ranked.c.place == 1)


def _overlapping(environment: str | None) -> Select[Any]:
    before = func.lag(call.c.ended_at).over(partition_by=call.c.lane_id, order_by=(call.c.started_at, call.c.id))
    pairs = _there(_made(call.c.started_at, before.label("before")), environment).subquery()
    found: Select[Any] = select(pairs.c.source, func.count().label("number"))
    return found.where(pairs.c.before > pairs.c.started_at).group_by(pairs.c.source)


def _made(*columns: ColumnElement[Any]) -> Select[Any]:
    """Of all calls that were made: the source, and these."""
    joined: Select[Any] = select(lane.c.source, *columns).join_from(call, lane, lane.c.id == call.c.lane_id)
    return joined.where(func.coalesce(call.c.verdict, "") != NOT_MADE)


def _there(asked: Select[Any], environment: str | None) -> Select[Any]:
    return asked if environment is None else asked.where(call.c.environment == environment)
