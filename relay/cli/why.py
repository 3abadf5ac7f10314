"""`ei-relay why`: why a booking is, or is not, in the index; the last line is the answer."""

from __future__ import annotations

from typing import NoReturn

import click

from relay.cli.common import NOTHING_MATCHED, as_json, json_option, no_such_source, nothing_matched, settings, who
from relay.cli.common import said as reason_said
from relay.flow.inquiry.found import Inquiry
from relay.flow.inquiry.gather import gather
from relay.flow.relay import Relay
from relay.identity import IdentityError, parse_resident_id
from relay.language.said import ENGLISH, SWEDISH, quoted, say
from relay.sessions import Bounds
from relay.store import audit
from relay.store.migrate import check
from relay.store.selection import BIGGEST_KEY
from relay.story.story import as_object, as_text, tell

PATIENCE = Bounds(connect=3, statement=5)  # somebody sits at a screen
MOST_BOOKINGS = 20  # of one person


@click.command()
@click.option("--booking", "booking_id", metavar="ID", help="The booking, by the id its booking system gives it.")
@click.option("--row", "row_id", type=click.IntRange(1, BIGGEST_KEY), help="The booking of an outbox row, by its id.")
@click.option("--event", "event_id", metavar="ID", help="The booking of the outbox rows with this event_id.")
@click.option("--resident", metavar="IDENTITY", help="A person's bookings; kept in the audit log, never printed.")
@click.option("--source", help="Only this source's.")
@click.option("--reason", callback=reason_said, help="With --resident: why; kept in the audit log.")
@click.option(
    "--language", type=click.Choice([ENGLISH, SWEDISH]), default=ENGLISH, help="The story's; in JSON it is English."
)
@json_option
def why(
    booking_id: str | None,
    row_id: int | None,
    event_id: str | None,
    resident: str | None,
    source: str | None,
    reason: str | None,
    language: str,
    json_: bool,
) -> None:
    """Tell the story of a booking: its rows, its posts, its calls, and why it is or is not in the index.

    The last line is the answer in one sentence; --language sv tells it in Swedish. Times are Swedish; in JSON they
    are ISO 8601 in UTC. Exits with 3 where nothing is known of it.
    """
    given = {"--booking": booking_id, "--row": row_id, "--event": event_id, "--resident": resident}
    if sum(value is not None for value in given.values()) != 1:
        raise click.UsageError(f"give one of {', '.join(given)}")
    if empty := [name for name, value in (given | {"--source": source}).items() if value == ""]:
        raise click.UsageError(f"{empty[0]} is empty")
    relay = Relay(settings(), bounds=PATIENCE)
    try:
        check(relay.store.engine)
        inquiry = Inquiry(relay, source)
        if not inquiry.sources:
            no_such_source(source or "", relay.source_names)
        if booking_id is not None:
            found = inquiry.of_booking(booking_id)
        elif row_id is not None:
            found = inquiry.of_row(row_id)
        elif event_id is not None:
            found = inquiry.of_event(event_id)
        else:
            identity = _identity(relay, resident or "")
            relay.store.transact(lambda tx: audit.note(tx, who(), "why --resident", source or "every source", reason))
            found = inquiry.of_resident(identity, MOST_BOOKINGS)
        stories = [tell(gather(relay, each)) for each in found]
    finally:
        relay.close()
    if not stories:
        _nothing(inquiry, json_, language, of_resident=resident is not None)
    click.echo(as_json(as_object(stories)) if json_ else as_text(stories, language))


def _identity(relay: Relay, typed: str) -> str:
    """The identity in its one spelling; a local reserve identity as it stands."""
    try:
        return parse_resident_id(typed.strip())
    except IdentityError as error:
        patterns = (relay.source(name).local_identities for name in relay.source_names)
        if any(pattern is not None and pattern.fullmatch(typed) for pattern in patterns):
            return typed
        raise click.BadParameter(str(error), param_hint="--resident") from None


def _nothing(inquiry: Inquiry, json_: bool, language: str, *, of_resident: bool) -> NoReturn:
    told = [say("no booking of this resident is known") if of_resident else say("nothing is known of it")]
    for name, row in inquiry.back_to.items():
        told.append(say("; the outbox of {source} was looked through back to row {row}", source=name, row=row))
    for name, trouble in inquiry.silent.items():
        told.append(
            say(
                "; a row may wait in the outbox of {source}, which cannot be read: {trouble}",
                source=name,
                trouble=quoted(trouble),
            )
        )
    if not of_resident:
        told.append(
            say("; see that the id is the booking system's own, and whether it wrote a row (`ei-relay outbox check`)")
        )
    if not json_:
        nothing_matched("".join(each.to(language) for each in told))
    click.echo(as_json({"answer": "".join(told), "in_index": None, "reason": "nothing_known", "events": []}))
    raise SystemExit(NOTHING_MATCHED)
