"""The load: what a lane's next call carries.

    suspects, a probe of a blocked lane    as they are: company would blur the verdict
    posts that are due                     and with them what is unconfirmed; fewer than `min_posts_per_call` take along
                                           posts that the index has, the longest unsaid first. Deletes for which there
                                           is nobody are held for a while; anything else goes alone
    nothing is due                         what is unconfirmed is sent with others, and then some of what is to be
                                           refreshed, at the pace of bulk (R-34)

Alone is what the index's memory may lose: a call of one post waits there for others, outside any transaction. What was
accepted alone is *unconfirmed* until a call of several has said the same. To repeat a post that the index has notifies
nobody, a delete notifies each time: so a delete is never company, and is repeated once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Final, NamedTuple

from relay.post import ABSENT
from relay.settings import EngagementIndex
from relay.store import company, posts
from relay.store.lanes import TakenLane
from relay.store.posts import DuePost
from relay.store.transaction import Transaction

LONGEST_LONE: Final = timedelta(days=7)  # that an unconfirmed delete waits for company, where nothing is refreshed
LOOK_AGAIN: Final = timedelta(days=1)  # after which a lane that has nobody for company looks once more
FRESH: Final = 0.1  # of refresh_every: what was said so lately is not refreshed
ROUND: Final = 0.85  # of refresh_every: in which all is refreshed; what is left is for pauses, and for FRESH
STEPS: Final = 600  # calls of a round, where the posts allow it: one in a quarter of an hour, by default
SMALL: Final = 50  # posts of a refresh that are worth a call


class Load(NamedTuple):
    """The posts of a call, none: there is nothing to send; and the lane's columns that change with it."""

    posts: list[DuePost]
    lane: dict[str, object]


def load(tx: Transaction, lane: TakenLane, index: EngagementIndex, most: int) -> Load:
    """What the lane's next call carries, `most` posts at most.

    One statement for what is due; one or two more where company is looked for.
    """
    if most < index.max_posts_per_call:  # smaller calls for a while (relay.flow.delivery.repeats)
        index = index.model_copy(update={"max_posts_per_call": most})
    probe = lane.blocked
    due = posts.claim(
        tx, lane.id, lane.name.source_system, tx.now - index.key_spacing, split=lane.may_split, bulk=lane.may_bulk,
        limit=1 if probe else index.max_posts_per_call, least=1 if probe else index.least_posts,
    )  # fmt: skip
    if probe or (due and due[0].suspect is not None):
        return Load(due, {})
    if due:
        return _in_company(tx, lane, index, due)
    changes: dict[str, object] = {}
    if lane.say_again_at is not None and lane.say_again_at <= tx.now:
        again = _to_confirm(tx, lane, index)
        if again.posts:
            return again
        changes = again.lane
    if index.refresh_every and lane.next_refresh_at is not None and lane.next_refresh_at <= tx.now and lane.may_bulk:
        found, next_at = _to_refresh(tx, lane, index)
        return Load(found, changes | {"next_refresh_at": next_at})
    return Load([], changes)


def _in_company(tx: Transaction, lane: TakenLane, index: EngagementIndex, due: list[DuePost]) -> Load:
    before = tx.now - index.key_spacing
    carried = list(due)
    room = index.max_posts_per_call - len(due)
    if lane.say_again_at is not None and room and index.least_posts > 1:
        carried += _rested(company.unconfirmed(tx, lane.id, lane.name.source_system, room), before)
    lacking = index.least_posts - len(carried)
    if lacking <= 0:
        return Load(carried, {})
    found = _present(tx, lane, index, lacking, carried)
    carried += _rested(found, before)
    if len(carried) >= index.least_posts or any(p.wanted != ABSENT for p in due):
        return Load(carried, {})
    until = min(p.wanted_since for p in due) + index.longest_hold
    if until <= tx.now:
        return Load(carried, {})
    company_comes = _spaced(found[-1:], index)[0] if len(found) == lacking else until
    company.hold(tx, [p.id for p in due], min(until, company_comes))
    return Load([], {})


