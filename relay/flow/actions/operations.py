"""What operators do to many posts at once: send again, retry what is parked, or discard it. And how lanes are resumed.

Posts are worked through in pages (`relay.store.selection`), so it can be broken off anywhere and asked for again: what
is done is done, and is not done twice. Two entries of the audit log frame it: what was asked for, written with the
first page, and what came of it. A mass resend is a run besides (`relay.store.runs`), which can be listed and cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from relay.flow.actions.selector import SelectionError
from relay.settings import Settings
from relay.store import audit, lanes, parked, runs
from relay.store.lanes import LaneName
from relay.store.selection import Selection, count, pages
from relay.store.transaction import Store, Transaction

REASSERTED: Final = ("indexed", "absent", "pending")  # what was sent and not refused, deletes too
RETRY_AFTER_FAULT: Final = timedelta(minutes=5)  # what R-35 asks for, where a lane's index is no longer configured
RESENT_BY_DEFAULT: Final = ("indexed", "pending", "parked")  # others must be asked for by name


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, by which command, and why."""

    who: str
    command: str
    reason: str | None


class Cancelled(Exception):
    """Somebody cancelled the run, whose number this is, while it was under way."""

    def __init__(self, run: int) -> None:
        self.run = run
        super().__init__(f"run {run} was cancelled")


def to_reprocess(chosen: Selection) -> Selection:
    """The posts that a reprocess means: where no state is named, none that is absent or discarded.

    Raises SelectionError for an empty selection: everything there is must be asked for in words, such as every
    state, or a source.
    """
    if not chosen:
        raise SelectionError("nothing is selected: say which posts, by source, unit, booking, state, code or time")
    return chosen if chosen.state else replace(chosen, state=RESENT_BY_DEFAULT)


def reprocess(
    store: Store,
    chosen: Selection,
    request: Request,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], object] = lambda _run, _matched: None,
) -> dict[str, int]:
    """Send posts again as they are, at R-34's pace: {"matched", "resent", "waiting"}, and "run", its number.

    `waiting` are those that were about to be sent anyway; a dry run counts them and changes nothing. Raises
    SelectionError for an empty selection, Cancelled where somebody cancels the run meanwhile. `progress` is told of
    the run and how many posts it has come by.
    """
    chosen = to_reprocess(chosen)
    if dry_run:
        found = count(store, chosen)
        waiting = sum(number for (_, state, _), number in found.items() if state == "pending")
        return {"matched": found.total(), "resent": 0, "waiting": waiting}
    begun = runs.Begun(request.command, str(chosen), request.who, request.reason)
    run = store.transact(lambda tx: runs.begin(tx, begun))

    def step(tx: Transaction, ids: Iterable[int]) -> int:
        if not runs.goes_on(tx, run):
            raise Cancelled(run)
        page = list(ids)
        runs.mark(tx, run, page)
        done = parked.forget(tx, page)
        runs.page(tx, run, len(page), done)
        return done

    matched, resent = _change(store, chosen, request, step, "resent", lambda number: progress(run, number))
    store.transact(lambda tx: runs.end(tx, run))
    return {"matched": matched, "resent": resent, "waiting": matched - resent, "run": run}


def reassert(store: Store, chosen: Selection, request: Request) -> dict[str, int]:
    """Send again every state that was last sent in a time, deletes included, at R-34's pace: {"matched", "resent",
    "waiting"}. `waiting` are those that are about to be sent anyway."""
    matched, resent = _change(store, replace(chosen, state=REASSERTED), request, parked.forget, "resent")
    return {"matched": matched, "resent": resent, "waiting": matched - resent}


def retry(store: Store, chosen: Selection, request: Request, *, bulk: bool) -> int:
    """Give parked posts a new chance, and discarded ones that are named by key or booking; how many."""
    named = bool(chosen.keys or chosen.booking)  # then also where it was discarded
    chosen = replace(chosen, state=("parked", "discarded") if named else ("parked",))
    return _change(store, chosen, request, partial(parked.retry, bulk=bulk), "retried")[1]


def discard(store: Store, chosen: Selection, request: Request) -> int:
    """Leave parked posts as they are, until their bookings change; how many."""
    return _change(store, replace(chosen, state=("parked",)), request, parked.discard, "discarded")[1]


def _change(
    store: Store,
    chosen: Selection,
    request: Request,
    step: Callable[[Transaction, Iterable[int]], int],
    done: str,
    progress: Callable[[int], object] = lambda _matched: None,
) -> tuple[int, int]:
    """How many posts were meant, and how many of them were changed."""
    matched = changed = 0

    def work(tx: Transaction, ids: list[int]) -> int:
        if not matched:
            audit.note(tx, request.who, request.command, str(chosen), request.reason)
        return step(tx, ids)

    for size, number in pages(store, chosen, work):
        matched += size
        changed += number
        progress(matched)
    ended = f"matched={matched} {done}={changed} {chosen}"
    store.transact(lambda tx: audit.note(tx, request.who, f"{request.command} ended", ended, request.reason))
    return matched, changed


def resume(tx: Transaction, settings: Settings, chosen: Sequence[LaneName], *, force: bool = False) -> None:
    """Let these lanes call again: a paused one goes on, a blocked one sends a probe, a resting one calls when R-35
    allows; with `force` now."""
    lanes.pause(tx, chosen, paused=False)
    for name in chosen:
        index = settings.engagement_index.get(name.engagement_index)
        lanes.end_rest(tx, name, index.retry_after_fault if index else RETRY_AFTER_FAULT, force=force)
