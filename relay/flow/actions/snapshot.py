"""Applying a booking system's full list of bookings: what it means is found out first, then done.

    compare   the file, a page of lines at a time: what each would change is noted; then what the list lacks
              (nothing is changed, nobody waits)
    decide    whoever asked is shown the numbers (`relay.snapshot.refusal` has its own opinion)
    apply     what was noted, a page of bookings at a time: each judged again, for the outbox has gone on meanwhile,
              written down, and sent as bulk (R-34)

A page is one transaction that holds its source as intake does, and lets it go: live changes come between pages.
Nothing needs to survive a crash. The same list applied again finds what it did before unchanged, and does the rest.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from relay import change
from relay.booking import Booking
from relay.change import Change, OutboxRow, Rejected, booking_id_of
from relay.flow.publishing.republish import reevaluate
from relay.flow.publishing.rules import PublishingRules, rules_in_force
from relay.flow.relay import Relay, SourceContext
from relay.listing import COLUMNS, Line, ListingError, read_lines
from relay.snapshot import Comparison, Fate, Known, is_gone, judge, removed, restated
from relay.store import audit, bookings, changes, snapshots, sources
from relay.store.snapshots import Noted, Run
from relay.store.sources import Held
from relay.store.transaction import Transaction

PAGE: Final = 1000  # lines or bookings; some tens of milliseconds for which intake of the source may have to wait

Judge = Callable[[Known | None, Change, datetime], Fate]
Progress = Callable[[int], None]  # told after each page how far it is: bytes of the file, or bookings


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line that cannot be taken: every field that is wrong, its value masked, and what was expected."""

    line: int
    reason: str
    booking_id: str | None = None  # None: nobody knows whose it is


@dataclass(frozen=True, slots=True)
class Applied:
    """How many bookings were changed, and how many not any more, since the outbox had a later word on them."""

    changed: int
    newer: int


def compare(
    relay: Relay,
    source: str,
    file: BinaryIO,
    taken_at: datetime,
    reject: Callable[[Rejection], object],
    progress: Progress = lambda _: None,
) -> tuple[Run, Comparison]:
    """Find out what the list in `file`, taken at `taken_at`, would change, and note it as a run to apply.

    Each line that cannot be taken is told to `reject` as it comes. Raises ListingError, RunIsOver.
    """
    return compare_lines(relay, source, read_lines(file), taken_at, reject, lambda: progress(file.tell()))


def compare_lines(
    relay: Relay,
    source: str,
    lines: Iterator[Line],
    taken_at: datetime,
    reject: Callable[[Rejection], object],
    after_page: Callable[[], object] = lambda: None,
    *,
    judge: Judge = judge,
) -> tuple[Run, Comparison]:
    """The same of lines that come from somewhere. Whatever reading them raises ends the run."""
    context = relay.source(source)
    run = relay.store.transact(lambda tx: snapshots.begin(tx, source))
    snapshots.forget(relay.store, Run(run.source, run.number - 1))  # a run before it may have ended without
    rejected = nameless = 0
    try:
        for page in _pages(lines):
            for rejection in _compare_page(relay, context, run, page, taken_at, judge):
                rejected += 1
                nameless += rejection.booking_id is None
                reject(rejection)
            after_page()
    except (ListingError, KeyboardInterrupt):
        forget(relay, run)
        raise
    # Where nobody knows whose a line is, any booking that seems to be missing may be the one.
    upcoming = snapshots.note_gone(relay.store, run, taken_at, look_only=nameless > 0)
    fates = relay.store.transact(lambda tx: snapshots.counts(tx, run))
    if versioned := fates.pop(Fate.VERSIONED, 0):
        fates[Fate.UNCHANGED] = fates.get(Fate.UNCHANGED, 0) + versioned
    return run, Comparison(fates, rejected, nameless, upcoming, versioned)


def apply(
    relay: Relay,
    run: Run,
    taken_at: datetime,
    who: str,
    reason: str,
    progress: Progress = lambda _: None,
    rest: Callable[[float], None] = time.sleep,
) -> Applied:
    """Do what `compare` noted. Raises RunIsOver; CatalogueError where the source's lists of units or residents are
    wrong.

    Between pages it rests for as long as the last one took: half of the time is intake's.
    """
    context = relay.source(run.source)
    relay.store.transact(lambda tx: _note_why(tx, run, who, reason))
    changed = newer = 0
    after: str | None = ""
    while after is not None:
        started = time.monotonic()
        rules = context.policies.rules()
        work = partial(_apply_page, context=context, rules=rules, run=run, after=after, taken_at=taken_at)
        did, left, after = relay.store.transact(work)
        changed += did
        newer += left
        progress(changed + newer)
        if after is not None:
            rest(time.monotonic() - started)
    return Applied(changed, newer)


def forget(relay: Relay, run: Run) -> None:
    """Remove what was noted, when it was applied or is not going to be."""
    snapshots.forget(relay.store, run)


