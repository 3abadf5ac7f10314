"""The order to activate care units in 1177: the units that notify the index, with what 1177 asks of each (R-51).

Source: 1177's page on connecting care units. HSA-id, name and county are asked for; the rest is welcome. In production
the units are activated under the very HSA-ids that are sent as logical addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from relay.catalogue import CareUnit

COLUMNS: Final = ("hsa_id", "name", "county", "municipality_code", "municipality", "address")
REQUIRED: Final = ("name", "county")  # beside the hsa_id, without which there is no unit


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


def _said(unit: CareUnit) -> tuple[str, ...]:
    return tuple(getattr(unit, column) for column in COLUMNS)
