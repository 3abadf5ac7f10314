"""Gathers what the story of a booking is told from (`relay.story`): the relay's database, the outbox, the lists.

Nothing is changed. An outbox that does not answer costs its part of the story, and a list that cannot be read too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row as DatabaseRow

from relay import change
from relay.booking import Booking, Policy, Withheld, succeed, wanted_post, withheld
from relay.catalogue import CatalogueError
from relay.flow.inquiry.found import Found
from relay.flow.inquiry.posts_seen import posts_seen
from relay.flow.inquiry.rows_seen import Seen, look
from relay.flow.publishing.follow import CHECK
from relay.flow.publishing.rules import PublishingRules
from relay.flow.relay import Relay
from relay.identity import mask
from relay.outbox.inspect import RowFacts
from relay.outbox.trace import FAR, Reach
from relay.post import WantedPost
from relay.settings import ALL
from relay.store import bookings, changes, story
from relay.store.transaction import Transaction
from relay.story.facts import Facts, Held, Lists, Pace, Row, Source
from relay.wallclock import WallClockError, parse_instant


def gather(relay: Relay, found: Found, reach: Reach = FAR) -> Facts:
    """All that is known of one booking. Raises SQLAlchemyError where the relay's own database does not answer."""
    seen = look(relay, found.source, {}, booking_id=found.booking_id, reach=reach)
    rules, lists, trouble = _rules(relay, found.source)
    return relay.store.transact(lambda tx: _told(tx, relay, found, seen, rules, lists, trouble))


def _rules(relay: Relay, name: str) -> tuple[PublishingRules | None, dict[str, Any], str | None]:
    """What decides over the source's bookings, where its lists are from, and why they cannot be read."""
    configured = next((source for source in relay.settings.source if source.name == name), None)
    if configured is None:
        return None, {}, None
    lists: dict[str, Any] = {}
    if configured.care_units != ALL:
        lists |= {"units": str(configured.care_units), "units_at": _written_at(configured.care_units)}
    if relay.settings.environment != "production" and configured.test_residents not in (ALL, None):
        residents = configured.test_residents
        lists |= {"residents": str(residents), "residents_at": _written_at(residents)}
    try:
        return relay.source(name).policies.rules(), lists, None
    except CatalogueError as error:
        return None, lists, str(error)