def _to_confirm(tx: Transaction, lane: TakenLane, index: EngagementIndex) -> Load:
    """Unconfirmed posts with others; without any others a present one alone, once more."""
    if index.least_posts < 2:
        return Load([], {"say_again_at": None})
    before = tx.now - index.key_spacing
    waiting = company.unconfirmed(tx, lane.id, lane.name.source_system, index.max_posts_per_call)
    carried = _rested(waiting, before)
    if not carried:
        return Load([], {"say_again_at": min(_spaced(waiting, index), default=None)})
    lacking = index.least_posts - len(carried)
    if lacking <= 0:
        return Load(carried, {})
    found = _present(tx, lane, index, lacking, carried)
    rested = _rested(found, before)
    if len(rested) == lacking:
        return Load(carried + rested, {})
    to_come = {p.id: p for p in (*found, *waiting) if p not in carried and p not in rested}
    lacking -= len(rested)
    if len(to_come) >= lacking:
        return Load([], {"say_again_at": sorted(_spaced(list(to_come.values()), index))[lacking - 1]})
    alone = [p for p in carried if _may_go_alone(p, tx.now, index)]
    return Load(alone, {} if alone else {"say_again_at": tx.now + LOOK_AGAIN})


def _may_go_alone(post: DuePost, now: datetime, index: EngagementIndex) -> bool:
    """A present one at once, for it notifies nobody; but not for ever. A delete only when nobody comes at all."""
    if post.wanted == ABSENT:
        return post.sent_at is None or post.sent_at + (index.refresh_every or LONGEST_LONE) <= now
    return post.unconfirmed < 2


def _to_refresh(tx: Transaction, lane: TakenLane, index: EngagementIndex) -> tuple[list[DuePost], datetime]:
    """Some of the posts that the index has, the longest unsaid first, and when the next ones are to go: so that all of
    them have their turn within `refresh_every`, one as far from the next as the other."""
    number = company.number_present(tx, lane.id)
    if number == 0:
        return [], tx.now + index.refresh_every * FRESH
    steps = ceil(number / min(max(ceil(number / STEPS), SMALL), index.max_posts_per_call))
    size = ceil(number / steps)  # whole steps: who is left over would have to wait for a second round
    pause = index.refresh_every * ROUND / steps
    found = _present(tx, lane, index, size, [], only_beyond_doubt=False)
    stale = _rested(found, tx.now - max(index.refresh_every * FRESH, index.key_spacing))
    if not stale:
        oldest = min((p.sent_at for p in found if p.sent_at is not None), default=tx.now)
        return [], max(oldest + index.refresh_every * FRESH, tx.now + index.bulk_call_interval)
    carried = stale if len(stale) >= index.least_posts else _rested(found, tx.now - index.key_spacing)
    return [p._replace(bulk=True) for p in carried[: max(len(stale), index.least_posts)]], tx.now + pause


def _present(
    tx: Transaction,
    lane: TakenLane,
    index: EngagementIndex,
    limit: int,
    without: list[DuePost],
    *,
    only_beyond_doubt: bool = True,
) -> list[DuePost]:
    return company.present(
        tx, lane.id, lane.name.source_system, limit, lives_beyond=tx.now + index.key_spacing,
        without={p.id for p in without if p.again}, only_beyond_doubt=only_beyond_doubt,
    )  # fmt: skip


def _rested(found: list[DuePost], before: datetime) -> list[DuePost]:
    """Those whose spacing is over (R-32)."""
    return [p for p in found if p.sent_at is None or p.sent_at <= before]


def _spaced(found: list[DuePost], index: EngagementIndex) -> list[datetime]:
    """When the spacing of each is over."""
    return [p.sent_at + index.key_spacing for p in found if p.sent_at is not None]
