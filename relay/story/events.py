"""What happened to a booking on its way to the index, oldest first, and what is to come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from relay.change import Kind
from relay.language.said import Said, say
from relay.post import ABSENT, COLLISION, DISCARDED
from relay.story.cause import Cause
from relay.story.causes import of_held, of_post, of_rows
from relay.story.facts import Call, Facts, Post, Row
from relay.story.of_booking import BOOKING, is_of_a_list
from relay.story.of_post import said_alone
from relay.story.words import HOW_TO_WRITE, clock, coded, content, fields_of, one_after_the_other, plain

KINDS: Final = {
    Kind.BOOKING: say("a booking"),
    Kind.INVITATION: say("an invitation"),
    Kind.OPEN_INVITATION: say("an open invitation"),
}
VERDICTS: Final = {
    "accepted": say("accepted"), "content": say("content"), "configuration": say("configuration"),
    "temporary": say("temporary"), "unknown": say("unknown"), "lost": say("lost"), "not made": say("not made"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, or stands. `kind`: row, outbox, booking, rule, post, call, cause."""

    kind: str
    text: Said
    at: datetime | None = None  # None: it stands now
    facts: Mapping[str, object] = field(default_factory=dict)


def events(f: Facts) -> list[Event]:
    """Everything that is known, what happened in the order of time and then what stands."""
    happened = [*_rows(f), *_calls(f), *_parked(f)]
    happened.sort(key=lambda event: event.at or f.now)
    return [*happened, *_outbox(f), *_booking(f), *_rules(f), *_posts(f), *_causes(f)]


def _rows(f: Facts) -> Iterator[Event]:
    for row in f.rows:
        version = say(", version {version}", version=row.version) if row.version is not None else ""
        operation = (
            say("{operation}{version}", operation=row.operation, version=version)
            if row.operation
            else say("what it said is not in the outbox any more")
        )
        facts = {"row": row.id, "operation": row.operation, "version": row.version}
        if row.written_at is not None:
            yield Event(
                "row", say("row {row} was written: {operation}", row=row.id, operation=operation), row.written_at, facts
            )
        if row.outcome is None:
            yield Event("row", say("row {row} waits unread", row=row.id), None, facts | {"outcome": None})
            continue
        yield Event(
            "row",
            say("row {row} ended {outcome}{why}", row=row.id, outcome=row.outcome, why=_why(row)),
            row.settled_at or row.written_at,
            facts | {"outcome": row.outcome, "by_row": row.by_row, "by_version": row.by_version},
        )


def _why(row: Row) -> Said | None:
    match row.outcome:
        case "duplicate":
            of = say("row {row}", row=row.by_row) if row.by_row else say("an earlier row")
            return say(": it repeats the event_id of {of}", of=of)
        case "superseded" if row.by_row is None:
            return say(": a later row had been taken")
        case "superseded":
            version = say(" with version {version}", version=row.by_version) if row.by_version is not None else ""
            of = say("row {row}", row=row.by_row) if row.by_row else say("a full list")  # NO_ROW: no row said it
            return say(": {of}{version} had been taken", of=of, version=version)
        case "rejected":
            fields = fields_of(row.reason or "")
            masked = say("; each digit is shown as 9, each letter as A") if "resident_id" in fields else ""
            each = [say("{field} is written as {how}", field=name, how=HOW_TO_WRITE[name]) for name in fields]
            right = say("; {right}", right=one_after_the_other(each, "{first}; {rest}")) if each else ""
            return say(": {reason}{masked}{right}", reason=plain(row.reason), masked=masked, right=right)
        case _:
            return say(" ({reason})", reason=plain(row.reason)) if row.reason else None


def _calls(f: Facts) -> Iterator[Event]:
    seen: dict[int, list[Post]] = {}
    calls: dict[int, Call] = {}
    for post in f.posts:
        for call in (post.call, post.out):
            if call is not None:
                calls[call.id] = call
                seen.setdefault(call.id, []).append(post)
    for call in calls.values():
        keys = ", ".join(str(post.key) for post in seen[call.id])
        ended = (
            say(
                "{verdict}, {answer}",
                verdict=VERDICTS.get(call.verdict, call.verdict),
                answer=coded(call.code, call.text),
            )
            if call.verdict
            else say("no answer yet")
        )
        yield Event(
            "call",
            say(
                "call {call} carried post {keys} ({number} in all): {ended} (correlation id {correlation_id})",
                call=call.id, keys=keys, number=call.posts, ended=ended, correlation_id=call.correlation_id,
            ),
            call.ended_at or call.started_at,
            {"call": call.id, "correlation_id": call.correlation_id, "verdict": call.verdict, "code": call.code,
             "text": plain(call.text) or None, "started_at": call.started_at},
        )  # fmt: skip


