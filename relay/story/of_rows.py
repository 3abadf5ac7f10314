"""The causes that lie in the rows: the booking system wrote something that was not taken, or not yet.

To add one, write a function that says whether it holds, and put it into `ROWS` where it is asked in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from relay.story.cause import A_CALL, Cause, no_worker
from relay.story.facts import Facts, Row
from relay.story.words import HOW_TO_WRITE, clock, fields_of, lasting, plain


def _unread_and_left(f: Facts) -> Cause | None:
    if not f.unread or f.source.configured:
        return None
    return Cause(
        "not_configured",
        f"row {f.unread[0].id} waits unread and the source {f.source.name} is not in the configuration",
        "put the source back, or move its rows to the outbox of another one",
    )


def _unread_and_silent(f: Facts) -> Cause | None:
    if not f.unread or f.source.error is None:
        return None
    since = f" since {clock(f.source.error_since, f.now)}" if f.source.error_since else ""
    lists = f.source.error.startswith(("care_units", "test_residents"))
    return Cause(
        "lists_unreadable" if lists else "outbox_away",
        f"row {f.unread[0].id} waits unread: {plain(f.source.error)}{since}",
        "correct the list (`ei-relay config check`)"
        if lists
        else f"see `ei-relay outbox check --source {f.source.name}`",
    )


def _unread_and_nobody_there(f: Facts) -> Cause | None:
    cause = no_worker(f) if f.unread else None
    if cause is None:
        return None
    return Cause("no_worker", f"row {f.unread[0].id} waits unread and {cause.because}", cause.do)


def _unread_and_wrong(f: Facts) -> Cause | None:
    if not f.unread or f.unreadable is None:
        return None
    return _wrong(f.unread[-1], f.unreadable, "will be rejected")


def _unread(f: Facts) -> Cause | None:
    if not f.unread:
        return None
    row = f.unread[0]
    waits = f" for {lasting(f.now - row.written_at)}" if row.written_at else ""
    return Cause("unread", f"row {row.id} waits unread{waits}", until=f.now + f.pace.poll_interval + 2 * A_CALL)


def _rejected(f: Facts) -> Cause | None:
    newest = _newest(f)
    if newest is None or newest.outcome != "rejected":
        return None
    return _wrong(newest, newest.reason or "", "was rejected")


def _wrong(row: Row, reason: str, verb: str) -> Cause:
    fields = fields_of(reason)
    right = "; ".join(f"{name}: {HOW_TO_WRITE[name]}" for name in fields)
    masked = " (each digit shown as 9, each letter as A)" if "resident_id" in fields and "was" in reason else ""
    do = f"have the booking system write it again with {right}" if right else "have the booking system write it again"
    if "event_id" in fields:
        return Cause(
            "event_id_reused" if "an event_id of its own" in reason else "rejected",
            f"row {row.id} {verb}: {plain(reason)}",
            do,
        )
    return Cause("rejected", f"row {row.id} {verb}: {plain(reason)}{masked}", do)


def _duplicate(f: Facts) -> Cause | None:
    """A repeat of one of the booking's own rows does no harm."""
    newest = _newest(f)
    if newest is None or newest.outcome != "duplicate" or newest.by_own:
        return None
    if f.booking is not None and newest.by_row is None:
        return None  # the row it repeats is not known any more, and the booking is
    of = f"row {newest.by_row}, which is about another booking" if newest.by_row else "an earlier row"
    return Cause(
        "event_id_reused",
        f"row {newest.id} ended as duplicate: its event_id was used by {of}",
        "have the booking system write it again with an event_id of its own",
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
