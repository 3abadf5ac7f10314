"""Comparing with the booking system's own tables, by a query: what no outbox told is found, whatever the reason.

    position   the time, before the query begins; what is taken from the outbox after it is later than the list
    compare    the rows of the query, as `relay.flow.actions.snapshot` compares a file; nothing is changed
    plan       what that would do to posts, again without a change. Bookings of which rows wait in the outbox are left
               to those
    apply      as bulk. Where it would remove or move more posts than may go without a word, the posts of those bookings
               stay as they are (`ei-relay changes`), and the rest is done

A list that is empty, or lacks half of the upcoming bookings, is not believed at all. A row that cannot be read
leaves its booking as it is. Each night's result is kept (`relay.store.notes`), and shown by `status` and the metrics.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from relay.booking import Booking, Withheld, expiry, wanted_post
from relay.catalogue import CatalogueError
from relay.change import Change
from relay.flow.actions import snapshot as lists
from relay.flow.actions.snapshot import PAGE, Rejection
from relay.flow.intake.hold import effects
from relay.flow.publishing.rules import PublishingRules, rules_in_force
from relay.flow.relay import Relay, SourceContext
from relay.identity import mask
from relay.listing import ListingError
from relay.outbox.full_list import read_list, waiting
from relay.outbox.trouble import explain
from relay.post import StoredPost, WantedChange, reconcile
from relay.snapshot import Comparison, Fate, Known, judge
from relay.store import audit, bookings, changes, lanes, posts, restores, snapshots, sources
from relay.store.snapshots import Run
from relay.store.transaction import Transaction
from relay.surge import Guard, Hour

log = logging.getLogger(__name__)

MOST_WAITING: Final = 5_000  # rows in the outbox; more are to be taken first
STOPPED: Final = "the process that was at it stops"
REASONS: Final = 3  # rejected rows whose reason is kept


class NotCompared(Exception):
    """The list was not compared; the text says why, and quotes no value."""


class Busy(NotCompared):
    """Somebody else is at a list of the source."""


@dataclass(slots=True)
class Plan:
    """What applying would do: bookings by fate, and how many of them lose their post, or have it moved."""

    fates: Counter[Fate] = field(default_factory=Counter)
    waiting: int = 0  # left to the rows that wait in the outbox
    lose: int = 0
    moved: int = 0
    present: int = 0
    held: int = 0

    def __iadd__(self, other: Plan) -> Plan:
        self.fates += other.fates
        self.waiting += other.waiting
        self.lose += other.lose
        self.moved += other.moved
        self.held += other.held
        return self

    @property
    def changes(self) -> int:
        """How many bookings are otherwise on the list."""
        return sum(self.fates[fate] for fate in (Fate.CREATED, Fate.CHANGED, Fate.GONE))


@dataclass(frozen=True, slots=True)
class Found:
    """A list that was compared, noted for as long as it may be applied."""

    run: Run
    taken_at: datetime
    comparison: Comparison
    plan: Plan
    why: str | None  # the posts that go are to be held, and why
    rejected: list[str]  # the first reasons


def compare(
    relay: Relay,
    name: str,
    tell: Callable[[Rejection], object] = lambda _: None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Found:
    """Read the source's full list and find out what it would change; nothing is changed. `forget` it afterwards.

    Raises NotCompared, RunIsOver; CatalogueError where the source's lists of units or residents are wrong.
    """
    settings = next(source for source in relay.settings.source if source.name == name)
    if not settings.full_list_query:
        raise NotCompared("the source has no full_list_query")
    taken_at = relay.store.transact(partial(_position, name=name))
    if _waiting(relay, name) is None:
        raise NotCompared(f"more than {MOST_WAITING} rows wait in its outbox: they are to be taken first")
    reasons: list[str] = []

    def reject(rejection: Rejection) -> None:
        if len(reasons) < REASONS:
            whose = f"booking {mask(rejection.booking_id)}" if rejection.booking_id else f"row {rejection.line}"
            reasons.append(f"{whose}: {rejection.reason}")
        tell(rejection)

    def go_on() -> None:
        if is_stopping():
            raise ListingError(STOPPED)

    url = relay.settings.outbox_url_of(settings)
    try:
        with closing(read_list(url, settings.full_list_query, settings.full_list_timeout)) as lines:
            run, comparison = lists.compare_lines(relay, name, lines, taken_at, reject, go_on, judge=_judge)
    except ListingError as error:
        raise NotCompared(str(error)) from None
    try:
        plan = _go_through(relay, run, taken_at, None, is_stopping)
        return Found(run, taken_at, comparison, plan, _held_back(relay, name, plan), reasons)
    except (NotCompared, CatalogueError):  # what was read names residents, and would keep the next one waiting
        lists.forget(relay, run)
        raise


def apply(
    relay: Relay,
    found: Found,
    who: str,
    reason: str,
    *,
    ask: bool = True,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Plan:
    """Do what was found; what was done. Without `ask` nothing is held. Raises RunIsOver, NotCompared."""
    plan = found.plan
    said = ", ".join(f"{plan.fates[fate]} {fate}" for fate in (Fate.CREATED, Fate.CHANGED, Fate.GONE))
    if plan.changes:
        relay.store.transact(lambda tx: audit.note(tx, who, "full list", f"{found.run.source}: {said}", reason))
    does = _Does(found.why if ask else None, plan.present, ask)
    return _go_through(relay, found.run, found.taken_at, does, is_stopping)


def forget(relay: Relay, found: Found) -> None:
    """Remove what was noted of the list."""
    lists.forget(relay, found.run)


@dataclass(frozen=True, slots=True)
class _Does:
    """How it is done: `why` the posts that go are held, None: they are not."""

    why: str | None
    present: int
    ask: bool


def _position(tx: Transaction, name: str) -> datetime:
    row = restores.of_source(tx, name)
    if row is not None and row.restore_suspected_at is not None:
        raise NotCompared("it waits for `ei-relay recover`, as all of the source does")
    if row is not None and row.retired_at is not None:
        raise NotCompared("the source is retired")
    if snapshots.is_at_work(tx, name):
        raise Busy("another list of the source is being applied, or was left behind within the last hour")
    return tx.now


def _judge(known: Known | None, said: Change, taken_at: datetime) -> Fate:
    """A booking whose time has passed is history, and no news where it is not known any more."""
    fate = judge(known, said, taken_at)
    if fate is Fate.CREATED and said.details is not None:
        ends = expiry(said.details)
        return Fate.UNCHANGED if ends is not None and ends <= taken_at else fate
    return fate


def _waiting(relay: Relay, name: str) -> set[str] | None:
    try:
        return waiting(relay.source(name).reader, MOST_WAITING)
    except Exception as error:  # whatever its driver raises
        text = explain(error, relay.outbox_table(name))
        raise NotCompared(f"the outbox could not be read: {text}") from None


def _held_back(relay: Relay, name: str, plan: Plan) -> str | None:
    """Why what goes has to wait for an operator's decision; None: it has not."""

    def work(tx: Transaction) -> tuple[int, Hour]:
        held = sources.hold(tx, name)
        return posts.present(tx, lanes.of_source(tx, name).values()), Hour.of(held.surge if held else None, tx.now)

    plan.present, hour = relay.store.transact(work)
    guard = relay.guard
    if not plan.lose or not guard.stops(plan.lose + hour.gone_within, plan.present + hour.gone_within):
        return None
    return (
        f"the full list would remove or move {plan.lose} posts of {plan.present}, after {hour.gone_within} within the "
        f"hour; {guard.most(plan.present + hour.gone_within)} may without asking"
    )


