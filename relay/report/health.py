"""The state of everything, as `ei-relay status` has seen it, and what of it is wrong. Pure.

The thresholds are those of the alerts in config/prometheus: the two must not tell different stories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from relay.language.said import Instant, Said, quoted, say

LATE_SECONDS: Final = 45 * 60  # three quarters of the hour that R-33 gives
UNREAD_SECONDS: Final = 5 * 60
UNATTENDED: Final = timedelta(minutes=3)
RESTART_TOLD: Final = timedelta(days=1)  # for how long it is told that an outbox's ids have begun again
LIST_OVERDUE: Final = timedelta(days=2)
CLOCK_MS: Final = 60_000
CERTIFICATE_ENDS: Final = timedelta(days=30)

Facts = Mapping[str, object]
"""Of one thing, by name, as `--json` gives them."""


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """What was seen at `at`."""

    at: datetime
    sources: list[Facts]
    lanes: list[Facts]
    broker: Facts | None  # None: the configuration names none
    certificates: list[Facts]
    changes: list[Facts] = field(default_factory=list)  # held, or rejected and still in force
    workers: Sequence[Facts] = ()  # those that reported within a day
    full_lists: Sequence[Facts] = ()  # of the sources that have a full_list_query: what the last comparison found
    verified: Sequence[Facts] = ()  # of the indexes that may be asked: the same
    odd: Sequence[Facts] = ()  # of the sources' last rows: what looks unlike the rest
    disagreeing: Sequence[str] = ()  # sources of which the workers' files say different things
    respelt: Sequence[tuple[str, str, str]] = ()  # (source, system as spelt before, as spelt now) with posts of before


class Trouble(NamedTuple):
    """One thing that is wrong. `kind` is what the console's advice is known by."""

    kind: str
    text: Said


def wrong(seen: HealthSummary) -> list[Said]:
    """A line for all that is wrong, the worst first; none: nothing is."""
    return [trouble.text for trouble in troubles(seen)]


def troubles(seen: HealthSummary) -> list[Trouble]:
    """All that is wrong, the worst first."""
    return [
        *_restored(seen.sources),
        *_reached(seen),
        *_held(seen.changes),
        *_clocks(seen.workers),
        *_untaken(seen.sources),
        *_unattended(seen),
        *_restarted(seen),
        *_lanes(seen.lanes),
        *_refused(seen.sources),
        *_set_aside(seen.sources),
        *_full_lists(seen),
        *_verified(seen.verified),
        *_certificates(seen),
    ]


def worth_a_look(seen: HealthSummary) -> list[Said]:
    """A line for all that may well be right, and should be looked at."""
    differ = [
        say(
            "source {source}: the files of the workers' hosts say different things; the lists in force stay so: see "
            "`ei-relay workers list`", source=name,
        )
        for name in seen.disagreeing
    ]  # fmt: skip
    spelt = [
        say(
            "source {source}: posts stand in the index under source system {was}, which the configuration now spells "
            "{now}: `ei-relay sources move {source} --from {was} --to {now}`", source=source, was=was, now=now,
        )
        for source, was, now in seen.respelt
    ]  # fmt: skip
    return [*differ, *spelt, *(_of(each, quoted(each["text"])) for each in seen.odd)]


def _clocks(workers: Sequence[Facts]) -> Iterator[Trouble]:
    told = set()
    for worker in workers:
        off = worker.get("clock_difference_ms")
        if worker["alive"] and isinstance(off, int) and abs(off) > CLOCK_MS and worker["host"] not in told:
            told.add(worker["host"])
            text = say(
                "the clock of {host} is {seconds} s {where} the relay's database's: see which of them is off",
                host=worker["host"], seconds=abs(off) // 1000, where=say("ahead of") if off > 0 else say("behind"),
            )  # fmt: skip
            yield Trouble("clock", text)


