"""Verifying: what an index holds is compared with what it is known to hold, where the index may be asked (R-39).

The index is asked resident by resident. Of what it answers and of the posts that were chosen each is one of

    equal      the index holds what it is known to hold
    lost       it is known to hold a post, and does not
    ghost      it holds a post that it is known not to hold, or that the relay has never heard of
    wrong      it holds the post with another mostRecentContent
    unsettled  they differ, and the post is on its way, or was sent so lately that the index may not have applied it

A repair forgets what is known: the state that is wanted is sent again at R-34's pace, of a ghost the delete. Nothing
holds a lane or a transaction while the index is asked.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from relay.flow.actions.operations import Request
from relay.flow.relay import Relay
from relay.index.found import FindError, Found
from relay.post import ABSENT, UNKNOWN, PostKey, WantedChange
from relay.store import audit, parked, posts, verification
from relay.store.retention import take_turn
from relay.store.transaction import Store, Transaction
from relay.store.verification import PAGE, Held, Scope

if TYPE_CHECKING:
    from relay.index.find import Finder

log = logging.getLogger(__name__)

SETTLES: Final = timedelta(seconds=20)  # an index that gathers posts has applied them by then
NIGHTLY_PACE: Final = 1.0  # seconds between two questions


class Difference(NamedTuple):
    """A post whose state differs. `held` is None for a ghost that the relay has never heard of; `found` is what the
    index has, None where it has nothing; `ours` is False for one that the relay could not delete."""

    result: str
    lane_id: int
    key: PostKey
    held: Held | None
    found: str | None
    ours: bool = True


class Outcome(NamedTuple):
    """What came of one resident."""

    numbers: Counter[str]
    differences: list[Difference]
    source_system: str = ""


def compare(
    chosen: Iterable[Held], found: Iterable[Found], ours: Iterable[Held], lane_id: int, applied_before: datetime
) -> Outcome:
    """One resident's posts in a lane: `chosen` must be there, `found` is what the index says, `ours` what is known by
    now of the bookings of both. Pure. What was sent after `applied_before` may not have been applied yet."""
    now = {held.key: held for held in ours}
    there = {each.key: each for each in found}
    numbers: Counter[str] = Counter()
    differences: list[Difference] = []
    for key in dict.fromkeys([*(held.key for held in chosen), *there]):
        held, other = now.get(key), there.get(key)
        known = held.known if held is not None else ABSENT
        content = other.content if other is not None else ABSENT
        if other is None and known == ABSENT:
            numbers["equal"] += held is not None
            continue
        if other is not None and known == content and known != ABSENT:
            numbers["equal"] += 1
            continue
        result = "ghost" if known == ABSENT else "lost" if other is None else "wrong"
        if held is not None and not _is_settled(held, applied_before):
            result = "unsettled"
        else:
            found_there = other.content if other is not None else None
            is_ours = other is None or other.ours
            differences.append(Difference(result, lane_id, key, held, found_there, is_ours))
        numbers[result] += 1
    return Outcome(numbers, differences)


def _is_settled(held: Held, applied_before: datetime) -> bool:
    waits = held.known == UNKNOWN or (held.wanted != held.known and not held.parked)
    return not waits and (held.sent_at is None or held.sent_at <= applied_before)


def choose(
    store: Store, scope: Scope, *, sample: int | None = None, booking_id: str | None = None
) -> Iterator[list[Held]]:
    """The posts to verify, page by page: a sample, those of a booking, or all that should be in the index."""
    if booking_id is not None:
        yield store.transact(lambda tx: verification.of_booking(tx, scope, booking_id))
    elif sample is not None:
        yield store.transact(lambda tx: verification.sample(tx, scope, sample))
    else:
        after, more = 0, True
        while more:
            page = store.transact(lambda tx, after=after: verification.page(tx, scope, after))  # type: ignore[misc]
            yield page
            after, more = (page[-1].id, len(page) == PAGE) if page else (after, False)


def verify(
    relay: Relay, finder: Finder, scope: Scope, pages: Iterable[list[Held]], pace: float,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:  # fmt: skip
    """Compare these posts, and all others of their residents, `pace` seconds between questions. Raises FindError."""
    settles = min(SETTLES, relay.settings.engagement_index[scope.engagement_index].key_spacing)
    asked: set[tuple[int, str]] = set()
    for page in pages:
        by_resident: defaultdict[tuple[int, str], list[Held]] = defaultdict(list)
        for each in page:
            by_resident[each.lane_id, each.key.resident_id].append(each)
        for (lane_id, resident), chosen in by_resident.items():
            if is_stopping():
                return
            if asked:
                time.sleep(pace)
            began = relay.store.transact(lambda tx: tx.now)
            found = finder.find(resident, chosen[0].key.source_system)
            again = (lane_id, resident) in asked  # of an earlier page: what is found was compared then
            asked.add((lane_id, resident))
            bookings = {held.key.booking_id for held in chosen} | {each.key.booking_id for each in found}
            ours = relay.store.transact(lambda tx, lane=lane_id, of=bookings: verification.of_bookings(tx, lane, of))  # type: ignore[misc]
            keys = {held.key for held in chosen}
            outcome = compare(
                chosen,
                [each for each in found if not again or each.key in keys],
                [held for held in ours if held.key.resident_id == resident],
                lane_id,
                began - settles,
            )
            yield outcome._replace(source_system=chosen[0].key.source_system)


def repair(store: Store, engagement_index: str, differences: Iterable[Difference], request: Request) -> int:
    """Have what differs sent again as it is wanted, at R-34's pace; how many posts. Parked ones are left alone."""
    wrong = [d for d in differences if d.ours and (d.held is None or not d.held.parked)]
    done = 0
    rest = iter(wrong)
    while some := list(islice(rest, PAGE)):

        def work(tx: Transaction, some: list[Difference] = some) -> int:
            verification.hold(tx, engagement_index)
            strange = [d for d in some if d.held is None]
            posts.want(tx, [WantedChange(d.lane_id, d.key, ABSENT, tx.now, None) for d in strange], bulk=True)
            ids = [d.held.id for d in some if d.held is not None]
            for lane_id in {d.lane_id for d in strange}:
                keys = {d.key for d in strange if d.lane_id == lane_id}
                made = verification.of_bookings(tx, lane_id, [key.booking_id for key in keys])
                ids += [held.id for held in made if held.key in keys]
            changed = parked.forget(tx, ids)
            audit.note(tx, request.who, request.command, f"{engagement_index} posts={changed}", request.reason)
            return changed

        done += store.transact(work)
    return done


