"""A rehearsal in QA: bookings of a test identity are made, changed, moved, cancelled, left to pass, and made in bulk.

    run      writes real outbox rows, phase by phase, and waits until the index has accepted what each asks for
    judge    pure: what the calls and posts showed, as the test cases of the self-declaration (R-54)

It goes the way of every booking: through the outbox, by the workers that run. Each phase has a bound; one that is not
reached in time has failed, and the next goes on. At the end everything is removed again. No identity is in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from relay.index.verdict import Kind
from relay.post import ABSENT
from relay.settings import EngagementIndex
from relay.store.onboarding import Call, Rehearsed

PASSED: Final = "godkänd"
FAILED: Final = "underkänd"
NOT_RUN: Final = "ej körd"
BATCH: Final = 1003  # one call of 1000 and one of 3

CREATE, CHANGE, MOVE, CANCEL, EXPIRE, MANY, CLEAN = "create", "change", "move", "cancel", "expire", "batch", "clean up"
PHASES: Final = (CREATE, CHANGE, MOVE, CANCEL, EXPIRE, MANY, CLEAN)

Row = Mapping[str, object]


class Case(NamedTuple):
    """A test case of the declaration, its result and what was measured; in Swedish."""

    number: str
    title: str
    result: str
    measured: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Which bookings are made. `passes_at` (Swedish, naive) is when the one that is left to pass begins."""

    prefix: str
    resident: str = field(repr=False)
    units: Sequence[str]  # one or two
    source_system: str
    later: datetime  # Swedish, naive: when the others begin, a week or so ahead
    passes_at: datetime
    batch: int = BATCH

    def rows(self, phase: str) -> list[Row]:
        """What a booking system writes in this phase; nothing for one that waits only, or cannot be run."""
        match phase:
            case "create":
                return [
                    self._upsert("1", starts_at=self.later),
                    self._upsert("2", kind="invitation", starts_at=self.later),
                    self._upsert("3", kind="open_invitation", invited_on=self.later.date()),
                    self._upsert("4", starts_at=self.passes_at),
                ]
            case "change":
                return [self._upsert("1", starts_at=self.later + timedelta(hours=1))]
            case "move":
                moved = {"kind": "invitation", "starts_at": self.later, "care_unit": self.units[-1]}
                return [self._upsert("2", **moved)] if len(self.units) > 1 else []
            case "cancel":
                return [self._remove("3")]
            case "batch":
                begins = (self.later + timedelta(minutes=n % 480) for n in range(self.batch))
                return [self._upsert(f"B{n}", starts_at=at) for n, at in enumerate(begins)]
            case "clean up":
                return [self._remove(name) for name in ("1", "2", "4", *(f"B{n}" for n in range(self.batch)))]
            case _:
                return []

    def _upsert(self, name: str, **said: object) -> Row:
        row: dict[str, object] = {
            "operation": "upsert", "booking_id": self.prefix + name, "resident_id": self.resident,
            "care_unit": self.units[0], "kind": "booking", "starts_at": None, "invited_on": None,
            "source_system": self.source_system,
        }  # fmt: skip
        return row | said

    def _remove(self, name: str) -> Row:
        return {"operation": "remove", "booking_id": self.prefix + name, "source_system": self.source_system}


class Phase(NamedTuple):
    """A phase that was run."""

    name: str
    began: datetime
    reached: bool
    seconds: float
    sent_before: datetime | None  # booking 1: when it was last sent before the phase, and after
    sent_after: datetime | None


class World:
    """What a rehearsal needs of the world; tests have one of their own."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], None],
        posts: Callable[[], list[Rehearsed]],
        wait: Callable[[Callable[[], bool]], bool],
        now: Callable[[], datetime],
        tell: Callable[[str], None],
        release: Callable[[], None],
    ) -> None:
        """`wait` gives whether the condition came true within its patience; `now` is aware. `release` lets go what the
        surge guard holds of the rehearsal's own bookings: to remove a thousand at once is what it is for."""
        self.write, self.posts, self.wait, self.now, self.tell, self.release = write, posts, wait, now, tell, release


def run(plan: Plan, world: World) -> list[Phase]:
    """Play the plan to its end; what was reached in each phase that could be run."""
    done: list[Phase] = []
    try:
        for name in PHASES[:-1]:
            done += _play(name, plan, world)
    finally:  # also after Ctrl-C: what was made goes again
        done += _play(CLEAN, plan, world)
    return done


def _play(name: str, plan: Plan, world: World) -> list[Phase]:
    rows = plan.rows(name)
    if not rows and name != EXPIRE:
        return []
    before, began = _sent(plan, world.posts()), world.now()
    world.tell(f"{name}: {len(rows)} rows" if rows else f"{name}: waiting for {plan.passes_at:%H:%M}")
    if rows:
        world.write(rows)

    def done() -> bool:
        world.release()
        return _is_reached(name, plan, world.posts())

    reached = world.wait(done)
    phase = Phase(name, began, reached, (world.now() - began).total_seconds(), before, _sent(plan, world.posts()))
    world.tell(f"{name}: {'as it should be' if reached else 'NOT reached'} after {phase.seconds:.0f} s")
    return [phase]


def _sent(plan: Plan, posts: Iterable[Rehearsed]) -> datetime | None:
    return max((p.sent_at for p in posts if p.booking_id == f"{plan.prefix}1" and p.sent_at), default=None)


