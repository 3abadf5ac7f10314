"""What a rehearsal and a project meeting need on paper: a dated protocol, a summary of the steps. In Swedish."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from relay import __version__
from relay.onboarding.document import Document, Section, Table
from relay.onboarding.process import IN_SWEDISH, step_named
from relay.onboarding.rehearsal import FAILED, NOT_RUN, PASSED, Case
from relay.onboarding.steps import NOT_APPLICABLE, OPEN, SAID, SEEN, State
from relay.settings import Region, Source

QUESTIONS: Final = (
    "Visades den nya bokningen på 1177 med rätt tid och rätt mottagning?",
    "Visades den ändrade tiden, och bara den?",
    "Försvann den avbokade bokningen från 1177?",
    "Kom kallelser och bekräftelser till inkorgen som de skulle, och inga andra?",
)
_STATES: Final = {SEEN: "sett i reläet", SAID: "uppgett", NOT_APPLICABLE: "ej tillämpligt", OPEN: "återstår"}


class Answer(NamedTuple):
    """What the tester saw in 1177; "" where nobody was asked."""

    question: str
    answer: str


def verdict(cases: Sequence[Case]) -> str:
    """Whether a rehearsal was passed: nothing failed, and something was run."""
    results = [case.result for case in cases]
    return FAILED if FAILED in results or PASSED not in results else PASSED


def protocol(
    environment: str, source: Source, region: Region, cases: Sequence[Case], answers: Sequence[Answer], tester: str,
    today: date,
) -> Document:  # fmt: skip
    """The protocol of one rehearsal."""
    not_run = sum(case.result == NOT_RUN for case in cases)
    head = [
        f"Miljö: {IN_SWEDISH[environment]}. Datum: {today}. Testare: {tester}.",
        f"Region: {region.name or '(fylls i)'}. Bokningssystem: {source.title}, sourceSystem "
        f"{', '.join(source.source_systems)}. Tjänstekonsument: ei-relay {__version__}.",
        f"Resultat: {verdict(cases)}. {not_run} av {len(cases)} testfall är ej körda. Endast testidentiteter användes.",
    ]
    rows = [(case.number, case.title, case.result, case.measured) for case in cases]
    seen = [(each.question, each.answer or "ej besvarad") for each in answers]
    return Document(
        f"Testprotokoll för uppdatering av Engagemangsindex: {source.title}",
        [
            Section("", head),
            Section("Testfall enligt självdeklarationen", (), Table(("Nr", "Testfall", "Resultat", "Uppmätt"), rows)),
            Section("Vad testaren såg på 1177", (), Table(("Fråga", "Svar"), seen)),
        ],
    )


def summary(region: Region, states: Sequence[State], titles: dict[str, str], today: date) -> Document:
    """How far every source has come, for a project meeting; `titles` are the booking systems' names by source."""
    sections = []
    for environment, source in dict.fromkeys((state.environment, state.source) for state in states):
        rows = [
            (state.number, _title(state), _STATES[state.state], state.by or "", state.date or "", _rest(state))
            for state in states
            if (state.environment, state.source) == (environment, source)
        ]
        header = ("Steg", "Vad", "Läge", "Av", "Datum", "Underlag eller vad som saknas")
        sections.append(Section(f"{titles.get(source, source)}, {IN_SWEDISH[environment]}", (), Table(header, rows)))
    title = f"Anslutning till webbtidbok på 1177: läget {today}"
    return Document(title, [Section("", [f"Region: {region.name or '(fylls i)'}."]), *sections])


def _title(state: State) -> str:
    step = step_named(state.environment, state.step)
    return step.swedish if step is not None else state.step


def _rest(state: State) -> str:
    if state.missing:
        return f"Ej bekräftade: {', '.join(state.missing)}"
    if state.waits_for:
        waits = [step_named(state.environment, key) for key in state.waits_for]
        return "Väntar på: " + "; ".join(step.swedish for step in waits if step is not None)
    return state.evidence or "" if state.state in (SAID, NOT_APPLICABLE) else ""
