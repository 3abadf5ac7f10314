"""What an operator types to name posts, read strictly: for the commands and for the task `workers.reprocess` alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from relay.identity import IdentityError, parse_hsa_id
from relay.settings import parse_duration
from relay.store.selection import BIGGEST_KEY, STATES, Selection


class SelectionError(ValueError):
    """What was asked for cannot be understood, or is nothing at all; one sentence for an operator."""


def selection(
    now: datetime,
    *,
    source: str | None = None,
    index: str | None = None,
    unit: str | None = None,
    booking: str | None = None,
    state: str | Iterable[str] | None = None,
    code: str | None = None,
    since: str | None = None,
    until: str | None = None,
    keys: Collection[int] = (),
    lane: str | None = None,
) -> Selection:
    """The posts that are meant. `since` and `until` are times in ISO 8601, in UTC where they name no zone, or
    durations back from `now`: "2h". `keys` are numbers of posts. Raises SelectionError."""
    try:
        care_unit = parse_hsa_id(unit) if unit else None
    except IdentityError as error:
        raise SelectionError(f"the unit is no HSA-id: {error}") from None
    states = (state,) if isinstance(state, str) else tuple(state or ())
    if unknown := [each for each in states if each not in STATES]:
        raise SelectionError(f"there is no state {unknown[0]}: expected {', '.join(STATES)}")
    if strange := [key for key in keys if not 0 < key <= BIGGEST_KEY]:
        raise SelectionError(f"no post has the number {strange[0]}")
    return Selection(
        source=source or None,
        index=index or None,
        unit=care_unit,
        booking=booking or None,
        state=states,
        code=code or None,
        since=instant("since", since, now),
        until=instant("until", until, now),
        keys=tuple(keys),
        lane=lane or None,
    )


def instant(name: str, text: str | None, now: datetime) -> datetime | None:
    """The time that was typed, or None for none. Raises SelectionError."""
    if not text:
        return None
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter: an offset that leads out of the calendar
        raise SelectionError(
            f'{name} is no time: expected such as 2026-12-24T09:30Z, or "2h" for two hours ago'
        ) from None
