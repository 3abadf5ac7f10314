"""The self-declaration for consumers of Update 1.0: its items, each answered by no more than is known (R-54).

An answer is *measured*, with environment and dates; or *by construction*, with the test that shows it; or left
for the region to fill in. In Swedish, since it is handed in; not required at present, so it serves for own tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from relay import __version__
from relay.onboarding.document import Document, Section, Table
from relay.onboarding.gate import settings_that_deviate
from relay.onboarding.letter import FILL_IN
from relay.onboarding.process import IN_SWEDISH
from relay.settings import Region, Settings, Source, format_duration
from relay.store.evidence import Evidence

MEASURED: Final = "uppmätt"
BUILT: Final = "genom konstruktion"
LEFT: Final = "fylls i av regionen"
NOT_REQUIRED: Final = "Självdeklarationen krävs inte för närvarande och granskas inte; den är ett stöd för egna tester."
_SWEDEN: Final = ZoneInfo("Europe/Stockholm")


class Item(NamedTuple):
    """One item of the form. `rule` is ours and stands in no document; `basis` is one of the three above."""

    item: str
    rule: str
    answer: str
    basis: str


def declaration(settings: Settings, source: Source, seen: Evidence, today: date) -> list[Item]:
    """The items in the order of the form. `seen` is what was seen in the configured environment, and only there."""
    return [
        *_who(settings, source),
        *_message(settings, seen),
        *_rules(settings, source, seen),
        *_end(settings, source, today),
    ]


def document(source: Source, items: list[Item]) -> Document:
    """The declaration as it is handed in."""
    rows = [(item.item, item.answer, item.basis) for item in items]
    table = Table(("Fråga", "Svar", "Grund"), rows)
    return Document(
        f"Självdeklaration, Engagemangsindex Update 1.0: {source.title}", [Section("", [NOT_REQUIRED], table)]
    )


def _who(settings: Settings, source: Source) -> Iterator[Item]:
    region: Region = settings.region
    systems = ", ".join(source.source_systems)
    organisation = f"{region.name or FILL_IN}, {region.organisation_number or FILL_IN}"
    yield Item("Organisation och organisationsnummer", "", organisation, LEFT)
    yield Item("Miljö", "R-50", IN_SWEDISH[settings.environment], MEASURED)
    yield Item("Tjänstekonsument: produkt och version", "", f"ei-relay {__version__}", MEASURED)
    yield Item("Källsystem: produkt och version", "", f"{source.title} {FILL_IN}, sourceSystem {systems}", LEFT)


def _message(settings: Settings, seen: Evidence) -> Iterator[Item]:
    yield Item("Teckenkodning", "R-09", "UTF-8, angiven i HTTP-huvudet", _built("tests/index/test_message.py"))
    yield _measured(settings, seen, "Varje element validerat utan fel", "R-03",
                    f"{seen.calls} anrop, varav {seen.refused} avvisade för sitt innehåll")  # fmt: skip
    yield _measured(settings, seen, "Uppdateringar under den mest belastade timmen", "", _busiest(seen))


def _rules(settings: Settings, source: Source, seen: Evidence) -> Iterator[Item]:
    index = settings.engagement_index[source.engagement_index]
    yield Item("EI_TF 1.1 Innehållsregler", "R-04, R-05, R-06, R-07, R-08",
               "Fältens värden, svensk tid, nationella identiteter, en stavning av HSA-id",
               _built("tests/test_booking.py, tests/test_identity.py"))  # fmt: skip
    yield Item("EI_TF 1.2 Categorization", "R-04", "NA", _built("tests/index/test_message.py"))
    yield Item("EI_TF 1.3 Varje förändring skickas", "R-21",
               "En rad skrivs i bokningens egen transaktion, och posten jämförs med vad indexet har",
               _built("tests/integration/test_storm.py"))  # fmt: skip
    yield Item("EI_TF 1.4 Sista posten tas bort", "R-10, R-22",
               "Vid avbokning, vid passerad tid, när giltigheten går ut och vid byte av nyckel",
               _built("tests/simulation/test_machine.py"))  # fmt: skip
    yield _measured(settings, seen, "Anrop i sekvens, inte parallellt", "R-31",
                    f"Per källsystem och tjänstedomän; överlappande anrop: {seen.overlapping}")  # fmt: skip
    yield Item("2.1 Uppdatering inom 60 minuter", "R-33",
               "Den förändring som väntat längst går först; larm efter 45 minuter",
               _built("tests/store/test_posts.py"))  # fmt: skip
    yield Item("2.2 Femminutersregeln", "R-32",
               f"Samma nyckel skickas tidigast efter {format_duration(index.key_spacing)}",
               _built("tests/simulation/test_machine.py"))  # fmt: skip
    yield Item("Regel #22 Omsändning efter fel", "R-35",
               f"Tidigast efter {format_duration(index.retry_after_fault)}, växande till "
               f"{format_duration(index.retry_after_fault_max)}; fel som kräver åtgärd, som VP007, väntar på den",
               _built("tests/flow/test_aftermath.py"))  # fmt: skip
    yield _measured(settings, seen, "2.3 Högst 1000 poster per anrop, konfigurerbart", "R-30",
                    f"Inställt: {index.max_posts_per_call}; största anrop: {seen.largest_call} poster")  # fmt: skip
    yield Item("2.4 Initial laddning", "R-23, R-34",
               f"Krävs inte. Vid massutskick går det {format_duration(index.bulk_call_interval)} mellan anropen",
               _built("tests/simulation/test_bulk.py"))  # fmt: skip


def _end(settings: Settings, source: Source, today: date) -> Iterator[Item]:
    known = "; ".join(f"{key} = {value}" for key, value in settings_that_deviate(settings, source))
    yield Item("Kända avvikelser", "R-53", known or "Inga kända i konfigurationen", LEFT if known else MEASURED)
    contact = ", ".join(x for x in (settings.region.contact_name, settings.region.contact_email) if x)
    yield Item("Kontaktperson", "", contact or FILL_IN, LEFT)
    yield Item("Datum", "", today.isoformat(), MEASURED)


def _measured(settings: Settings, seen: Evidence, item: str, rule: str, answer: str) -> Item:
    """What was seen, with where and when; where nothing was, that the region must fill it in."""
    if seen.since is None or seen.until is None:
        return Item(item, rule, f"{FILL_IN}: inga anrop är gjorda i {IN_SWEDISH[settings.environment]}", LEFT)
    dates = f"{seen.since.astimezone(_SWEDEN):%Y-%m-%d}…{seen.until.astimezone(_SWEDEN):%Y-%m-%d}"
    return Item(item, rule, answer, f"{MEASURED} i {IN_SWEDISH[settings.environment]} {dates}")


def _built(tests: str) -> str:
    return f"{BUILT} ({tests})"


def _busiest(seen: Evidence) -> str:
    if seen.busiest_hour is None:
        return "inga godtagna ännu"
    hour = datetime.strptime(seen.busiest_hour, "%Y-%m-%d %H").replace(tzinfo=UTC).astimezone(_SWEDEN)
    return f"{seen.busiest_hour_posts} poster, timmen från {hour:%Y-%m-%d kl. %H}"