def _pages(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while page := list(islice(lines, PAGE)):
        yield page


def _compare_page(
    relay: Relay, context: SourceContext, run: Run, lines: list[Line], taken_at: datetime, judge: Judge
) -> list[Rejection]:
    """Note what the lines mean; those rejected."""
    readings = [(line, _read(line, context)) for line in lines]
    ids = {booking_id for line in lines if (booking_id := booking_id_of(line.row)) is not None}

    def work(tx: Transaction) -> list[Rejection]:
        snapshots.see_that_it_is_ours(tx, run)
        first_lines = snapshots.lines_of(tx, run, ids)
        known = bookings.load_known(tx, context.name, ids)
        rejections = []
        found: dict[str, Noted] = {}
        for line, said in readings:
            booking_id = booking_id_of(line.row)
            first = first_lines.setdefault(booking_id, line.number) if booking_id is not None else line.number
            if first != line.number:
                said = Rejected(f"booking_id: expected each booking once, this one stands on line {first} too")
            if isinstance(said, Rejected):
                rejections.append(Rejection(line.number, said.reason, booking_id))
                if booking_id is not None:
                    found[booking_id] = Noted(booking_id, first, Fate.REJECTED, None)
                continue
            fate = judge(known.get(said.booking_id), said, taken_at)
            applies = fate in (Fate.CREATED, Fate.CHANGED, Fate.VERSIONED)
            found[said.booking_id] = Noted(said.booking_id, line.number, fate, _pack(line.row) if applies else None)
        snapshots.note(tx, run, found.values())
        return rejections

    return relay.store.transact(work)


def _read(line: Line, context: SourceContext) -> Change | Rejected:
    return (
        Rejected(line.mistake)
        if line.mistake
        else change.read(line.row, context.source_systems, context.local_identities)
    )


def _apply_page(
    tx: Transaction, *, context: SourceContext, rules: PublishingRules, run: Run, after: str, taken_at: datetime
) -> tuple[int, int, str | None]:
    """Apply the page after the id `after`: how many were changed, how many not, and the id to go on from, or None."""
    held = sources.hold(tx, context.name)
    assert held is not None, "the run was begun on its row"
    rules = rules_in_force(tx, rules, held)
    snapshots.see_that_it_is_ours(tx, run)
    page = snapshots.page(tx, run, after, PAGE)
    does = resolve(page, bookings.load_known(tx, context.name, [noted.booking_id for noted in page]), context, taken_at)
    save(tx, held, context.name, does, taken_at)
    reevaluate(tx, rules, does.states)
    left = len(page) - len(does.states) - sum(map(len, does.versioned.values()))
    return len(does.states), left, page[-1].booking_id if len(page) == PAGE else None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a page of what was noted comes to, by what stands now."""

    states: list[Booking]
    versioned: dict[datetime, list[Booking]]  # by the time as of which they are known, which stays as it is
    fates: Counter[Fate]


def resolve(
    page: Iterable[Noted], known: Mapping[str, Known], context: SourceContext, taken_at: datetime, judge: Judge = judge
) -> Resolved:
    """Judge again what was noted of a page of bookings: the outbox has gone on meanwhile."""
    states: list[Booking] = []
    versioned: dict[datetime, list[Booking]] = {}
    fates: Counter[Fate] = Counter()
    for noted in page:
        current = known.get(noted.booking_id)
        if noted.fate is Fate.GONE:
            fate = Fate.GONE if current is not None and is_gone(current, taken_at) else Fate.NEWER
            if fate is Fate.GONE and current is not None:
                states.append(removed(current.booking))
        else:
            said = unpack(noted, context)
            fate = judge(current, said, taken_at)
            if fate is Fate.VERSIONED and current is not None:
                versioned.setdefault(current.as_of, []).append(restated(current.booking, said))
            elif fate in (Fate.CREATED, Fate.CHANGED):
                states.append(restated(current.booking if current is not None else None, said))
        fates[fate] += 1
    return Resolved(states, versioned, fates)


def save(tx: Transaction, held: Held, source: str, does: Resolved, taken_at: datetime) -> None:
    """Write the bookings down as the list has them."""
    bookings.save(tx, source, does.states, as_of=taken_at)
    if held.holds:
        changes.release(tx, source, [state.booking_id for state in does.states])  # the list is a newer word on them
    bookings.save_as_of(tx, source, does.versioned)


def _note_why(tx: Transaction, run: Run, who: str, reason: str) -> None:
    """In the audit log before the first booking is changed, so that none is changed without it."""
    snapshots.see_that_it_is_ours(tx, run)
    fates = snapshots.counts(tx, run)
    numbers = ", ".join(f"{fates.get(fate, 0)} {fate}" for fate in (Fate.CREATED, Fate.CHANGED, Fate.GONE))
    audit.note(tx, who, "snapshot apply", f"{run.source}: {numbers}", reason)


def _pack(row: OutboxRow) -> str:
    return json.dumps({name: text for name in COLUMNS if (text := getattr(row, name))}, ensure_ascii=False)


def unpack(noted: Noted, context: SourceContext) -> Change:
    """What was noted of a listed booking that is to be applied."""
    assert noted.said is not None
    row = OutboxRow(noted.line or 0, operation=change.UPSERT, **json.loads(noted.said))
    said = change.read(row, context.source_systems, context.local_identities)
    assert isinstance(said, Change), said  # it could be read when it was noted
    return said
