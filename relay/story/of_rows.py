"""The causes that lie in the rows: the booking system wrote something that was not taken, or not yet.

To add one, write a function that says whether it holds, and put it into `ROWS` where it is asked in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.language.said import Said, say
from relay.story.cause import A_CALL, Cause, no_worker
from relay.story.facts import Facts, Row
from relay.story.words import HOW_TO_WRITE, clock, fields_of, lasting, one_after_the_other, plain


def _unread_and_left(f: Facts) -> Cause | None:
    if not f.unread or f.source.configured:
        return None
    return Cause(
        "not_configured",
        say(
            "row {row} waits unread and the source {source} is not in the configuration",
            row=f.unread[0].id,
            source=f.source.name,
        ),
        say("put the source back, or move its rows to the outbox of another one"),
    )


def _unread_and_silent(f: Facts) -> Cause | None:
    if not f.unread or f.source.error is None:
        return None
    since = say(" since {time}", time=clock(f.source.error_since, f.now)) if f.source.error_since else ""
    lists = f.source.error.startswith(("care_units", "test_residents"))
    return Cause(
        "lists_unreadable" if lists else "outbox_away",
        say("row {row} waits unread: {why}{since}", row=f.unread[0].id, why=plain(f.source.error), since=since),
        say("correct the list (`ei-relay config check`)")
        if lists
        else say("see `ei-relay outbox check --source {source}`", source=f.source.name),
    )


def _unread_and_nobody_there(f: Facts) -> Cause | None:
    cause = no_worker(f) if f.unread else None
    if cause is None:
        return None
    because = say("row {row} waits unread and {because}", row=f.unread[0].id, because=cause.because)
    return Cause("no_worker", because, cause.do)


def _unread_and_wrong(f: Facts) -> Cause | None:
    if not f.unread or f.unreadable is None:
        return None
    return _wrong(f.unread[-1], f.unreadable, say("will be rejected"))


def _unread(f: Facts) -> Cause | None:
    if not f.unread:
        return None
    row = f.unread[0]
    waits = say(" for {time}", time=lasting(f.now - row.written_at)) if row.written_at else ""
    return Cause(
        "unread",
        say("row {row} waits unread{waits}", row=row.id, waits=waits),
        until=f.now + f.pace.poll_interval + 2 * A_CALL,
    )


def _rejected(f: Facts) -> Cause | None:
    newest = _newest(f)
    if newest is None or newest.outcome != "rejected":
        return None
    return _wrong(newest, newest.reason or "", say("was rejected"))


def _wrong(row: Row, reason: str, verb: Said) -> Cause:
    fields = fields_of(reason)
    masks = "resident_id" in fields and "was" in reason and "event_id" not in fields
    masked = say(" (each digit shown as 9, each letter as A)") if masks else ""
    do = say("have the booking system write it again")
    if fields:
        each = [say("{field}: {how}", field=name, how=HOW_TO_WRITE[name]) for name in fields]
        right = one_after_the_other(each, "{first}; {rest}")
        do = say("have the booking system write it again with {right}", right=right)
    reused = "event_id" in fields and "an event_id of its own" in reason
    because = say("row {row} {verb}: {reason}{masked}", row=row.id, verb=verb, reason=plain(reason), masked=masked)
    return Cause("event_id_reused" if reused else "rejected", because, do)


def _duplicate(f: Facts) -> Cause | None:
    """A repeat of one of the booking's own rows does no harm."""
    newest = _newest(f)
    if newest is None or newest.outcome != "duplicate" or newest.by_own:
        return None
    if f.booking is not None and newest.by_row is None:
        return None  # the row it repeats is not known any more, and the booking is
    of = say("row {row}, which is about another booking", row=newest.by_row) if newest.by_row else say("an earlier row")
    return Cause(
        "event_id_reused",
        say("row {row} ended as duplicate: its event_id was used by {of}", row=newest.id, of=of),
        say("have the booking system write it again with an event_id of its own"),
    )


def _newest(f: Facts) -> Row | None:
    """The booking's newest row, where it is newer than what was taken."""
    taken = f.booking.row_id if f.booking is not None else 0
    newest = f.rows[-1] if f.rows else None
    return newest if newest is not None and newest.id > taken else None


ROWS: Final[tuple[tuple[str, Callable[[Facts], Cause | None]], ...]] = (
    ("not_configured", _unread_and_left),
    ("outbox_away", _unread_and_silent),
    ("no_worker", _unread_and_nobody_there),
    ("rejected", _unread_and_wrong),
    ("unread", _unread),
    ("rejected", _rejected),
    ("event_id_reused", _duplicate),
)
