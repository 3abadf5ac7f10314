"""The show: writes the script as time passes, shows what comes of it, waits until all is settled, and compares."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from relay.demo.config import KEY_SPACING, environment
from relay.demo.expected import differences, does_hold, should_hold
from relay.demo.screen import Moment, Screen
from relay.demo.stage import Stage
from relay.demo.story import FORGETS_AT, OUTAGE_AT, tell
from relay.demo.watch import SeenCall, Watch
from relay.flow.actions import operations
from relay.store.selection import Selection
from relay.store.verification import RESULTS

_OUTCOMES: Final = "taken duplicate superseded rejected waiting"  # the order in which equal numbers are named
_LOOK_EVERY: Final = 0.25
_SETTLED_LOOKS: Final = 3  # in a row, so that nothing was just on its way between two of the questions
_PATIENCE: Final = 60.0  # seconds after the last row
_GATHERED_FOR: Final = timedelta(seconds=10)  # longer than the index gathers posts before it stores them


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen. `differences` is empty where the index equals the bookings."""

    outcomes: Counter[str]
    calls: list[SeenCall]
    delays: list[float]  # seconds, in order of size
    index: dict[str, Any]  # the sandbox's summary
    systems: int
    bookings: int
    differences: list[str]
    read_back: dict[str, int]  # what `ei-relay verify` found: {"equal": 61, "lost": 0, …}

    @property
    def good(self) -> bool:
        """Whether the index equals the bookings, for us and for the relay, and no rule was broken on the way."""
        unlike = sum(self.read_back.get(result, 0) for result in ("lost", "ghost", "wrong"))
        return not self.differences and not self.index["breaches"] and not unlike


def play(stage: Stage, screen: Screen, seconds: float) -> Result:
    """Play for `seconds`, and until all is settled. Raises StartFailed when a part of the stage dies."""
    screen.say(f"running: {stage.parts}")
    with closing(Watch(stage)) as watch:
        _Show(stage, screen, watch, seconds).run()
        now = datetime.now(UTC)
        bookings = [(system, booking) for system in stage.cast for booking in stage.systems[system.name].bookings()]
        return Result(
            outcomes=watch.outcomes(),
            calls=watch.calls,
            delays=watch.delays(),
            index=watch.summary(),
            systems=len(stage.cast),
            bookings=len(bookings),
            differences=differences(should_hold(bookings, now), does_hold(watch.listed())),
            read_back=_read_back(stage),
        )


def _read_back(stage: Stage) -> dict[str, int]:
    """What the relay itself says when it asks the index what it holds, which a regional one may allow (R-39)."""
    command = [sys.executable, "-m", "relay", "verify", "--all", "--pace", "0s", "--json"]
    done = subprocess.run(command, env=environment(stage.config), capture_output=True, text=True, check=False)
    lanes = json.loads(done.stdout)["lanes"] if done.returncode in (0, 1) and done.stdout else []
    found: Counter[str] = Counter()
    for lane in lanes:
        found.update({result: lane[result] for result in RESULTS if lane[result]})
    return dict(found)


