"""The steps of getting connected, QA first and then production, and which of them the relay can see are done (R-51)."""

from __future__ import annotations

from typing import Final, NamedTuple

from relay.onboarding.doubts import deviations
from relay.settings import Settings, Source
from relay.store.evidence import Evidence

DONE: Final = "done"
TO_DO: Final = "to do"
UNSEEN: Final = "not seen from here"

_NUMBERS: Final = {"qa": ("1", "2", "3", "4"), "production": ("5", "5", "6", "6")}


class Step(NamedTuple):
    """One step of one source; `number` is the process's."""

    source: str
    number: str
    state: str
    what: str


def steps(settings: Settings, source: Source, units: int | None, seen: Evidence) -> list[Step]:
    """The steps of the configured environment. `units` are the active ones, None where all are published."""
    place = {"qa": "QA", "production": "production"}[settings.environment]
    address = settings.engagement_index[source.engagement_index].logical_address
    found = (
        _connected(place, address, seen),
        _activated(place, units),
        _configured(place, len(deviations(settings, source))),
        _tried(place, seen),
    )
    order = f"inbox messages ordered for {place}; `ei-relay onboarding inbox --source {source.name}` writes the mail"
    return [
        *(Step(source.name, n, *each) for n, each in zip(_NUMBERS[settings.environment], found, strict=True)),
        Step(source.name, "inbox", UNSEEN, order),
    ]


def _connected(place: str, logical_address: str, seen: Evidence) -> tuple[str, str]:
    what = f"connected to NTjP {place}: Update 1.0 to {logical_address}"
    if seen.accepted or seen.refused:
        return DONE, what
    return TO_DO, f"{what}; when it is ordered, try `ei-relay config check --connect`"


def _activated(place: str, units: int | None) -> tuple[str, str]:
    number = "all" if units is None else str(units)
    return UNSEEN, f"{number} care units activated in 1177 {place}; `ei-relay onboarding units` prints the order"


def _configured(place: str, warnings: int) -> tuple[str, str]:
    if warnings:
        return TO_DO, f"configured for {place}, with {warnings} warnings: `ei-relay config check`"
    return DONE, f"configured for {place}"


def _tried(place: str, seen: Evidence) -> tuple[str, str]:
    well = seen.accepted and not (seen.parked or seen.held or seen.overlapping)
    counts = f"{seen.calls} calls, {seen.accepted} accepted, {seen.parked} posts parked"
    return DONE if well else TO_DO, f"tried in {place}: {counts}"
