"""What stands where, as `ei-relay status` has seen it, and what of it is wrong. Pure.

The thresholds are those of the alerts in config/prometheus: the two must not tell different stories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

LATE_SECONDS: Final = 45 * 60  # three quarters of the hour that R-33 gives
UNREAD_SECONDS: Final = 5 * 60
UNATTENDED: Final = timedelta(minutes=3)
RESTART_TOLD: Final = timedelta(days=1)  # for how long it is told that an outbox's ids have begun again
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
    changes: list[Facts] = field(default_factory=list)  # held, or rejected and still in force
    workers: Sequence[Facts] = ()  # those that reported within a day


def wrong(seen: Standing) -> list[str]:
    """A line for all that is wrong, the worst first; none: nothing is."""
    return [
        *_restored(seen.sources),
        *_reached(seen),
        *_held(seen.changes),
        *_untaken(seen.sources),
        *_unattended(seen),
        *_restarted(seen),
        *_lanes(seen.lanes),
        *_refused(seen.sources),
        *_set_aside(seen.sources),
        *_certificates(seen),
    ]


def _reached(seen: Standing) -> Iterator[str]:
    if seen.broker is not None and not seen.broker["ok"]:
        yield f"the broker does not answer, so the workers hear nothing: {seen.broker['text']}"
    yield from (f"source {source['source']}: {source['error']}" for source in seen.sources if source["error"])


def _restored(sources: list[Facts]) -> Iterator[str]:
    """First those of which nothing is sent."""
    said = [source for source in sources if source.get("restore")]
    for source in sorted(said, key=lambda source: source.get("restore_suspected_at") is None):
        yield f"source {source['source']}: {source['restore']}"


def _held(changes: list[Facts]) -> Iterator[str]:
    for change in changes:
        name = f"source {change['source']}: change {change['change']}"
        if change["status"] == "held":
            what = f"{change['removed']} removed, {change['moved']} moved, {change['created']} created"
            yield f"{name} of many posts is held ({what}): see `ei-relay changes show {change['change']}`"
        elif change["kind"] == "lists":
            yield f"{name} of its lists was rejected, and they still say so: they are not followed"


def _untaken(sources: list[Facts]) -> Iterator[str]:
    for source in sources:
        age = source["oldest_unread_seconds"]
        if isinstance(age, int) and age > UNREAD_SECONDS and not source["error"]:
            waits = f"{source['unread']} rows wait to be taken, the oldest for {age // 60} minutes"
            yield f"source {source['source']}: {waits}: are workers and beat at work?"


def _unattended(seen: Standing) -> Iterator[str]:
    """Work waits, and nobody looks after its source: a worker does so every minute."""
    silent = []
    for source in seen.sources:
        if "last_look_at" not in source:
            continue
        looked, age = source["last_look_at"], source["oldest_unread_seconds"]
        told = isinstance(age, int) and age > UNREAD_SECONDS
        if (source["unread"] or source["pending"]) and not told and not source["error"]:
            since = seen.at - looked if isinstance(looked, datetime) else None
            if since is None or since > UNATTENDED:
                silent.append((source, since))
    if not silent:
        return
    source, since = max(silent, key=lambda each: each[1] or timedelta.max)
    more = f" (and {len(silent) - 1} more)" if len(silent) > 1 else ""
    waits = f"{source['unread'] or 0} rows and {source['pending']} posts wait"
    ago = f"for {since.total_seconds() // 60:.0f} minutes" if since is not None else "yet"
    alive = sum(bool(worker["alive"]) for worker in seen.workers)
    do = f"{alive} workers are alive: start their beat" if alive else "start the workers and their beat"
    yield f"source {source['source']}{more}: {waits}, and no worker has looked after it {ago}: {do}"


def _restarted(seen: Standing) -> Iterator[str]:
    for source in seen.sources:
        at = source.get("ids_restarted_at")
        if isinstance(at, datetime) and seen.at - at < RESTART_TOLD:
            yield (
                f"source {source['source']}: the ids of its outbox have begun again (last seen {at:%Y-%m-%d %H:%M}Z); "
                "rows are taken by the time they were written: see that ids grow, ei-relay outbox check"
            )


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
            newest = source.get("newest_rejected")
            yield (
                f"source {source['source']}: {source['rejected_last_hour']} outbox rows were rejected within the hour"
                + (f", the newest is id {newest}: `ei-relay rows rejected`" if newest is not None else "")
            )
        if source["parked"]:
            yield f"source {source['source']}: {source['parked']} posts are parked"


def _set_aside(sources: list[Facts]) -> Iterator[str]:
    for source in sources:
        rows = source.get("set_aside")
        if isinstance(rows, list) and rows:
            first = rows[0]
            since = f", since {first['since']:%Y-%m-%d %H:%M}" if isinstance(first.get("since"), datetime) else ""
            yield (
                f"source {source['source']}: {source['rows_set_aside']} outbox rows are set aside, since their outcome "
                f"cannot be written; the first is id {first['row_id']}{since}: {first['reason']}"
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
