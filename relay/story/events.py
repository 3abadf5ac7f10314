"""What happened to a booking on its way to the index, oldest first, and what is to come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from relay.post import ABSENT, DISCARDED
from relay.story.cause import Cause
from relay.story.causes import of_held, of_post, of_rows
from relay.story.facts import Call, Facts, Post, Row
from relay.story.of_booking import BOOKING, is_of_a_list
from relay.story.of_post import said_alone
from relay.story.words import HOW_TO_WRITE, clock, coded, content, fields_of, plain


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, or stands. `kind`: row, outbox, booking, rule, post, call, cause."""

    kind: str
    text: str
    at: datetime | None = None  # None: it stands now
    facts: Mapping[str, object] = field(default_factory=dict)


def events(f: Facts) -> list[Event]:
    """Everything that is known, what happened in the order of time and then what stands."""
    happened = [*_rows(f), *_calls(f), *_parked(f)]
    happened.sort(key=lambda event: event.at or f.now)
    return [*happened, *_outbox(f), *_booking(f), *_rules(f), *_posts(f), *_causes(f)]


def _rows(f: Facts) -> Iterator[Event]:
    for row in f.rows:
        version = f", version {row.version}" if row.version is not None else ""
        operation = f"{row.operation}{version}" if row.operation else "what it said is not in the outbox any more"
        facts = {"row": row.id, "operation": row.operation, "version": row.version}
        if row.written_at is not None:
            yield Event("row", f"row {row.id} was written: {operation}", row.written_at, facts)
        if row.outcome is None:
            yield Event("row", f"row {row.id} waits unread", None, facts | {"outcome": None})
            continue
        yield Event(
            "row",
            f"row {row.id} ended {row.outcome}{_why(row)}",
            row.settled_at or row.written_at,
            facts | {"outcome": row.outcome, "by_row": row.by_row, "by_version": row.by_version},
        )


def _why(row: Row) -> str:
    match row.outcome:
        case "duplicate":
            of = f"row {row.by_row}" if row.by_row else "an earlier row"
            return f": it repeats the event_id of {of}"
        case "superseded":
            version = f" with version {row.by_version}" if row.by_version is not None else ""
            return (
                f": row {row.by_row}{version} had been taken"
                if row.by_row is not None
                else ": a later row had been taken"
            )
        case "rejected":
            fields = fields_of(row.reason or "")
            right = "; ".join(f"{name} is written as {HOW_TO_WRITE[name]}" for name in fields)
            masked = "; each digit is shown as 9, each letter as A" if "resident_id" in fields else ""
            return f": {plain(row.reason)}{masked}" + (f"; {right}" if right else "")
        case _:
            return f" ({plain(row.reason)})" if row.reason else ""


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
        ended = f"{call.verdict}, {coded(call.code, call.text)}" if call.verdict else "no answer yet"
        yield Event(
            "call",
            f"call {call.id} carried post {keys} ({call.posts} in all): {ended} "
            f"(correlation id {call.correlation_id})",
            call.ended_at or call.started_at,
            {"call": call.id, "correlation_id": call.correlation_id, "verdict": call.verdict, "code": call.code,
             "text": plain(call.text) or None, "started_at": call.started_at},
        )  # fmt: skip


def _parked(f: Facts) -> Iterator[Event]:
    for post in f.posts:
        if post.parked_code is not None:
            done = "discarded by an operator" if post.parked_code == DISCARDED else f"parked with {post.parked_code}"
            yield Event(
                "post", f"post {post.key} was {done}: {plain(post.parked_text)}", post.parked_at, {"post": post.key}
            )


def _outbox(f: Facts) -> Iterator[Event]:
    source = f.source
    if source.trouble:
        yield Event("outbox", f"the outbox could not be read for this story: {plain(source.trouble)}")
    elif source.back_to is not None:
        yield Event("outbox", f"rows before row {source.back_to} were not looked through: there are too many")
    if source.error and source.error_since:
        yield Event(
            "outbox", f"the workers cannot use the outbox since {clock(source.error_since, f.now)}: {source.error}"
        )


def _booking(f: Facts) -> Iterator[Event]:
    booking = f.booking
    if booking is None:
        yield Event("booking", "no row of it has been taken")
        return
    details = booking.details
    said_by = "a full list" if is_of_a_list(f, booking) else f"row {booking.row_id}"
    if details is None:
        yield Event("booking", f"the booking is removed, as {said_by} said", None, {"row": booking.row_id})
        return
    times = {"starts_at": details.starts_at, "invited_on": details.invited_on, "valid_until": details.valid_until}
    said = ", ".join(f"{name} {value}" for name, value in times.items() if value is not None)
    version = f", version {booking.version}" if booking.version is not None else ""
    yield Event(
        "booking",
        f"the booking is {_article(details.kind.value)} at care unit {plain(details.care_unit)}, {said}, "
        f"presentable {str(details.presentable).lower()}, as {said_by} said{version}",
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
            "it should have a post: it lies ahead (R-20 a), is presentable (b), and its care unit is connected (c)",
            None,
            {"should_have_a_post": True},
        )
    for each in f.withheld:
        cause = BOOKING[each](f)
        facts = {"should_have_a_post": False, "reason": cause.code}
        yield Event("rule", f"it should have no post: {cause.because}", None, facts)


def _posts(f: Facts) -> Iterator[Event]:
    for post in f.posts:
        older = "" if post.current or post.wanted != ABSENT else " of an older key"
        yield Event(
            "post",
            f"post {post.key}{older} (care unit {plain(post.care_unit)}, lane {post.lane.name}) is wanted "
            f"{content(post.wanted)} and known {content(post.known)}",
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
    of = f"post {post.key} waits: " if post is not None else ""
    when = f" (until about {clock(cause.until, f.now, seconds=True)})" if cause.until else f"; {cause.do}"
    facts = {"reason": cause.code, "do": cause.do, "until": cause.until}
    return Event("cause", f"{of}{cause.because}{when}", None, facts | ({"post": post.key} if post else {}))


def _article(kind: str) -> str:
    return f"{'a' if kind[0] not in 'aeiou' else 'an'} {kind.replace('_', ' ')}"
