"""Values of an outbox that look unlike the rest: right to the index, and yet probably not what was meant.

Pure. A wrong unit or data controller is part of the key, so its posts are found by nobody; a time in another zone shows
the resident another hour. Nothing here is certain: each sentence says what was seen and how to look further.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from relay.change import REMOVE, OutboxRow, shown
from relay.identity import is_national

ENOUGH: Final = 20  # rows, to suspect anything from
_SHOWN: Final = 5  # values in a sentence
_ORGANISATION = re.compile(r"(?:SE|16)?(\d{6})-?(\d{4})(?:-[0-9A-Z]+)?", re.IGNORECASE)
_HSA_ID = re.compile(r"SE\d{10}-[0-9A-Z]+", re.IGNORECASE)
_WITH_LETTERS = re.compile(r"(\d{8})[-+]?(?=\d{0,3}[A-Za-z])([0-9A-Za-z]{4})")
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d[Tt ](\d\d:\d\d)(?::\d\d)?(?:[.,]\d+)?(.*)")
_EARLY, _DAY, _LATE = "05:00", "08:00", "16:00"  # of Swedish care, few bookings start before eight, and some after four


def unlike(rows: Iterable[OutboxRow]) -> Iterator[str]:
    """A sentence for each kind of value that should be looked at."""
    booked = [row for row in rows if row.operation != REMOVE]
    yield from _controllers(booked)
    yield from _units(booked)
    yield from _local_identities(booked)
    yield from _times(booked)


def _controllers(rows: list[OutboxRow]) -> Iterator[str]:
    spellings: defaultdict[str, set[str]] = defaultdict(set)
    names = set()
    for value in {row.data_controller.strip() for row in rows if row.data_controller}:
        if found := _ORGANISATION.fullmatch(value):
            spellings[found[1] + found[2]].add(value)
        elif value:
            names.add(value)
    if names:
        yield f"data_controller is neither an organisation number nor an HSA-id in {_listed(names)}."
    for written in spellings.values():
        if len(written) > 1:
            yield (
                f"One organisation is written in several ways as data_controller, {_listed(written)}: "
                "to the index each is another one. Write one of them always."
            )


def _units(rows: list[OutboxRow]) -> Iterator[str]:
    units = Counter(row.care_unit.strip().upper() for row in rows if row.care_unit)
    usual = Counter({unit: number for unit, number in units.items() if _HSA_ID.fullmatch(unit)})
    if usual.total() * 10 < units.total() * 9 or not usual:
        return
    if others := units.keys() - usual.keys():
        yield f"care_unit has not the form of nearly all others (SE, ten digits, a hyphen, an id) in {_listed(others)}."
    owners: Counter[str] = Counter()
    for unit, number in usual.items():
        owners[unit[:12]] += number
    (common, most), *rest = owners.most_common()
    for owner, number in rest:
        if number * 20 < most and sum(a != b for a, b in zip(owner, common, strict=True)) <= 2:
            typed = {unit for unit in usual if unit.startswith(owner)}
            yield f"care_unit differs in a digit or two from the many that begin with {common} in {_listed(typed)}."


def _local_identities(rows: list[OutboxRow]) -> Iterator[str]:
    written = (_WITH_LETTERS.fullmatch(row.resident_id) for row in rows if row.resident_id)
    local = sum(found is not None and not is_national(found[1] + found[2]) for found in written)
    if local:
        yield (
            f"Of the last {len(rows)} bookings, {local} {'has' if local == 1 else 'have'} a local reserve number as "
            "resident_id, which is never sent: such a row is rejected, or remembered where local_identities covers it."
        )


def _times(rows: list[OutboxRow]) -> Iterator[str]:
    read = [found for row in rows if (found := _CLOCK.fullmatch(row.starts_at or ""))]
    zoned = sum(bool(found[2].strip()) for found in read)
    if zoned:
        yield (
            f"{zoned} of {len(read)} bookings have a starts_at with an offset: it is converted to Swedish time. "
            "See that the offset is meant: ei-relay outbox check --explain-time BOOKING."
        )
    clocks = [found[1] for found in read if not found[2].strip()]
    early = sum(_EARLY <= clock < _DAY for clock in clocks)
    if len(clocks) >= ENOUGH and early * 10 >= len(clocks) and not any(clock >= _LATE for clock in clocks):
        yield (
            f"{early} of {len(clocks)} bookings start between {_EARLY} and {_DAY} and none after {_LATE}: starts_at "
            "may be written in UTC, where Swedish wall-clock time is wanted. Compare one with the booking system's own "
            "screen: ei-relay outbox check --explain-time BOOKING."
        )


def _listed(values: Iterable[str]) -> str:
    texts = sorted(values)
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(shown(text) for text in texts[:_SHOWN]) + more
