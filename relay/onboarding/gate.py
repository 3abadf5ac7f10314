"""Why a region should not say yet that a source keeps the rules (R-53): what the order for production is held to.

Wrong updates put wrong information into residents' inboxes. Each doubt is one line that an operator can act on, and one
in Swedish that says what is not assured, for the mail that is written all the same. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from relay.onboarding.process import CONNECT_CHECK, REJECTED_ROWS, TEST
from relay.onboarding.steps import PASSED, SAID, Facts, entry_of, missing_units
from relay.settings import Finding, Settings, Source
from relay.store.onboarding import EVERY_SOURCE

CHECK_IS_FRESH: Final = timedelta(days=1)
CERTIFICATE_DAYS: Final = timedelta(days=30)
LATE: Final = timedelta(minutes=60)


class Doubt(NamedTuple):
    """One thing that speaks against the order."""

    text: str  # for the operator: what, and what to do
    not_assured: str  # in Swedish, for the mail


class Observed(NamedTuple):
    """What the gate looks at beside the steps' facts."""

    facts: Facts
    rejected: int = 0
    last_rejected: datetime | None = None
    certificate_ends: datetime | None = None  # None: none is configured
    oldest_pending_since: datetime | None = None
    held: int = 0  # changes that the relay holds back until somebody decides


def doubts(settings: Settings, source: Source, observed: Observed, now: datetime) -> list[Doubt]:
    """Every doubt; none: nothing that the relay can see stands in the way. `now` is aware."""
    return [
        *(Doubt(str(d), "att konfigurationen följer reglerna") for d in _deviations(settings, source)),
        *_calls(observed),
        *_rows(source, observed),
        *_process(settings, source, observed, now),
        *_now(observed, now),
    ]


def settings_that_deviate(settings: Settings, source: Source) -> list[tuple[str, str]]:
    """(key, value) of what is configured otherwise than the rules ask."""
    return [(warning.key, warning.value) for warning in _deviations(settings, source)]


def _deviations(settings: Settings, source: Source) -> list[Finding]:
    prefixes = (f"engagement_index.{source.engagement_index}.", f"source.{source.name}.")
    return [warning for warning in settings.warnings if warning.key.startswith(prefixes)]


def _calls(observed: Observed) -> Iterator[Doubt]:
    seen = observed.facts.seen
    if not seen.accepted:
        yield Doubt("the index has accepted no call of this source yet", "att Engagemangsindex har tagit emot anrop")
    if seen.overlapping:
        yield Doubt(f"{seen.overlapping} calls began before the one before them had ended (R-31)",
                    "att anrop görs i sekvens")  # fmt: skip
    if seen.parked:
        yield Doubt(f"{seen.parked} posts are parked, refused for what they say: see `ei-relay parked list`",
                    "att alla poster har godtagits av Engagemangsindex")  # fmt: skip
    for lane in seen.held:
        yield Doubt(f"lane {lane}: see `ei-relay lanes list`", "att inget källsystem är stoppat")


def _rows(source: Source, observed: Observed) -> Iterator[Doubt]:
    if not observed.rejected or observed.last_rejected is None:
        return
    explained = entry_of(observed.facts.said, "production", source.name, REJECTED_ROWS)
    if explained is None or explained.state != SAID or explained.recorded_at < observed.last_rejected:
        yield Doubt(
            f"{observed.rejected} outbox rows were rejected, the last on {observed.last_rejected:%Y-%m-%d}: when they "
            f"are explained, `ei-relay onboarding done {REJECTED_ROWS} --source {source.name} --by NAME --note WHY`",
            "att alla förändringar i bokningssystemet har kunnat skickas",
        )


def _process(settings: Settings, source: Source, observed: Observed, now: datetime) -> Iterator[Doubt]:
    said = observed.facts.said
    missing = missing_units("production", source.name, observed.facts)
    if missing:
        yield Doubt(
            f"{len(missing)} care units in use are not confirmed as activated in 1177 production: {', '.join(missing)}",
            "att alla vårdenheter är aktiverade i 1177",
        )
    tested = entry_of(said, "qa", source.name, TEST)
    if tested is None or tested.state not in (SAID, PASSED):
        yield Doubt(
            f"no complete rehearsal in QA is known: `ei-relay onboarding rehearse` there; here, `ei-relay onboarding "
            f"done {TEST} --environment qa --source {source.name} --by NAME --date D --note PROTOCOL`",
            "att systemet är testat i QA-miljön",
        )
    check = entry_of(said, settings.environment, EVERY_SOURCE, CONNECT_CHECK)
    if check is None or check.state != PASSED or now - check.recorded_at > CHECK_IS_FRESH:
        yield Doubt("`ei-relay config check --connect` has not passed within a day: run it",
                    "att anslutningarna är kontrollerade det senaste dygnet")  # fmt: skip


def _now(observed: Observed, now: datetime) -> Iterator[Doubt]:
    ends = observed.certificate_ends
    if ends is not None and ends - now < CERTIFICATE_DAYS:
        yield Doubt(f"the client certificate is valid until {ends:%Y-%m-%d}, less than 30 days: renew it",
                    "att certifikatet är giltigt i minst 30 dagar")  # fmt: skip
    since = observed.oldest_pending_since
    if since is not None and now - since > LATE:
        yield Doubt(f"a change has waited since {since:%Y-%m-%d %H:%M}Z, over 60 minutes (R-33): `ei-relay status`",
                    "att förändringar skickas inom 60 minuter")  # fmt: skip
    if observed.held:
        yield Doubt(f"{observed.held} changes are held until somebody decides: `ei-relay changes list`",
                    "att inga förändringar hålls tillbaka")  # fmt: skip