def nightly(relay: Relay, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Compare a sample with each index for which it is configured, where it is anybody's turn, and keep the figures."""
    for name, index in relay.settings.engagement_index.items():
        every = index.verify_every
        if every is None or not index.find_content_url or is_stopping():
            continue
        chore = f"verify {name}"[:64]
        if relay.store.transact(lambda tx, chore=chore, every=every: take_turn(tx, chore, every)) is None:  # type: ignore[misc]
            continue
        finder, scope = relay.finder(name), Scope(name)
        try:
            pages = choose(relay.store, scope, sample=index.verify_sample)
            numbers: Counter[str] = Counter()
            for outcome in verify(relay, finder, scope, pages, NIGHTLY_PACE, is_stopping):
                numbers += outcome.numbers
        except FindError as error:
            log.error("the index could not be asked what it holds: %s", error, extra={"index": name})
            continue
        finally:
            finder.close()
        if not is_stopping():
            relay.store.transact(lambda tx, name=name, found=numbers: verification.note(tx, name, found))  # type: ignore[misc]
            differ = numbers["lost"] + numbers["ghost"] + numbers["wrong"]
            words = "the index differs from what it is known to hold: see `ei-relay verify`" if differ else "verified"
            log.log(logging.ERROR if differ else logging.INFO, words, extra={"index": name, "posts": dict(numbers)})