def _parked(f: Facts) -> Iterator[Event]:
    for post in f.posts:
        if post.parked_code is None:
            continue
        if post.parked_code == DISCARDED:
            answer = coded((post.parked_text or "").partition(":")[0], post.parked_text)
            text = say("post {post} was discarded by an operator: {answer}", post=post.key, answer=answer)
        elif post.parked_code == COLLISION:
            text = say("post {post} is kept back: {text}", post=post.key, text=plain(post.parked_text))
        else:
            answer = coded(post.parked_code, post.parked_text)
            text = say("post {post} was parked with {answer}", post=post.key, answer=answer)
        yield Event("post", text, post.parked_at, {"post": post.key})


def _outbox(f: Facts) -> Iterator[Event]:
    source = f.source
    if source.trouble:
        text = say("the outbox could not be read for this story: {trouble}", trouble=plain(source.trouble))
        yield Event("outbox", text)
    elif source.back_to is not None:
        text = say("rows before row {row} were not looked through", row=source.back_to)
        yield Event("outbox", text, None, {"back_to": source.back_to})
    if source.error and source.error_since:
        since = clock(source.error_since, f.now)
        text = say("the workers cannot use the outbox since {since}: {why}", since=since, why=plain(source.error))
        yield Event("outbox", text)


def _booking(f: Facts) -> Iterator[Event]:
    booking = f.booking
    if booking is None:
        yield Event("booking", say("no row of it has been taken"))
        return
    details = booking.details
    said_by = say("a full list") if is_of_a_list(f, booking) else say("row {row}", row=booking.row_id)
    if details is None:
        text = say("the booking is removed, as {who} said", who=said_by)
        yield Event("booking", text, None, {"row": booking.row_id})
        return
    times = {"starts_at": details.starts_at, "invited_on": details.invited_on, "valid_until": details.valid_until}
    said = ", ".join(f"{name} {value}" for name, value in times.items() if value is not None)
    version = say(", version {version}", version=booking.version) if booking.version is not None else ""
    yield Event(
        "booking",
        say(
            "the booking is {kind} at care unit {unit}, {said}, presentable {presentable}, as {who} said{version}",
            kind=KINDS[details.kind],
            unit=plain(details.care_unit),
            said=said,
            presentable=str(details.presentable).lower(),
            who=said_by,
            version=version,
        ),
        None,
        {"row": booking.row_id, "version": booking.version, "care_unit": plain(details.care_unit)},
    )


def _rules(f: Facts) -> Iterator[Event]:
    """R-20 a, b and c each, and what else decides."""
    if f.next is None or not f.decided:
        return
    if f.wanted is not None:
        yield Event(
            "rule",
            say(
                "it should have a post: it is upcoming (R-20 a), is presentable (b), and its care unit is connected (c)"
            ),
            None,
            {"should_have_a_post": True},
        )
    for each in f.withheld:
        cause = BOOKING[each](f)
        facts = {"should_have_a_post": False, "reason": cause.code}
        yield Event("rule", say("it should have no post: {because}", because=cause.because), None, facts)


def _posts(f: Facts) -> Iterator[Event]:
    for post in f.posts:
        older = "" if post.current or post.wanted != ABSENT else say(" of an older key")
        yield Event(
            "post",
            say(
                "post {post}{older} (care unit {unit}, lane {lane}) is wanted {wanted} and known {known}",
                post=post.key, older=older, unit=plain(post.care_unit), lane=post.lane.name,
                wanted=content(post.wanted), known=content(post.known),
            ),
            None,
            {"post": post.key, "lane": post.lane.name, "wanted": content(post.wanted), "known": content(post.known),
             "wanted_since": post.wanted_since, "sent_at": post.sent_at},
        )  # fmt: skip


def _causes(f: Facts) -> Iterator[Event]:
    rows = of_rows(f)
    if rows is not None:
        yield _cause(f, rows)
    guarded = of_held(f) if f.decided else None
    if guarded is not None:
        yield _cause(f, guarded)
    for post in f.posts:
        cause = of_post(f, post)
        if cause is not None:
            yield _cause(f, cause, post)
        alone = said_alone(f, post)
        if alone is not None:
            yield Event("cause", alone.because, None, {"reason": alone.code, "post": post.key})


def _cause(f: Facts, cause: Cause, post: Post | None = None) -> Event:
    of = say("post {post} waits: ", post=post.key) if post is not None else ""
    when = (
        say(" (until about {time})", time=clock(cause.until, f.now, seconds=True))
        if cause.until
        else say("; {do}", do=cause.do)
    )
    facts = {"reason": cause.code, "do": cause.do, "until": cause.until}
    return Event(
        "cause",
        say("{of}{because}{when}", of=of, because=cause.because, when=when),
        None,
        facts | ({"post": post.key} if post else {}),
    )
