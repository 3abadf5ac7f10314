"""What stands where, as `ei-relay status` has seen it, and what of it is wrong. Pure.

The thresholds are those of the alerts in config/prometheus: the two must not tell different stories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LATE_SECONDS: Final = 45 * 60  # three quarters of the hour that R-33 gives
UNREAD_SECONDS: Final = 5 * 60
CERTIFICATE_ENDS: Final = timedelta(days=30)

Facts = Mapping[str, object]
"""Of one thing, by name, as `--json` gives them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was seen at `at`."""

    at: datetime
    sources: list[Facts]
    lanes: list[Facts]
    broker: Facts | None  # None: the configuration names none
    certificates: list[Facts]


def wrong(seen: Standing) -> list[str]:
    """A line for all that is wrong, the worst first; none: nothing is."""
    return [
        *_reached(seen),
        *_untaken(seen.sources),
        *_lanes(seen.lanes),
        *_refused(seen.sources),
        *_set_aside(seen.sources),
        *_certificates(seen),
    ]


def _reached(seen: Standing) -> Iterator[str]:
    if seen.broker is not None and not seen.broker["ok"]:
        yield f"the broker does not answer, so the workers hear nothing: {seen.broker['text']}"
    yield from (f"source {source['source']}: {source['error']}" for source in seen.sources if source["error"])


def _untaken(sources: list[Facts]) -> Iterator[str]:
    for source in sources:
        age = source["oldest_unread_seconds"]
        if isinstance(age, int) and age > UNREAD_SECONDS and not source["error"]:
            waits = f"{source['unread']} rows wait to be taken, the oldest for {age // 60} minutes"
            yield f"source {source['source']}: {waits}: are workers and beat at work?"


def _lanes(lanes: list[Facts]) -> Iterator[str]:
    for lane in lanes:
        name = f"lane {lane['lane']}"
        late = lane["oldest_pending_seconds"]
        if isinstance(late, int) and late > LATE_SECONDS:
            yield f"{name}: a change has waited for {late // 60} minutes of the 60 it may"
        if lane["state"] in ("blocked", "paused"):
            yield f"{name} is {lane['state']} {lane['code'] or ''} {_since(lane)}".rstrip()
        elif lane["state"] == "resting":
            yield f"{name} rests after {lane['failures']} failed calls"


def _since(lane: Facts) -> str:
    return f"since {lane['since']:%Y-%m-%d %H:%M}Z" if lane["since"] else ""


def _refused(sources: list[Facts]) -> Iterator[str]:
    for source in sources:
        if source["rejected_last_hour"]:
            yield f"source {source['source']}: {source['rejected_last_hour']} outbox rows were rejected within the hour"
        if source["parked"]:
            yield f"source {source['source']}: {source['parked']} posts are parked"


def _set_aside(sources: list[Facts]) -> Iterator[str]:
    for source in sources:
        rows = source.get("set_aside")
        if isinstance(rows, list) and rows:
            first = rows[0]
            yield (
                f"source {source['source']}: {source['rows_set_aside']} outbox rows are set aside, since their outcome "
                f"cannot be written; the first is id {first['row_id']}: {first['reason']}"
            )


def _certificates(seen: Standing) -> Iterator[str]:
    for certificate in seen.certificates:
        ends_at = certificate["ends_at"]
        if not isinstance(ends_at, datetime):
            yield f"index {certificate['index']}: its client certificate cannot be read: {certificate['error']}"
        elif ends_at <= seen.at:
            yield f"index {certificate['index']}: its client certificate ended on {ends_at:%Y-%m-%d}"
        elif ends_at - seen.at < CERTIFICATE_ENDS:
            yield f"index {certificate['index']}: its client certificate ends on {ends_at:%Y-%m-%d}"
