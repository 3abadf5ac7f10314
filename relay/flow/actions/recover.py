"""Recovering after the relay's database was restored, or lost its last transactions: what the outbox knows is used.

    begin    the source's lanes are held
    pages    the rows that were taken since a time are read again, by id, each page in one transaction:
             bookings    a row that has no receipt is applied again, by the rules of versions and ids; one that has is
                         in its booking already
             posts       every key that a row ever asked for, and every post its booking has, is *unknown*: it is sent
                         again as it is wanted now, in bulk; what nobody wants any more is deleted
             receipts    of the rows that had none
    end      the lanes may call again, `key_spacing` after they were held: what was sent before, nobody knows (R-32)

It can be broken off anywhere and asked for again: a row that this database has taken since the lanes are held is left
out. Nothing passes the surge guard: who asks has seen the dry run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from relay import change
from relay.batch import TAKEN, Receipt
from relay.booking import Booking, Policy, Withheld, succeed, wanted_post
from relay.change import Change, Rejected, booking_id_of, event_id_of
from relay.flow.actions.operations import Request
from relay.flow.intake import restored
from relay.flow.intake.hold import HELD
from relay.flow.publishing.rules import PublishingRules, rules_in_force
from relay.flow.relay import Relay, SourceContext
from relay.outbox import settled
from relay.outbox.settled import SettledRow
from relay.post import ABSENT, PostKey, reconcile
from relay.store import audit, bookings, changes, lanes, posts, receipts, restores, sources
from relay.store.lanes import LaneName
from relay.store.transaction import Transaction

MARGIN: Final = timedelta(hours=1)  # rows from so long before are read too: a transaction ends later than it begins
_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)  # then no booking's time had passed


class NothingKnownError(Exception):
    """No time was said, and nothing points to a restore."""


@dataclass(slots=True)
class Found:
    """What a recovery comes to."""

    rows: int = 0
    lost: int = 0  # rows of which this database knew nothing
    bookings: set[str] = field(default_factory=set)
    keys: dict[tuple[int, PostKey], bool] = field(default_factory=dict)  # {(lane, key): whether it is wanted}

    def add(self, other: Found) -> None:
        """Count a page."""
        self.rows += other.rows
        self.lost += other.lost
        self.bookings |= other.bookings
        self.keys |= other.keys


def since_of(relay: Relay, name: str, said: datetime | None) -> datetime:
    """From when on rows are read again: the earlier of what was said and what a comparison finds.

    Asks the outbox, and so raises as its driver does. Raises NothingKnownError.
    """
    found = restored.lost_since(relay, name)
    row = relay.store.transact(partial(restores.of_source, name=name))
    noted = row.restore_since if row is not None else None
    times = [time for time in (said, found, noted) if time is not None]
    if not times:
        raise NothingKnownError("nothing points to a restore: say with --since from when on rows are to be read again")
    return min(times) - MARGIN


def plan(relay: Relay, name: str, since: datetime) -> Iterator[Found]:
    """What `recover` would do, a page at a time; nothing is changed and nobody has to wait."""
    return _pages(relay, name, since, write=False)


def recover(relay: Relay, name: str, since: datetime, request: Request) -> Iterator[Found]:
    """Read the source's rows again, a page at a time, and let its lanes call when it is done."""
    at = relay.store.transact(partial(_begin, name=name, since=since, request=request))
    total = Found()
    for page in _pages(relay, name, since, write=True):
        total.add(page)
        yield page
    relay.store.transact(partial(_end, relay=relay, name=name, trusted_at=at, total=total, request=request))


def trust(relay: Relay, name: str, request: Request) -> None:
    """Take what stands in the database for what is: the source's lanes call again."""

    def work(tx: Transaction) -> None:
        sources.hold(tx, name)
        restores.clear(tx, name, _spacing(relay), tx.now)
        audit.note(tx, request.who, "recover --trust", name, request.reason)

    relay.store.transact(work)


def lanes_of(relay: Relay, name: str) -> dict[int, LaneName]:
    """The source's lanes, by id."""
    names = relay.store.transact(lambda tx: lanes.of_source(tx, name, hold=False))
    return {id_: lane for lane, id_ in names.items()}


