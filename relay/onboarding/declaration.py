"""The self-declaration for consumers of Update 1.0: its items, answered by what the relay does, how it is configured,
and what its calls have shown (R-54).

In Swedish, since it is handed in. What only the region knows is left to fill in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

from relay import __version__
from relay.onboarding.doubts import deviations
from relay.onboarding.inbox import ENVIRONMENTS
from relay.settings import Settings, Source, format_duration
from relay.store.evidence import Evidence

FILL_IN: Final = "(fylls i)"


class Item(NamedTuple):
    """One item of the form; `rule` is ours where it has one."""

    item: str
    rule: str
    answer: str


def declaration(settings: Settings, source: Source, seen: Evidence, today: date) -> list[Item]:
    """The items in the order of the form."""
    return [*_who(settings, source), *_message(seen), *_rules(settings, source, seen), *_end(settings, source, today)]


def _who(settings: Settings, source: Source) -> Iterator[Item]:
    systems = ", ".join(source.source_systems)
    yield Item("Organisation och organisationsnummer", "", f"{FILL_IN} {source.data_controller}")
    yield Item("Miljö", "R-50", ENVIRONMENTS[settings.environment])
    yield Item("Tjänstekonsument: produkt och version", "", f"ei-relay {__version__}")
    yield Item("Källsystem: produkt och version", "", f"{source.title} {FILL_IN}, sourceSystem {systems}")


def _message(seen: Evidence) -> Iterator[Item]:
    yield Item("Teckenkodning", "R-09", "UTF-8, angiven i HTTP-huvudet")
    since = f" sedan {seen.since:%Y-%m-%d}" if seen.since else ""
    yield Item("Varje element validerat utan fel", "R-03",
               "Meddelandet provas mot kontraktets XSD i produktens tester. "
               f"{seen.calls} anrop{since}, varav {seen.refused} avvisade för sitt innehåll")  # fmt: skip
    busiest = f"{seen.busiest_hour_posts} (timmen {seen.busiest_hour} UTC)" if seen.busiest_hour else "inga ännu"
    yield Item("Uppdateringar under den mest belastade timmen", "", busiest)


def _rules(settings: Settings, source: Source, seen: Evidence) -> Iterator[Item]:
    index = settings.engagement_index[source.engagement_index]
    yield Item("EI_TF 1.1 Innehållsregler", "R-04, R-05, R-06, R-07, R-08",
               "Följs: fältens värden, svensk tid, nationella identiteter, en stavning av HSA-id")  # fmt: skip
    yield Item("EI_TF 1.2 Categorization", "R-04", "NA")
    yield Item("EI_TF 1.3 Varje förändring skickas", "R-21",
               "Ja: en rad i bokningens egen transaktion, och posten jämförs med vad indexet har")  # fmt: skip
    yield Item("EI_TF 1.4 Sista posten tas bort", "R-10, R-22",
               "Ja: vid avbokning, vid passerad tid, när giltigheten går ut och vid byte av nyckel")  # fmt: skip
    yield Item("Anrop i sekvens, inte parallellt", "R-31",
               f"Ja, per källsystem och tjänstedomän. Överlappande anrop: {seen.overlapping}")  # fmt: skip
    yield Item("2.1 Uppdatering inom 60 minuter", "R-33", "Ja. Larm när en förändring har väntat i 45 minuter")
    yield Item("2.2 Femminutersregeln", "R-32", f"Samma nyckel tidigast efter {format_duration(index.key_spacing)}")
    yield Item("Regel #22 Omsändning efter fel", "R-35",
               f"Tidigast efter {format_duration(index.retry_after_fault)}, växande till "
               f"{format_duration(index.retry_after_fault_max)}; VP007 och liknande väntar på åtgärd")  # fmt: skip
    yield Item("2.3 Högst 1000 poster per anrop, konfigurerbart", "R-30",
               f"Högst {index.max_posts_per_call}. Största anrop: {seen.largest_call} poster")  # fmt: skip
    yield Item("2.4 Initial laddning", "R-23, R-34",
               f"Krävs inte. Massutskick: {format_duration(index.bulk_call_interval)} mellan anropen")  # fmt: skip


def _end(settings: Settings, source: Source, today: date) -> Iterator[Item]:
    yield Item("Kända avvikelser", "R-53", "; ".join(deviations(settings, source)) or "Inga")
    yield Item("Kontaktperson", "", FILL_IN)
    yield Item("Datum", "", today.isoformat())