def _full_lists(seen: HealthSummary) -> Iterator[Trouble]:
    for each in seen.full_lists:
        at = each["compared_at"] or each["first_at"]
        if each["error"]:
            what = say("its full list was not compared: {error}", error=quoted(each["error"]))
            yield Trouble("list_failed", _of(each, what))
        if isinstance(at, datetime) and seen.at - at > LIST_OVERDUE:
            if each["compared_at"]:
                what = say("its full list was last compared at {at}: are workers at work at night?", at=Instant(at))
            else:
                what = say("its full list has never been compared: are workers at work at night?")
            yield Trouble("list_overdue", _of(each, what))
        if each["rejected"]:
            reasons = each.get("reasons")
            first = reasons[0] if isinstance(reasons, list) and reasons else None
            what = say(
                "its full list has {number} rows that cannot be read{first}", number=each["rejected"],
                first=say(", the first: {reason}", reason=quoted(first)) if first else None,
            )  # fmt: skip
            yield Trouble("list_failed", _of(each, what))


def _verified(verified: Sequence[Facts]) -> Iterator[Trouble]:
    for each in verified:
        if each["lost"] or each["ghost"] or each["wrong"]:
            text = say(
                "index {index} does not hold what it is known to hold: {lost} lost, {ghost} ghost, {wrong} wrong of "
                "what was compared last: see `ei-relay verify`",
                index=each["index"], lost=each["lost"], ghost=each["ghost"], wrong=each["wrong"],
            )  # fmt: skip
            yield Trouble("index_differs", text)


def _reached(seen: HealthSummary) -> Iterator[Trouble]:
    if seen.broker is not None and not seen.broker["ok"]:
        text = quoted(seen.broker["text"])
        yield Trouble("broker", say("the broker does not answer, so the workers get no work: {text}", text=text))
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


def _unattended(seen: HealthSummary) -> Iterator[Trouble]:
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
        "source {source}{more}: {rows} rows and {posts} posts wait, and no worker has checked it {ago}: {do}",
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


def _restarted(seen: HealthSummary) -> Iterator[Trouble]:
    for source in seen.sources:
        at = source.get("ids_restarted_at")
        if isinstance(at, datetime) and seen.at - at < RESTART_TOLD:
            what = say(
                "the ids of its outbox have begun again (last seen {at}); rows are taken by the time they were "
                "written: see that ids grow, ei-relay outbox check", at=Instant(at),
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
        at = say(" since {time}", time=Instant(since)) if isinstance(since, datetime) else ""
        if lane["state"] == "blocked":
            code = lane["code"] or ""
            yield Trouble("blocked", say("lane {lane} is blocked {code}{since}", lane=name, code=code, since=at))
        elif lane["state"] == "paused":
            yield Trouble("paused", say("lane {lane} is paused{since}", lane=name, since=at))
        elif lane["state"] == "resting":
            number = lane["failures"]
            code = say(" ({text})", text=lane["code"]) if lane["code"] else ""
            text = (
                say("lane {lane} rests after a failed call{code}", lane=name, code=code)
                if number == 1
                else say("lane {lane} rests after {number} failed calls{code}", lane=name, number=number, code=code)
            )
            yield Trouble("resting", text)


def _refused(sources: list[Facts]) -> Iterator[Trouble]:
    for source in sources:
        if source["rejected_last_hour"]:
            number, newest = source["rejected_last_hour"], source.get("newest_rejected")
            id_ = say(", the newest is id {row}: `ei-relay rows rejected`", row=newest) if newest is not None else None
            what = (
                say("1 outbox row was rejected within the hour{newest}", newest=id_)
                if number == 1
                else say("{number} outbox rows were rejected within the hour{newest}", number=number, newest=id_)
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
            first = rows[0]
            since = first.get("since")
            said = {
                "row": first["row_id"],
                "since": say(", since {time}", time=Instant(since)) if isinstance(since, datetime) else None,
                "reason": quoted(first["reason"]),
            }
            what = (
                say("row {row} is set aside{since}, since its outcome cannot be written: {reason}", **said)
                if source["rows_set_aside"] == 1
                else say(
                    "{number} outbox rows are set aside, since their outcome cannot be written; the first is id "
                    "{row}{since}: {reason}",
                    number=source["rows_set_aside"],
                    **said,
                )
            )
            yield Trouble("set_aside", _of(source, what))


def _certificates(seen: HealthSummary) -> Iterator[Trouble]:
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
