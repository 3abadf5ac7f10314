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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

from relay import change
from relay.booking import Booking
from relay.change import Change, OutboxRow, Rejected, booking_id_of
from relay.flow.ground import Ground, ground_in
from relay.flow.relay import Relay, SourceRoom
from relay.flow.republish import weigh
from relay.listing import COLUMNS, Line, ListingError, read_lines
from relay.snapshot import Comparison, Fate, is_gone, judge, removed, restated
from relay.store import audit, bookings, changes, snapshots, sources
from relay.store.snapshots import Noted, Run
from relay.store.transaction import Transaction

PAGE: Final = 1000  # lines or bookings; some tens of milliseconds for which intake of the source may have to wait

Progress = Callable[[int], None]  # told after each page how far it is: bytes of the file, or bookings


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line that cannot be taken: every field that is wrong, its value masked, and what was expected."""

    line: int
    reason: str


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
    room = relay.source(source)
    run = relay.store.transact(lambda tx: snapshots.begin(tx, source))
    snapshots.forget(relay.store, Run(run.source, run.number - 1))  # a run before it may have ended without
    rejected = nameless = 0
    try:
        for lines in _pages(read_lines(file)):
            for rejection, named in _compare_page(relay, room, run, lines, taken_at):
                rejected += 1
                nameless += not named
                reject(rejection)
            progress(file.tell())
    except (ListingError, KeyboardInterrupt):
        forget(relay, run)
        raise
    # Where nobody knows whose a line is, any booking that seems to be missing may be the one.
    standing = snapshots.note_gone(relay.store, run, taken_at, look_only=nameless > 0)
    fates = relay.store.transact(lambda tx: snapshots.counts(tx, run))
    if versioned := fates.pop(Fate.VERSIONED, 0):
        fates[Fate.UNCHANGED] = fates.get(Fate.UNCHANGED, 0) + versioned
    return run, Comparison(fates, rejected, nameless, standing, versioned)


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
    room = relay.source(run.source)
    relay.store.transact(lambda tx: _note_why(tx, run, who, reason))
    changed = newer = 0
    after: str | None = ""
    while after is not None:
        started = time.monotonic()
        ground = room.policies.ground()
        work = partial(_apply_page, room=room, ground=ground, run=run, after=after, taken_at=taken_at)
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
    relay: Relay, room: SourceRoom, run: Run, lines: list[Line], taken_at: datetime
) -> list[tuple[Rejection, bool]]:
    """Note what the lines mean; those rejected, each with whether it is known whose it is."""
    readings = [(line, _read(line, room)) for line in lines]
    ids = {booking_id for line in lines if (booking_id := booking_id_of(line.row)) is not None}

    def work(tx: Transaction) -> list[tuple[Rejection, bool]]:
        snapshots.see_that_it_is_ours(tx, run)
        first_lines = snapshots.lines_of(tx, run, ids)
        known = bookings.load_known(tx, room.name, ids)
        rejections = []
        found: dict[str, Noted] = {}
        for line, said in readings:
            booking_id = booking_id_of(line.row)
            first = first_lines.setdefault(booking_id, line.number) if booking_id is not None else line.number
            if first != line.number:
                said = Rejected(f"booking_id: expected each booking once, this one stands on line {first} too")
            if isinstance(said, Rejected):
                rejections.append((Rejection(line.number, said.reason), booking_id is not None))
                if booking_id is not None:
                    found[booking_id] = Noted(booking_id, first, Fate.REJECTED, None)
                continue
            fate = judge(known.get(said.booking_id), said, taken_at)
            applies = fate in (Fate.CREATED, Fate.CHANGED, Fate.VERSIONED)
            found[said.booking_id] = Noted(said.booking_id, line.number, fate, _pack(line.row) if applies else None)
        snapshots.note(tx, run, found.values())
        return rejections

    return relay.store.transact(work)


def _read(line: Line, room: SourceRoom) -> Change | Rejected:
    return Rejected(line.mistake) if line.mistake else change.read(line.row, room.source_systems, room.local_identities)


def _apply_page(
    tx: Transaction, *, room: SourceRoom, ground: Ground, run: Run, after: str, taken_at: datetime
) -> tuple[int, int, str | None]:
    """Apply the page after the id `after`: how many were changed, how many not, and the id to go on from, or None."""
    held = sources.hold(tx, room.name)
    assert held is not None, "the run was begun on its row"
    ground = ground_in(tx, ground, held)
    snapshots.see_that_it_is_ours(tx, run)
    page = snapshots.page(tx, run, after, PAGE)
    known = bookings.load_known(tx, room.name, [noted.booking_id for noted in page])
    states: list[Booking] = []
    versioned: dict[datetime, list[Booking]] = {}  # by the time as of which they are known, which stays as it is
    for noted in page:
        current = known.get(noted.booking_id)
        if noted.fate is Fate.GONE:
            if current is not None and is_gone(current, taken_at):
                states.append(removed(current.booking))
        else:
            said = _unpack(noted, room)
            fate = judge(current, said, taken_at)
            if fate is Fate.VERSIONED:
                assert current is not None
                versioned.setdefault(current.as_of, []).append(restated(current.booking, said))
            elif fate in (Fate.CREATED, Fate.CHANGED):
                states.append(restated(current.booking if current is not None else None, said))
    bookings.save(tx, room.name, states, as_of=taken_at)
    if held.holds:
        changes.release(tx, room.name, [state.booking_id for state in states])  # the list is a newer word on them
    bookings.save_as_of(tx, room.name, versioned)
    weigh(tx, ground, states)
    left = len(page) - len(states) - sum(map(len, versioned.values()))
    return len(states), left, page[-1].booking_id if len(page) == PAGE else None


def _note_why(tx: Transaction, run: Run, who: str, reason: str) -> None:
    """In the audit log before the first booking is changed, so that none is changed without it."""
    snapshots.see_that_it_is_ours(tx, run)
    fates = snapshots.counts(tx, run)
    numbers = ", ".join(f"{fates.get(fate, 0)} {fate}" for fate in (Fate.CREATED, Fate.CHANGED, Fate.GONE))
    audit.note(tx, who, "snapshot apply", f"{run.source}: {numbers}", reason)


def _pack(row: OutboxRow) -> str:
    return json.dumps({name: text for name in COLUMNS if (text := getattr(row, name))}, ensure_ascii=False)


def _unpack(noted: Noted, room: SourceRoom) -> Change:
    assert noted.said is not None
    row = OutboxRow(noted.line or 0, operation=change.UPSERT, **json.loads(noted.said))
    said = change.read(row, room.source_systems, room.local_identities)
    assert isinstance(said, Change), said  # it could be read when it was noted
    return said