def _written_at(path: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(Path(str(path)).stat().st_mtime, UTC)
    except OSError:
        return None


def _told(
    tx: Transaction,
    relay: Relay,
    found: Found,
    seen: Seen,
    rules: PublishingRules | None,
    lists: dict[str, Any],
    trouble: str | None,
) -> Facts:
    known = story.sources(tx).get(found.source)
    row = story.row_of_booking(tx, found.source, found.booking_id)
    booking = bookings.load(tx, found.source, [found.booking_id]).get(found.booking_id)
    policy = rules.policy if rules is not None else None
    retired = known is not None and known.retired_at is not None
    if retired:
        policy = Policy(data_controller="", retired=True)
    rows = _rows(tx, found, seen, booking)
    coming, unreadable = _after(relay, found.source, booking, seen.rows)
    withheld_for, wanted = _decided(coming, policy, tx.now)
    unit = coming.details.care_unit if coming is not None and coming.details is not None else None
    listed = bool(policy and policy.units is not None and unit in policy.units)
    return Facts(
        now=tx.now,
        booking_id=mask(found.booking_id),
        source=_source(relay, found.source, known, seen, trouble),
        rows=rows,
        booking=booking,
        changed_at=row.changed_at if row is not None else None,
        over_at=row.over_at if row is not None else None,
        next=coming,
        unreadable=unreadable,
        withheld=withheld_for,
        wanted=wanted,
        decided=policy is not None or coming is None or coming.details is None,
        lists=Lists(unit_listed=listed, **lists),
        held=_held(changes.of_booking(tx, found.source, found.booking_id)),
        held_lists=_held(changes.of_rules(tx, found.source, rules.fingerprint)) if rules is not None else None,
        posts=posts_seen(tx, relay, found.source, found.booking_id, wanted),
        pace=Pace(poll_interval=max(relay.settings.poll_interval, relay.settings.quiet_poll_interval)),
    )


def _decided(
    booking: Booking | None, policy: Policy | None, now: datetime
) -> tuple[tuple[Withheld, ...], WantedPost | None]:
    """Why the booking should have no post, or the post that it should have; neither, where nobody can say."""
    if booking is None:
        return (), None
    if policy is None:  # what is removed has no post by any list
        return tuple(withheld(booking, Policy(data_controller=""), now)) if booking.details is None else (), None
    reasons = tuple(withheld(booking, policy, now))
    wanted = wanted_post(booking, policy, now)
    return reasons, None if isinstance(wanted, Withheld) else wanted


def _held(row: DatabaseRow[Any] | None) -> Held | None:
    return Held(row.id, row.kind, row.status, row.why, row.decided_at) if row is not None else None


def _source(relay: Relay, name: str, known: DatabaseRow[Any] | None, seen: Seen, trouble: str | None) -> Source:
    configured = name in relay.source_names
    if known is None:
        return Source(name, configured, trouble=seen.trouble, back_to=seen.back_to, policy_error=trouble)
    looked_at = known.next_check_at - CHECK if known.next_check_at.year > 1970 else None
    return Source(
        name,
        configured,
        retired_at=known.retired_at,
        error=mask(known.error) if known.error else None,
        error_since=known.error_since,
        policy_error=mask(trouble or known.policy_error) if trouble or known.policy_error else None,
        looked_at=looked_at,
        evaluating=known.weighed_to is not None,
        trouble=seen.trouble,
        back_to=seen.back_to,
        restore_at=known.restore_suspected_at,
        restore_why=known.restore_why,
        rests_until=known.restore_rests_until,
    )


def _rows(tx: Transaction, found: Found, seen: Seen, booking: Booking | None) -> tuple[Row, ...]:
    """The booking's rows, from the outbox and from the receipts, oldest first."""
    there = {facts.row.id: facts for facts in seen.rows}
    receipts = {each.row_id: each for each in story.receipts_of_booking(tx, found.source, found.booking_id)}
    ids = {*there, *receipts} | ({booking.row_id} if booking is not None and booking.row_id > 0 else set())
    receipts |= {each.row_id: each for each in story.receipts_of_rows(tx, found.source, ids)}
    repeats = _repeated(tx, found.source, there.values())
    own = set(there)
    return tuple(_row(id_, there.get(id_), receipts.get(id_), repeats, own) for id_ in sorted(ids))


def _repeated(tx: Transaction, source: str, rows: Iterable[RowFacts]) -> dict[str, int]:
    """{event id: the row that took it} of the rows that ended as duplicates."""
    events = {e for facts in rows if facts.outcome == "duplicate" and (e := change.event_id_of(facts.row))}
    return {each.event_id: each.row_id for event in events for each in story.rows_of_event(tx, event, [source])}


def _row(
    id_: int, facts: RowFacts | None, receipt: DatabaseRow[Any] | None, repeats: dict[str, int], own: Collection[int]
) -> Row:
    row = Row(id_)
    if facts is not None:
        version = facts.row.version
        row = replace(
            row,
            written_at=_instant(facts.row.created_at),
            operation=mask((facts.row.operation or "")[:20]),
            version=int(version) if version and version.lstrip("-").isdigit() else None,
            event_id=mask(facts.row.event_id) if facts.row.event_id else None,
            outcome=facts.outcome,
            reason=mask(facts.reason) if facts.reason else None,
            settled_at=_instant(facts.relayed_at),
        )
        if facts.outcome == "duplicate":
            by = repeats.get(change.event_id_of(facts.row) or "")
            row = replace(row, by_row=by, by_own=by in own)
    if receipt is not None:
        row = replace(row, outcome=receipt.outcome, reason=receipt.reason, settled_at=receipt.settled_at)
        if receipt.outcome == "superseded":
            row = replace(row, by_row=receipt.by_row, by_version=receipt.by_version)
    return row


def _after(
    relay: Relay, name: str, booking: Booking | None, rows: Iterable[RowFacts]
) -> tuple[Booking | None, str | None]:
    """The booking as it will be when the rows that wait are taken, and why the last of them will be rejected."""
    unreadable = None
    for facts in rows:
        if facts.outcome is None and (booking is None or facts.row.id > booking.row_id):
            context = relay.source(name)
            said = change.read(facts.row, context.source_systems, context.local_identities)
            unreadable = said.reason if isinstance(said, change.Rejected) else None
            if isinstance(said, change.Change):
                booking = succeed(booking, said) or booking
    return booking, unreadable


def _instant(text: str | None) -> datetime | None:
    try:
        return parse_instant(text) if text else None
    except WallClockError:
        return None
