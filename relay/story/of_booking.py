"""The causes that lie in the booking: it should have no post (R-20 a, b and c, R-22, and what else decides).

One for each reason that `relay.booking.withheld` can give; a test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from relay.booking import (
    HIDDEN,
    LOCAL,
    NO_ROW,
    NOT_ALLOWED,
    NOT_CONNECTED,
    PAST,
    REMOVED,
    RETIRED,
    UNSTORABLE,
    Booking,
    Withheld,
    expiry,
)
from relay.change import REMOVE, UPSERT
from relay.language.said import Said, say
from relay.story.cause import Cause
from relay.story.facts import Facts
from relay.story.words import clock, plain
from relay.wallclock import instant_of


def is_of_a_list(f: Facts, booking: Booking) -> bool:
    """Whether what is known of the booking is a full list's word: no row of the outbox said it, or the one that stands
    in the order of rows said otherwise."""
    said = {row.id: row.operation for row in f.rows}.get(booking.row_id)
    other = UPSERT if booking.details is None else REMOVE
    return booking.row_id == NO_ROW or (said == other and not _is_forgotten(f))


def _is_forgotten(f: Facts) -> bool:
    return f.over_at is not None and f.changed_at is not None and f.over_at > f.changed_at and f.next is f.booking


def _removed(f: Facts) -> Cause:
    booking = f.next or f.booking
    row = say(" by row {row}", row=booking.row_id) if booking is not None and booking.row_id > 0 else ""
    if _is_forgotten(f) and f.over_at is not None:
        time = clock(f.over_at, f.now)
        return Cause("forgotten", say("it was over at {time} and its data have been deleted since", time=time))
    late = f.rows[-1] if f.rows else None
    if late is not None and late.outcome == "superseded":
        known = late.by_version is not None
        return Cause(
            "superseded",
            say(
                "it was cancelled{by}{version}, and row {row} {own} came too late (superseded)",
                by=say(" by row {row}", row=late.by_row) if late.by_row else "",
                version=say(" with version {version}", version=late.by_version) if known else "",
                row=late.id,
                own=say("with version {version}", version=late.version)
                if late.version is not None
                else say("with version none"),
            ),
            say(
                "if the booking stands, have the booking system write it again with a version{over}",
                over=say(" above {version}", version=late.by_version) if known else "",
            ),
        )
    if booking is not None and is_of_a_list(f, booking):
        return Cause("cancelled", say("it is not on the booking system's full list of bookings"))
    return Cause("cancelled", say("it was cancelled{row}", row=row))


def _retired(f: Facts) -> Cause:
    since = say(" since {time}", time=clock(f.source.retired_at, f.now)) if f.source.retired_at else ""
    do = say("`ei-relay sources restore {source}` publishes its bookings again", source=f.source.name)
    return Cause("source_retired", say("the source {source} is retired{since}", source=f.source.name, since=since), do)


def _local(_f: Facts) -> Cause:
    return Cause(
        "local_identity",
        say("resident_id is a local reserve identity, which is never sent (R-07)"),
        say("have the booking system write it again when the resident has a national identity"),
    )


def _not_allowed(f: Facts) -> Cause:
    lists = f.lists
    dated = _dated(lists.residents_at, f)
    of = say(" ({file}{dated})", file=lists.residents, dated=dated) if lists.residents else ""
    return Cause(
        "not_test_resident",
        say("its resident is not one of the test identities allowed here{of} (R-55)", of=of),
        say("book for an approved test identity, or add this one to test_residents"),
    )


def _not_connected(f: Facts) -> Cause:
    booking = f.next or f.booking
    unit = plain(booking.details.care_unit) if booking is not None and booking.details else say("its care unit")
    of = say("{file}{dated}", file=f.lists.units or "care_units", dated=_dated(f.lists.units_at, f))
    if f.lists.unit_listed:
        return Cause(
            "unit_inactive",
            say("the care unit {unit} is not connected: {of} says that it is not active (R-20 c)", unit=unit, of=of),
            say("set active to true in the list when the unit is connected; workers follow within three minutes"),
        )
    return Cause(
        "unit_not_connected",
        say("the care unit {unit} is not connected: it is not in {of} (R-20 c)", unit=unit, of=of),
        say("add the unit to the list when it is connected; workers follow within three minutes"),
    )


def _hidden(_f: Facts) -> Cause:
    return Cause(
        "not_presentable",
        say("it is not presentable: presentable is false (R-20 b)"),
        say("have the booking system write it with presentable true when it may be shown"),
    )


def _past(f: Facts) -> Cause:
    booking = f.next or f.booking
    details = booking.details if booking is not None else None
    ends = expiry(details) if details is not None else None
    at = say(" at {time}", time=clock(ends, f.now)) if ends else ""
    if details is not None and details.valid_until is not None and ends == instant_of(details.valid_until):
        return Cause("expired", say("it has expired: its valid_until passed{at} (R-22)", at=at))
    return Cause("past", say("it is past: its start time passed{at} (R-20 a, R-22)", at=at))


def _dated(at: datetime | None, f: Facts) -> Said | None:
    return say(" of {time}", time=clock(at, f.now)) if at is not None else None


def _unstorable(_: Facts) -> Cause:
    because = say("its booking_id or data_controller has characters beyond U+FFFF, which the index loses")
    return Cause("unstorable", because)


BOOKING: Final[dict[Withheld, Callable[[Facts], Cause]]] = {
    REMOVED: _removed,
    RETIRED: _retired,
    LOCAL: _local,
    NOT_ALLOWED: _not_allowed,
    NOT_CONNECTED: _not_connected,
    HIDDEN: _hidden,
    PAST: _past,
    UNSTORABLE: _unstorable,
}