def _is_reached(name: str, plan: Plan, posts: Sequence[Rehearsed]) -> bool:
    """Whether the index has accepted what the phase asks for."""

    def of(booking: str) -> list[Rehearsed]:
        return [p for p in posts if p.booking_id == plan.prefix + booking]

    def present(booking: str, unit: str = plan.units[0]) -> bool:
        return any(p.known == p.wanted != ABSENT and p.care_unit == unit for p in of(booking))

    def gone(booking: str) -> bool:
        return bool(of(booking)) and all(p.known == p.wanted == ABSENT for p in of(booking))

    match name:
        case "create":
            return all(present(booking) for booking in "1234")
        case "change":
            changed = f"{plan.later + timedelta(hours=1):%Y%m%d%H%M%S}"
            return any(p.known == p.wanted == changed for p in of("1"))
        case "move":
            old = [p for p in of("2") if p.care_unit == plan.units[0]]
            return present("2", plan.units[-1]) and all(p.known == ABSENT for p in old)
        case "cancel":
            return gone("3")
        case "expire":
            return gone("4")
        case "batch":
            made = [p for p in posts if p.booking_id.startswith(f"{plan.prefix}B")]
            return len(made) == plan.batch and all(p.known == p.wanted != ABSENT for p in made)
        case _:
            return all(p.known == p.wanted == ABSENT for p in posts)


def judge(plan: Plan, phases: Sequence[Phase], calls: Sequence[Call], index: EngagementIndex) -> list[Case]:
    """The test cases in the order of the declaration. A case that nothing was seen of is not run, never passed."""
    reached = {phase.name: phase.reached for phase in phases}
    made = [call for call in calls if call.ended_at is not None]
    refused = sum(call.verdict == Kind.CONTENT for call in made)
    moved = [MOVE] if MOVE in reached else []
    return [
        Case("1.1", "Innehållsregler", _all(reached, CREATE, also=not refused),
             f"{len(made)} anrop, {refused} avvisade"),
        Case("1.2", "Categorization", _all(reached, CREATE, also=not refused), "NA i varje post, godtaget av indexet"),
        Case("1.3", "Varje förändring skickas", _all(reached, CHANGE, *moved, CANCEL),
             "ändrad tid, " + ("flytt, " if moved else "") + "avbokning"),
        Case("1.4", "Sista posten tas bort", _all(reached, EXPIRE, CLEAN), "passerad tid, och till sist allt"),
        _sequence(made),
        _within_an_hour(phases),
        _spacing(phases, index),
        _repeats(made, index),
        _sizes(plan, phases, made, index),
        Case("2.4", "Initial laddning", NOT_RUN, "ingår inte i repetitionen"),
    ]  # fmt: skip


def _all(reached: Mapping[str, bool], *phases: str, also: bool = True) -> str:
    if any(phase not in reached for phase in phases):
        return NOT_RUN
    return PASSED if also and all(reached[phase] for phase in phases) else FAILED


def _sequence(made: Sequence[Call]) -> Case:
    overlapping = sum(a.ended_at is not None and b.started_at < a.ended_at for a, b in pairwise(made))
    result = NOT_RUN if len(made) < 2 else FAILED if overlapping else PASSED
    return Case("", "Anrop i sekvens, inte parallellt", result, f"{len(made)} anrop, {overlapping} överlappande")


def _within_an_hour(phases: Sequence[Phase]) -> Case:
    waited = [phase for phase in phases if phase.name != EXPIRE]
    longest = max((phase.seconds for phase in waited), default=0.0)
    late = not all(phase.reached for phase in waited) or longest > 3600
    result = NOT_RUN if not waited else FAILED if late else PASSED
    return Case("2.1", "Uppdatering inom 60 minuter", result, f"som längst {longest:.0f} s")


def _spacing(phases: Sequence[Phase], index: EngagementIndex) -> Case:
    title = "Femminutersregeln"
    changed = next((phase for phase in phases if phase.name == CHANGE), None)
    if changed is None or changed.sent_before is None or changed.sent_after in (None, changed.sent_before):
        return Case("2.2", title, NOT_RUN, "")
    assert changed.sent_after is not None
    apart = changed.sent_after - changed.sent_before
    result = PASSED if apart >= index.key_spacing else FAILED
    return Case("2.2", title, result, f"{apart.total_seconds():.0f} s mellan två sändningar av samma nyckel")


def _repeats(made: Sequence[Call], index: EngagementIndex) -> Case:
    title = "Regel #22: omsändning efter fel eller time-out"
    failed = [(a, b) for a, b in pairwise(made) if a.verdict in (Kind.TEMPORARY, Kind.UNKNOWN)]
    if not failed:
        return Case("", title, NOT_RUN, "inget anrop misslyckades")
    pauses = [b.started_at - a.ended_at for a, b in failed if a.ended_at is not None]
    shortest = min(pauses)
    result = PASSED if shortest >= index.retry_after_fault else FAILED
    return Case("", title, result, f"{len(failed)} fel, kortaste paus {shortest.total_seconds():.0f} s")


def _sizes(plan: Plan, phases: Sequence[Phase], made: Sequence[Call], index: EngagementIndex) -> Case:
    title = "Högst 1000 poster per anrop"
    batch = next((phase for phase in phases if phase.name == MANY), None)
    if batch is None or plan.batch <= index.max_posts_per_call:
        return Case("2.3", title, NOT_RUN, "")
    ends = batch.began + timedelta(seconds=batch.seconds)
    sizes = [call.posts for call in made if batch.began <= call.started_at < ends]
    result = PASSED if batch.reached and sizes and max(sizes) <= index.max_posts_per_call else FAILED
    return Case("2.3", title, result, f"{plan.batch} poster: anrop med " + ", ".join(map(str, sizes)))
