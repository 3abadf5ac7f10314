"""A booking's posts as its story needs them: each with its lane, its calls, and what goes before it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from relay.flow.relay import Relay
from relay.post import ABSENT, WantedPost
from relay.store import lanes as lane_store
from relay.store import overview, story
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction
from relay.story.facts import Call, Lane, Pace, Post
from relay.story.words import coded


def posts_seen(
    tx: Transaction, relay: Relay, source: str, booking_id: str, wanted: WantedPost | None
) -> tuple[Post, ...]:
    """The posts of a booking; the one under the key of `wanted` is the current one, and where there is none to compare
    with, the one that is wanted present."""
    rows = story.posts(tx, source, booking_id)
    if not rows:
        return ()
    lanes = story.lanes(tx)
    open_calls = {lanes[row.lane_id].open_call for row in rows} - {None}
    calls = story.calls(tx, {row.call_id for row in rows if row.call_id is not None} | open_calls)
    return tuple(_post(tx, relay, row, lanes, calls, wanted) for row in rows)


def _post(
    tx: Transaction,
    relay: Relay,
    row: Row[Any],
    lanes: dict[int, Row[Any]],
    calls: dict[int, Row[Any]],
    wanted: WantedPost | None,
) -> Post:
    lane = lanes[row.lane_id]
    name = LaneName(lane.engagement_index, lane.source_system)
    out = calls.get(lane.open_call) if lane.open_call is not None else None
    last = calls.get(row.call_id) if row.call_id is not None else None
    index = relay.settings.engagement_index.get(lane.engagement_index)
    pace = Pace(wide_trouble=lane_store.WIDE_TROUBLE)
    if index is not None:
        pace = Pace(
            key_spacing=index.key_spacing,
            bulk_call_interval=index.bulk_call_interval,
            split_call_interval=index.split_call_interval,
            max_posts_per_call=index.max_posts_per_call,
            poll_interval=relay.settings.poll_interval,
            wide_trouble=lane_store.WIDE_TROUBLE,
        )
    waits = row.wanted != row.known and row.parked_code is None
    return Post(
        key=row.id,
        care_unit=row.care_unit,
        data_controller=row.data_controller,
        wanted=row.wanted,
        wanted_since=row.wanted_since,
        known=row.known,
        sent_at=row.sent_at,
        bulk=bool(row.bulk),
        suspect=row.suspect is not None,
        parked_code=row.parked_code,
        parked_text=row.parked_text,
        parked_at=row.parked_at,
        lane=_lane(tx, relay, name, lane, lanes, out),
        pace=pace,
        call=_call(last),
        out=_call(out) if story.carries(out, row.id) else None,
        ahead=story.ahead_of(tx, row) if waits else 0,
        current=_is(row, lane, wanted) if wanted is not None else row.wanted != ABSENT,
        run_id=row.run_id,
        held_until=row.held_until,
        unconfirmed=row.unconfirmed,
    )


def _is(row: Row[Any], lane: Row[Any], wanted: WantedPost) -> bool:
    key = wanted.key
    return (row.resident_id, row.care_unit, row.data_controller, lane.source_system) == (
        key.resident_id, key.care_unit, key.data_controller, key.source_system,
    )  # fmt: skip


def _lane(
    tx: Transaction,
    relay: Relay,
    name: LaneName,
    lane: Row[Any],
    lanes: dict[int, Row[Any]],
    out: Row[Any] | None,
) -> Lane:
    peers = [each for each in lanes.values() if each.engagement_index == lane.engagement_index]
    took = max((each.last_success_at for each in peers if each.last_success_at), default=None)
    away = [e for e in peers if e.failures > 0 and e.failed_at and (took is None or e.failed_at > took)]
    failed = overview.last_failures(tx, [lane]).get(lane.id)
    said = coded(failed.code, failed.text) if failed is not None else None
    return Lane(
        name=str(name),
        index=lane.engagement_index,
        configured=lane.engagement_index in relay.settings.engagement_index,
        paused=bool(lane.paused),
        blocked_code=lane.blocked_code,
        blocked_text=lane.blocked_text,
        blocked_since=lane.blocked_since,
        failures=lane.failures,
        failed_at=lane.failed_at,
        last_code=failed.code if failed is not None else None,
        last_text=said,
        next_call_at=lane.next_call_at,
        say_again_at=lane.say_again_at,
        next_split_at=lane.next_split_at,
        next_bulk_at=lane.next_bulk_at,
        busy_until=out.lease_until if out is not None else None,
        away=len(away),
    )


def _call(row: Row[Any] | None) -> Call | None:
    if row is None:
        return None
    return Call(
        row.id,
        row.correlation_id,
        row.started_at,
        row.lease_until,
        row.ended_at,
        row.posts,
        row.verdict,
        row.code,
        row.text,
    )