def _begin(tx: Transaction, *, name: str, since: datetime, request: Request) -> datetime:
    sources.hold(tx, name)
    restores.suspect(tx, name, since + MARGIN, "it is being recovered: `ei-relay recover` has begun and not ended")
    audit.note(tx, request.who, request.command, f"{name} since {since:%Y-%m-%dT%H:%MZ}", request.reason)
    row = restores.of_source(tx, name)
    assert row is not None, "prepared"
    at: datetime = row.restore_suspected_at
    return at


def _end(tx: Transaction, *, relay: Relay, name: str, trusted_at: datetime, total: Found, request: Request) -> None:
    sources.hold(tx, name)
    restores.clear(tx, name, _spacing(relay), trusted_at)
    ended = f"{name}: rows={total.rows} lost={total.lost} bookings={len(total.bookings)} posts={len(total.keys)}"
    audit.note(tx, request.who, f"{request.command} ended", ended, request.reason)


def _spacing(relay: Relay) -> timedelta:
    return max(index.key_spacing for index in relay.settings.engagement_index.values())


def _pages(relay: Relay, name: str, since: datetime, *, write: bool) -> Iterator[Found]:
    context = relay.source(name)
    rules = context.policies.rules()
    odd: set[str] = set()
    for rows in settled.pages(context.reader, since):
        work: Callable[[Transaction], Found] = partial(
            _page, context=context, found=rules, rows=rows, odd=odd, write=write
        )
        yield relay.store.transact(work) if rows else Found()


def _page(
    tx: Transaction,
    *,
    context: SourceContext,
    found: PublishingRules,
    rows: list[SettledRow],
    odd: set[str],
    write: bool,
) -> Found:
    """A page: some ten statements, however many rows. `odd`: the bookings of which a row before was lost."""
    rules = found
    if write:
        held = sources.hold(tx, context.name)
        assert held is not None, "prepared"
        rules = rules_in_force(tx, found, held)
    names = lanes.of_source(tx, context.name, hold=write)
    every = [(each, change.read(each.row, context.source_systems, context.local_identities)) for each in rows]
    counts, lost = _apart(tx, context.name, rows)
    said = [(each, what) for each, what in every if each.row.id in counts]
    taken = [(each, what) for each, what in said if isinstance(what, Change)]
    again = list(_have_their_say(every, counts, lost, odd))
    known = bookings.load(tx, context.name, {what.booking_id for what in (*(what for _, what in taken), *again)})
    changed = _fold(known, again, tx.now)
    now_known = known | changed
    systems = {id_: name.source_system for name, id_ in names.items()}
    stored = posts.of_bookings(tx, systems, now_known)
    kept = changes.held_among(tx, context.name, now_known) - changed.keys()
    here = {n.source_system: id_ for n, id_ in names.items() if n.engagement_index == rules.engagement_index}
    todo, keys = [], dict.fromkeys(_asked_for(taken, names, (rules, found)), False)
    for booking_id, booking in now_known.items():
        mine = stored.get(booking_id, [])
        keys |= {(p.lane_id, p.key): p.wanted != ABSENT for p in mine if p.is_shown or p.wanted != ABSENT}
        if booking_id in kept:
            continue
        wanted = wanted_post(booking, rules.policy, tx.now)
        post = None if isinstance(wanted, Withheld) else wanted
        does = reconcile(mine, post, here, tx.now, unpark=booking_id in changed)
        keys |= {(c.lane_id, c.key): c.wanted != ABSENT for c in does}
        todo += does
    if write:
        bookings.save(tx, context.name, changed.values())
        changes.release(tx, context.name, changed)
        posts.want(tx, todo, bulk=True)
        assert held is not None
        restores.forget(tx, keys, _held_at(tx, context.name))
        receipts.add(tx, context.name, [_receipt(*each) for each in said if each[0].row.id in lost])
    return Found(len(counts), len(lost), set(now_known), keys)


