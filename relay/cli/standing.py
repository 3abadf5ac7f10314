"""What stands where, as `ei-relay status` has seen it, and what of it is wrong. Pure.

The thresholds are those of the alerts in config/prometheus: the two must not tell different stories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from relay.language.said import Said, quoted, say
from relay.wallclock import SWEDEN

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


class Trouble(NamedTuple):
    """One thing that is wrong. `kind` is what the console's advice is known by."""

    kind: str
    text: Said


def wrong(seen: Standing) -> list[Said]:
    """A line for all that is wrong, the worst first; none: nothing is."""
    return [trouble.text for trouble in troubles(seen)]


def troubles(seen: Standing) -> list[Trouble]:
    """All that is wrong, the worst first."""
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


def _reached(seen: Standing) -> Iterator[Trouble]:
    if seen.broker is not None and not seen.broker["ok"]:
        text = quoted(seen.broker["text"])
        yield Trouble("broker", say("the broker does not answer, so the workers hear nothing: {text}", text=text))
    for source in seen.sources:
        if source["error"]:
            yield Trouble("outbox", _of(source, quoted(source["error"])))


def _of(source: Facts, what: Said) -> Said:
    return say("source {source}: {what}", source=source["source"], what=what)


def _restored(sources: list[Facts]) -> Iterator[Trouble]:
    """First those of which nothing is sent."""
    said = [source for source in sources if source.get("restore")]
    for source in sorted(said, key=lambda source: source.get("restore_suspected_at") is None):
        yield Trouble("restored", _of(source, quoted(source["restore"])))


def _held(changes: list[Facts]) -> Iterator[Trouble]:
    for change in changes:
        number = change["change"]
        if change["status"] == "held":
            what = say(
                "change {change} of many posts is held ({removed} removed, {moved} moved, {created} created): see "
                "`ei-relay changes show {change}`",
                change=number, removed=change["removed"], moved=change["moved"], created=change["created"],
            )  # fmt: skip
            yield Trouble("held", _of(change, what))
        elif change["kind"] == "lists":
            what = say(
                "change {change} of its lists was rejected, and they still say so: they are not followed", change=number
            )
            yield Trouble("not_followed", _of(change, what))


def _untaken(sources: list[Facts]) -> Iterator[Trouble]:
    for source in sources:
        age = source["oldest_unread_seconds"]
        if isinstance(age, int) and age > UNREAD_SECONDS and not source["error"]:
            what = say(
                "{number} rows wait to be taken, the oldest for {minutes} minutes: are workers and beat at work?",
                number=source["unread"], minutes=age // 60,
            )  # fmt: skip
            yield Trouble("unread", _of(source, what))


def _unattended(seen: Standing) -> Iterator[Trouble]:
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
    alive = sum(bool(worker["alive"]) for worker in seen.workers)
    text = say(
        "source {source}{more}: {rows} rows and {posts} posts wait, and no worker has looked after it {ago}: {do}",
        source=source["source"],
        more=say(" (and {number} more)", number=len(silent) - 1) if len(silent) > 1 else "",
        rows=source["unread"] or 0,
        posts=source["pending"],
        ago=say("for {minutes} minutes", minutes=f"{since.total_seconds() // 60:.0f}") if since else say("yet"),
        do=say("{number} workers are alive: start their beat", number=alive)
        if alive
        else say("start the workers and their beat"),
    )
    yield Trouble("unattended", text)


def _restarted(seen: Standing) -> Iterator[Trouble]:
    for source in seen.sources:
        at = source.get("ids_restarted_at")
        if isinstance(at, datetime) and seen.at - at < RESTART_TOLD:
            what = say(
                "the ids of its outbox have begun again (last seen {at}); rows are taken by the time they were "
                "written: see that ids grow, ei-relay outbox check", at=_moment(at),
            )  # fmt: skip
            yield Trouble("restarted", _of(source, what))


def _lanes(lanes: list[Facts]) -> Iterator[Trouble]:
    for lane in lanes:
        name, late, since = lane["lane"], lane["oldest_pending_seconds"], lane["since"]
        if isinstance(late, int) and late > LATE_SECONDS:
            text = say(
                "lane {lane}: a change has waited for {minutes} minutes of the 60 it may", lane=name, minutes=late // 60
            )
            yield Trouble("late", text)
        at = say(" since {time}", time=_moment(since)) if isinstance(since, datetime) else ""
        if lane["state"] == "blocked":
            code = lane["code"] or ""
            yield Trouble("blocked", say("lane {lane} is blocked {code}{since}", lane=name, code=code, since=at))
        elif lane["state"] == "paused":
            yield Trouble("paused", say("lane {lane} is paused{since}", lane=name, since=at))
        elif lane["state"] == "resting":
            number = lane["failures"]
            text = (
                say("lane {lane} rests after a failed call", lane=name)
                if number == 1
                else say("lane {lane} rests after {number} failed calls", lane=name, number=number)
            )
            yield Trouble("resting", text)


def _moment(at: datetime) -> Said:
    """In UTC on a command line, as the logs have it; on the clock on the wall in a Swedish page."""
    return say("{utc}Z", utc=f"{at:%Y-%m-%d %H:%M}", local=f"{at.astimezone(SWEDEN):%Y-%m-%d %H:%M}")


def _refused(sources: list[Facts]) -> Iterator[Trouble]:
    for source in sources:
        if source["rejected_last_hour"]:
            number = source["rejected_last_hour"]
            what = (
                say("1 outbox row was rejected within the hour")
                if number == 1
                else say("{number} outbox rows were rejected within the hour", number=number)
            )
            yield Trouble("rejected", _of(source, what))
        if source["parked"]:
            number = source["parked"]
            what = say("1 post is parked") if number == 1 else say("{number} posts are parked", number=number)
            yield Trouble("parked", _of(source, what))


def _set_aside(sources: list[Facts]) -> Iterator[Trouble]:
    for source in sources:
        rows = source.get("set_aside")
        if isinstance(rows, list) and rows:
            first, reason = rows[0]["row_id"], quoted(rows[0]["reason"])
            what = (
                say("row {row} is set aside, since its outcome cannot be written: {reason}", row=first, reason=reason)
                if source["rows_set_aside"] == 1
                else say(
                    "{number} outbox rows are set aside, since their outcome cannot be written; the first is id {row}: "
                    "{reason}",
                    number=source["rows_set_aside"],
                    row=first,
                    reason=reason,
                )
            )
            yield Trouble("set_aside", _of(source, what))


def _certificates(seen: Standing) -> Iterator[Trouble]:
    for certificate in seen.certificates:
        index, ends_at = certificate["index"], certificate["ends_at"]
        if not isinstance(ends_at, datetime):
            error = quoted(certificate["error"])
            text = say("index {index}: its client certificate cannot be read: {error}", index=index, error=error)
            yield Trouble("certificate_unreadable", text)
            continue
        day = f"{ends_at:%Y-%m-%d}"
        if ends_at <= seen.at:
            text = say("index {index}: its client certificate ended on {day}", index=index, day=day)
            yield Trouble("certificate_ended", text)
        elif ends_at - seen.at < CERTIFICATE_ENDS:
            text = say("index {index}: its client certificate ends on {day}", index=index, day=day)
            yield Trouble("certificate_ends", text)
