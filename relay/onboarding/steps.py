"""How far each step has come: seen by the relay, said by a person, not applicable, or open (R-51).

Pure. What a person says wins over nothing that was seen: a step is open while neither has happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from relay.onboarding.process import CONNECTED, TEST, UNITS, Step, steps_of
from relay.store.evidence import Evidence
from relay.store.onboarding import THE_STEP, Entry

SEEN: Final = "seen"
SAID: Final = "said"
NOT_APPLICABLE: Final = "not applicable"
OPEN: Final = "open"
ORDERED: Final = "ordered"  # of an entry: a document was written; it is for a person to send it
PASSED: Final = "passed"  # of an entry: a rehearsal or a check
FAILED: Final = "failed"

BY_ITSELF: Final = "the relay"  # who said so, of what was seen


class State(NamedTuple):
    """A step of one source and how far it has come; the names are those of `onboarding steps --json`."""

    environment: str
    source: str
    step: str
    number: str
    title: str
    state: str
    by: str | None
    date: str | None
    evidence: str | None  # what was seen, or the note of who said so
    waits_for: list[str]  # keys of steps that come first and are not done
    missing: list[str]  # HSA-ids of care units that are in use and not confirmed as activated
    next: str | None


class Facts(NamedTuple):
    """What is known of one source in one environment."""

    seen: Evidence
    said: Sequence[Entry]
    units: Collection[str]  # HSA-ids that are listed as active or in use


def states(environment: str, source: str, facts: Facts) -> list[State]:
    """The environment's steps in order."""
    found: list[State] = []
    done: set[str] = set()
    for step in steps_of(environment):
        state = _state(step, source, facts, [key for key in step.after if key not in done])
        if state.state != OPEN:
            done.add(step.key)
        found.append(state)
    return found


def missing_units(environment: str, source: str, facts: Facts) -> list[str]:
    """The units that are used or listed, and that nobody has confirmed as activated in this environment."""
    return sorted(set(facts.units) - _confirmed(environment, source, facts.said))


def entry_of(said: Iterable[Entry], environment: str, source: str, step: str) -> Entry | None:
    """What stands of a step as a whole."""
    wanted = (environment, source, step, THE_STEP)
    return next((e for e in said if (e.environment, e.source, e.step, e.subject) == wanted), None)


def _state(step: Step, source: str, facts: Facts, waits: list[str]) -> State:
    entry = entry_of(facts.said, step.environment, source, step.key)
    missing = missing_units(step.environment, source, facts) if step.key == UNITS else []
    state, by, date, evidence = _found(step, source, facts, entry, missing)
    return State(
        step.environment, source, step.key, step.number, step.title, state, by, date, evidence,
        waits if state == OPEN else [], missing,
        step.how.format(source=source) if state == OPEN else None,
    )  # fmt: skip


def _found(
    step: Step, source: str, facts: Facts, entry: Entry | None, missing: list[str]
) -> tuple[str, str | None, str | None, str | None]:
    if entry is not None and entry.state in (SAID, NOT_APPLICABLE):
        return entry.state, entry.by, entry.date, entry.note
    if step.key == CONNECTED and facts.seen.accepted + facts.seen.refused:
        return SEEN, BY_ITSELF, f"{facts.seen.until:%Y-%m-%d}", _calls(facts.seen)
    if step.key == TEST and entry is not None and entry.state == PASSED:
        return SEEN, entry.by, entry.date, entry.note
    if step.key == UNITS and facts.units and not missing:
        confirmed = [e for e in facts.said if (e.environment, e.source, e.step) == (step.environment, source, UNITS)]
        last = max(confirmed, key=lambda each: each.recorded_at)
        return SAID, last.by, last.date, f"{len(facts.units)} units confirmed"
    return OPEN, None, None, _so_far(entry, missing, facts)


def _so_far(entry: Entry | None, missing: list[str], facts: Facts) -> str | None:
    if missing:
        return f"{len(facts.units) - len(missing)} of {len(facts.units)} units confirmed"
    if entry is None:
        return None
    return {
        ORDERED: f"the document was written on {entry.date}; whether it was sent is not seen from here",
        FAILED: f"failed on {entry.date}: {entry.note}",
    }.get(entry.state)


def _calls(seen: Evidence) -> str:
    return f"{seen.calls} calls since {seen.since:%Y-%m-%d}, {seen.accepted} accepted"


def _confirmed(environment: str, source: str, said: Iterable[Entry]) -> set[str]:
    return {
        e.subject
        for e in said
        if (e.environment, e.source, e.step, e.state) == (environment, source, UNITS, SAID) and e.subject
    }