class _Show:
    def __init__(self, stage: Stage, screen: Screen, watch: Watch, seconds: float) -> None:
        self._stage = stage
        self._screen = screen
        self._watch = watch
        self._seconds = seconds
        self._steps = tell(datetime.now(UTC), seconds, stage.cast)
        self._start = time.monotonic()
        self._written = 0
        self._outage_ordered = False
        self._forgot_at: float | None = None
        self._last_forgotten = 0  # the last call of which posts may be forgotten
        self._said_again = False

    def run(self) -> None:
        """Until everything is written and settled, or patience ends."""
        quiet = 0
        while quiet < _SETTLED_LOOKS and self._elapsed() < self._seconds + _PATIENCE:
            until = time.monotonic() + _LOOK_EVERY
            self._stage.check()
            self._write_due()
            self._forget_and_mend()
            self._look()
            if self._over():
                quiet = quiet + 1 if self._watch.settled() else 0
            time.sleep(max(until - time.monotonic(), 0))

    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _over(self) -> bool:
        return self._written == len(self._steps) and self._elapsed() >= self._seconds and self._said_again

    def _write_due(self) -> None:
        if not self._outage_ordered and self._elapsed() >= OUTAGE_AT * self._seconds:
            self._watch.fail_once()
            self._outage_ordered = True
        while self._written < len(self._steps) and self._steps[self._written].at <= self._elapsed():
            step = self._steps[self._written]
            self._stage.systems[step.system.name].write(step.booking, step.event_id, step.writing)
            self._screen.wrote(step)
            self._written += 1

    def _forget_and_mend(self) -> None:
        """The index loses posts that it has answered OK to; then all that it was sent lately is sent again."""
        elapsed, (first, last) = self._elapsed(), (share * self._seconds for share in FORGETS_AT)
        if self._forgot_at is None:
            if elapsed < first or (elapsed < last and not self._watch.summary()["collecting"]):
                return
            forgotten = self._watch.forget()
            self._forgot_at = elapsed
            self._last_forgotten = self._watch.last_call()
            self._screen.happened(elapsed, f"its back end died: forgot {forgotten} of what it had answered OK to")
        elif not self._said_again and self._watch.is_recorded(self._last_forgotten):
            since = datetime.now(UTC) - timedelta(seconds=elapsed - self._forgot_at) - _GATHERED_FOR
            lately = Selection(state=("indexed", "absent"), since=since)
            request = operations.Request("demo", "reprocess", "the index's back end died")
            done = operations.reprocess(self._stage.store, lately, request)
            self._said_again = True
            self._screen.happened(elapsed, f"reprocess: {done['resent']} recent posts are sent again")

    def _look(self) -> None:
        calls, changes = self._watch.look()
        elapsed = self._elapsed()
        for call in calls:
            self._screen.called(elapsed, call)
        for change in changes:
            self._screen.changed(elapsed, change)
        pace = f"a key rests {KEY_SPACING:.0f} s (5 min in real life)"
        self._screen.draw(
            Moment(elapsed, self._seconds, self._written, len(self._watch.calls), len(self._watch.held),
                   "waiting until all is settled …" if self._over() else pace)
        )  # fmt: skip


def report(result: Result) -> list[str]:
    """The summary's lines; the last one says whether the index equals the bookings."""
    outcomes, index = result.outcomes, result.index
    sizes = [call.posts for call in result.calls]
    failed = Counter(call.answer.partition(":")[0] for call in result.calls if not call.accepted)
    told = index["notifications_by_kind"]
    lines = [
        ("bookings", f"{result.bookings} in {result.systems} booking systems, {outcomes.total()} outbox rows"),
        ("outcomes", _counted(Counter({name: outcomes[name] for name in sorted(outcomes, key=_OUTCOMES.find)}))),
        ("calls", f"{len(result.calls)}" + (f", of which failed: {_counted(failed)}" if failed else "")),
        ("posts per call", f"{min(sizes)} to {max(sizes)}, on average {sum(sizes) / len(sizes):.1f}" if sizes else "-"),
        ("delay", f"{_median(result.delays):.1f} s p50, {max(result.delays):.1f} s max, from the change to the "
                  "index's OK" if result.delays else "none"),
        ("notifications", f"{index['notifications']}: {_counted(Counter(told))}"),
        ("forgotten", f"{index['forgotten']} after their OK, when the index's back end died; sent again since"),
        ("breaches of rules", _counted(Counter(index["breaches_by_rule"])) or "none"),
        ("the index holds", f"{index['posts']} posts"),
        ("read back", _counted(Counter(result.read_back)) or "nothing; see `ei-relay verify`"),
    ]  # fmt: skip
    text = [f"  {name:<18}{value}" for name, value in lines]
    if result.differences:
        return [*text, "", *result.differences, f"index differs from bookings in {len(result.differences)} posts"]
    if not result.good:
        return [*text, "", "index equals bookings, but rules were broken"]
    return [*text, "", "index equals bookings"]


def _counted(counts: Counter[str]) -> str:
    """The most first; of equal numbers, that which came first."""
    return ", ".join(f"{number} {name}" for name, number in counts.most_common())


def _median(ordered: Sequence[float]) -> float:
    return ordered[len(ordered) // 2]