def _go_through(
    relay: Relay, run: Run, taken_at: datetime, does: _Does | None, is_stopping: Callable[[], bool]
) -> Plan:
    """All that was noted, a page at a time; without `does` nothing is changed."""
    context, total = relay.source(run.source), Plan()
    after: str | None = ""
    while after is not None:
        began = time.monotonic()
        left = _waiting(relay, run.source)
        if is_stopping():
            raise NotCompared(STOPPED)
        if left is None:
            raise NotCompared(f"more than {MOST_WAITING} rows wait in its outbox by now: they are to be taken first")
        page = _Page(context, context.policies.rules(), relay.guard, run, taken_at, left, does)
        part, after = relay.store.transact(partial(page.work, after=after))
        total += part
        if after is not None:
            time.sleep(time.monotonic() - began)  # half of the time is intake's
    return total


@dataclass(frozen=True, slots=True)
class _Page:
    context: SourceContext
    rules: PublishingRules
    guard: Guard
    run: Run
    taken_at: datetime
    left: set[str]
    does: _Does | None

    def work(self, tx: Transaction, after: str) -> tuple[Plan, str | None]:
        """Work on the page behind the id `after`; what it came to, and the id to go on from."""
        name = self.context.name
        held = sources.hold(tx, name)
        assert held is not None, "the run was begun on its row"
        rules = rules_in_force(tx, self.rules, held)
        snapshots.see_that_it_is_ours(tx, self.run)
        page = snapshots.page(tx, self.run, after, PAGE)
        ours = [noted for noted in page if noted.booking_id not in self.left]
        known = bookings.load_known(tx, name, [noted.booking_id for noted in ours])
        found = lists.resolve(ours, known, self.context, self.taken_at, _judge)
        plan = Plan(found.fates, waiting=len(page) - len(ours))
        stored, todo = _posts(tx, rules, found.states, hold=self.does is not None)
        gone, moved, arrivals = effects(stored, todo)
        plan.lose, plan.moved = len(gone), len(moved)
        if self.does is not None:
            lists.save(tx, held, name, found, self.taken_at)
            kept: set[str] = set()
            hour = Hour.of(held.surge, tx.now)
            if gone and self.does.why is not None:
                kept |= gone
                counts = {"removed": len(gone - moved), "moved": len(moved)}
                self._hold(tx, changes.COMPARED, gone, self.does.why, counts)
            else:
                hour.take(len(gone), tx.now)
            asks = self.does.ask and self.guard.enabled and self.guard.alike
            if asks and arrivals and (alike := hour.alike(arrivals, self.guard.alike, tx.now)):
                kept |= alike
                why = f"more than {self.guard.alike} new posts of the full list are for one resident, or one second"
                self._hold(tx, changes.ARRIVALS, alike, why, {"created": len(alike)})
            if gone or arrivals:
                sources.remember_hour(tx, name, hour.text())
            posts.want(tx, [each for b, some in todo.items() if b not in kept for each in some], bulk=True)
            plan.held = len(kept)
        return plan, page[-1].booking_id if len(page) == PAGE else None

    def _hold(self, tx: Transaction, kind: str, ids: set[str], why: str, counts: dict[str, int]) -> None:
        assert self.does is not None
        number = changes.hold_bookings(tx, self.context.name, kind, ids, self.does.present, why, counts)
        text = "changes of many posts at once are held: see `ei-relay changes list`"
        tx.tell(log.error, text, extra={"source": self.context.name, "change": number, "kind": kind, "posts": len(ids)})


def _posts(
    tx: Transaction, rules: PublishingRules, states: list[Booking], *, hold: bool
) -> tuple[dict[str, list[StoredPost]], dict[str, list[WantedChange]]]:
    """The posts of these bookings, and what must change of them."""
    names = lanes.of_source(tx, rules.source, hold=hold)
    systems = {id_: name.source_system for name, id_ in names.items()}
    here = {n.source_system: id_ for n, id_ in names.items() if n.engagement_index == rules.engagement_index}
    stored = posts.of_bookings(tx, systems, [state.booking_id for state in states])
    todo: dict[str, list[WantedChange]] = {}
    for state in states:
        wanted = wanted_post(state, rules.policy, tx.now)
        is_here = not isinstance(wanted, Withheld) and wanted.key.source_system in here
        post = wanted if is_here and not isinstance(wanted, Withheld) else None
        if each := reconcile(stored.get(state.booking_id, ()), post, here, tx.now, unpark=False):
            todo[state.booking_id] = each
    return stored, todo