def _held_at(tx: Transaction, name: str) -> datetime:
    row = restores.of_source(tx, name)
    at: datetime | None = row.restore_suspected_at if row is not None else None
    return at or tx.now


def _apart(tx: Transaction, name: str, rows: list[SettledRow]) -> tuple[set[int], set[int]]:
    """The ids of the rows that count, and of those of them that this database knows nothing of. Those it has taken
    since the lanes are held do not count: it knows what it has sent of them."""
    held_at = _held_at(tx, name)
    had = receipts.of_rows(tx, name, [each.row.id for each in rows])
    counts, lost = set(), set()
    for each in rows:
        receipt = had.get(each.row.id)
        if receipt is None or receipt.fingerprint != each.row.fingerprint():
            lost.add(each.row.id)
        elif receipt.settled_at is not None and receipt.settled_at >= held_at:
            continue
        counts.add(each.row.id)
    return counts, lost


def _have_their_say(
    every: Iterable[tuple[SettledRow, Change | Rejected]], counts: set[int], lost: set[int], odd: set[str]
) -> Iterator[Change]:
    """The changes that are folded again: the lost ones, and all behind them of the same booking, for those were judged
    without them. A row may have won that one with a version would have beaten, or beat one that has none."""
    for each, what in every:
        if isinstance(what, Change):
            is_lost = each.row.id in lost
            if is_lost or each.row.id not in counts:  # an earlier run, broken off, may have brought the lost one back
                odd.add(what.booking_id)
            if is_lost or (what.booking_id in odd and each.outcome == TAKEN):
                yield what


def _fold(known: dict[str, Booking], lost: Iterable[Change], now: datetime) -> dict[str, Booking]:
    """The bookings that are others when these rows have had their say again."""
    changed: dict[str, Booking] = {}
    for what in lost:
        current = changed.get(what.booking_id) or known.get(what.booking_id)
        if current is not None and current.row_id == what.row_id:
            continue
        if (booking := succeed(current, what)) is not None:
            changed[what.booking_id] = replace(booking, taken_at=now)
        elif current is not None and what.version is not None and what.version > (current.version or what.version - 1):
            changed[what.booking_id] = replace(current, version=what.version)  # the highest ever taken
    return changed


def _asked_for(
    taken: Iterable[tuple[SettledRow, Change]], names: dict[LaneName, int], candidates: tuple[PublishingRules, ...]
) -> Iterator[tuple[int, PostKey]]:
    """The keys, with their lanes, that the rows asked for when they were taken, or may have since."""
    distinct = {rules.fingerprint: rules for rules in candidates}.values()
    for each, what in taken:
        if each.outcome != TAKEN or what.details is None:
            continue
        booking = Booking(what.booking_id, what.row_id, what.version, what.version, what.source_system, what.details)
        for rules in distinct:
            policy = _then(rules.policy, what, was_published=each.reason is None or each.reason.startswith(HELD))
            wanted = wanted_post(booking, policy, _ALWAYS)
            lane = names.get(LaneName(rules.engagement_index, what.source_system))
            if not isinstance(wanted, Withheld) and lane is not None:
                yield lane, wanted.key


def _then(policy: Policy, what: Change, *, was_published: bool) -> Policy:
    """The policy by which a row's post was made, as far as it is known: its unit was active then."""
    if not was_published or policy.units is None or what.details is None:
        return policy
    unit = policy.units.get(what.details.care_unit)
    if unit is not None and unit.active:
        return policy
    controller = (unit.data_controller if unit is not None else None) or policy.data_controller
    return replace(policy, units=None, data_controller=controller)


def _receipt(each: SettledRow, what: Change | Rejected) -> Receipt:
    """As intake wrote it, but for who won over a superseded row."""
    row = each.row
    about = None if each.outcome == TAKEN else booking_id_of(row)
    receipt = Receipt(row.id, row.fingerprint(), None, each.outcome, each.reason, about)
    event_id = event_id_of(row)
    if event_id is None or not isinstance(what, Change):
        return receipt
    return receipt._replace(event_id=event_id, content=what.content(), event_booking=what.booking_id)
