"""The order to activate care units in 1177: the units that notify the index, with what 1177 asks of each (R-51).

Source: 1177's page on connecting care units. HSA-id, name and county are asked for; the rest is welcome. In production
the units are activated under the very HSA-ids that are sent as logical addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from relay.catalogue import CareUnit
from relay.onboarding.letter import Attachment, Letter, signature
from relay.onboarding.process import IN_SWEDISH
from relay.settings import Region

COLUMNS: Final = ("hsa_id", "name", "county", "municipality_code", "municipality", "address")
IN_SWEDISH_COLUMNS: Final = ("HSA-id", "Namn", "Län", "Kommunkod", "Kommun", "Besöksadress", "Miljö")
REQUIRED: Final = ("name", "county")  # beside the hsa_id, without which there is no unit

_BODY: Final = """\
Hej!

Vi beställer aktivering i 1177, {environment}, av {number} för webbtidbok med {title}.
{change}De finns i bilagan {file}, med HSA-id, namn, län, kommunkod, kommun och besöksadress.

{signature}"""
_CHANGE: Final = "Beställningen gäller det som har tillkommit eller ändrats sedan beställningen {date}.\n"


class UnitOrder(NamedTuple):
    """The rows to order, by HSA-id, each as COLUMNS, and what stands in the way of ordering."""

    rows: list[tuple[str, ...]]
    mistakes: list[str]


def order(units: Iterable[CareUnit]) -> UnitOrder:
    """The order for these units. A unit that several sources list is ordered once; inactive ones are not."""
    found: dict[str, CareUnit] = {}
    mistakes = []
    for unit in units:
        if not unit.active:
            continue
        first = found.setdefault(unit.hsa_id, unit)
        if _said(first) != _said(unit):
            mistakes.append(f"{unit.hsa_id}: two lists say different things of it: expected one name and address")
    for hsa_id, unit in sorted(found.items()):
        missing = [column for column in REQUIRED if not getattr(unit, column)]
        if missing:
            mistakes.append(f"{hsa_id}: {' and '.join(missing)} missing in its list: 1177 activates no unit without")
    return UnitOrder([_said(unit) for _, unit in sorted(found.items())], mistakes)


def changed_since(rows: Sequence[tuple[str, ...]], ordered: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """The rows that are new or different since they were ordered."""
    before = {tuple(row) for row in ordered}
    return [row for row in rows if row not in before]


def letter(
    environment: str, title: str, rows: Sequence[tuple[str, ...]], region: Region, since: str | None = None
) -> Letter:
    """The mail that orders these units; `since` is the date of the order before, where only changes are ordered."""
    place = IN_SWEDISH[environment]
    file = f"vardenheter-{environment}.csv"
    number = "en vårdenhet" if len(rows) == 1 else f"{len(rows)} vårdenheter"
    body = _BODY.format(
        environment=place, number=number, title=title, file=file, signature=signature(region),
        change=_CHANGE.format(date=since) if since else "",
    )  # fmt: skip
    table = Attachment(file, IN_SWEDISH_COLUMNS, [(*row, place) for row in rows])
    return Letter(f"Beställning: aktivering av vårdenheter för {title}, {place}", body, (table,))


def _said(unit: CareUnit) -> tuple[str, ...]:
    return tuple(getattr(unit, column) for column in COLUMNS)
