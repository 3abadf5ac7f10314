"""What must come of a plan, worked out from the contract alone: nothing here uses the relay's code.

The index must hold one post for each booking whose standing row is an upsert that is presentable, at a connected
unit, and not past. The standing row is the one with the highest version, among equal ones with the highest id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.integration.changes import Plan, Row
from tests.integration.index import Post
from tests.integration.site import Source

TAKEN, SUPERSEDED, REJECTED, DUPLICATE = "taken", "superseded", "rejected", "duplicate"


@dataclass(frozen=True)
class Commit:
    """Between which two moments (of any clock) a row's transaction committed."""

    after: float
    before: float


def posts(plan: Plan, source: Source, active_units: Mapping[str, str | None] | None, now: datetime) -> set[Post]:
    """The source's posts at `now`, a naive Swedish time.

    `active_units`: the connected ones and each one's own data controller; None: every unit, none with its own.
    """
    standing: dict[str, Row] = {}
    for row in _taking_part(plan):
        booking_id = row.columns["booking_id"]
        if booking_id not in standing or _rank(row) > _rank(standing[booking_id]):
            standing[booking_id] = row
    made = (_post(row.columns, source, active_units, now) for row in standing.values())
    return {post for post in made if post is not None}


def outcomes(plan: Plan, commits: Mapping[int, Commit]) -> dict[int, set[str]]:
    """{row id: the outcomes it may have}. Where two transactions of one booking overlapped, the one that stands may
    have been seen first or last, so the other row may be taken or superseded."""
    expected: dict[int, set[str]] = {}
    of_booking: dict[str, list[Row]] = {}
    for row in _taking_part(plan):
        of_booking.setdefault(row.columns["booking_id"], []).append(row)
    for rows in of_booking.values():
        for row in rows:
            stronger = [other for other in rows if _rank(other) > _rank(row)]
            if any(_surely_first(other, row, commits) for other in stronger):
                expected[row.id] = {SUPERSEDED}
            elif all(_surely_first(row, other, commits) for other in stronger):
                expected[row.id] = {TAKEN}
            else:
                expected[row.id] = {TAKEN, SUPERSEDED}
    for row in plan.rows:
        if row.wrong:
            expected[row.id] = {REJECTED}
        elif row.repeats:
            expected[row.id] = {DUPLICATE}
    return expected


def _surely_first(one: Row, other: Row, commits: Mapping[int, Commit]) -> bool:
    """Whether `one` is handled before `other`, whenever outboxes are read: it was there first, with a lower id."""
    return one.id < other.id and (
        commits[one.id] == commits[other.id] or commits[one.id].before < commits[other.id].after
    )


def _taking_part(plan: Plan) -> Iterable[Row]:
    return (row for row in plan.rows if not row.wrong and not row.repeats)


def _rank(row: Row) -> tuple[int, int]:
    return row.columns.get("version", 0), row.id


def _post(
    said: Mapping[str, Any], source: Source, active_units: Mapping[str, str | None] | None, now: datetime
) -> Post | None:
    if said["operation"] == "remove" or said.get("presentable") is False:
        return None
    unit = said["care_unit"].upper()
    if active_units is not None and unit not in active_units:
        return None
    if any(said.get(end) is not None and said[end] <= now for end in ("starts_at", "valid_until")):
        return None
    systems = {system.upper(): system for system in source.source_systems}
    if said.get("kind") == "open_invitation":
        content = f"{said['invited_on']:%Y%m%d}000000"
    else:
        content = f"{said['starts_at']:%Y%m%d%H%M%S}"
    return Post(
        resident_id=said["resident_id"].replace("-", "").replace("+", ""),
        care_unit=unit,
        booking_id=said["booking_id"],
        source_system=systems[(said.get("source_system") or source.source_systems[0]).upper()],
        data_controller=said.get("data_controller") or (active_units or {}).get(unit) or source.data_controller,
        content=content,
    )
