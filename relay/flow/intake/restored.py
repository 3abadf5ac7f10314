"""Notices that the relay's database was restored, or lost its last transactions: the outbox knows of more than it does.

    ask      what is known of the receipts; now and then only: when a process begins, and every few minutes
    answer   one bounded question to the outbox: its newest rows that were taken
    judge    one that has no receipt, though receipts of its time are kept: nothing is sent of this source any more

A database is restored once. Where rows go on being taken of which it knows nothing, another relay reads the table: that
is said then, instead.

Intake goes on meanwhile. An event id that a row in the lost time took is known to the outbox only, so that is asked
(`events_taken`): else a change that its writer repeats would be taken for a new one, and win.

It cannot be seen of an outbox in the relay's own database, which is restored together with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from relay import change
from relay.batch import TakenEvent
from relay.change import OutboxRow, event_id_of
from relay.flow.relay import Relay, SourceContext
from relay.outbox import settled
from relay.outbox.reader import OutboxReader
from relay.store import figures, lease, restores
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 300.0
LOOKED_AT: Final = 1_000  # rows: more than a busy source's of five minutes
_BEGINNING: Final = timedelta(
    minutes=5
)  # before the first receipt, by clocks that may differ: an earlier relay's marks

LOST: Final = (
    "its outbox has rows that were taken, and this database knows nothing of it: it was restored, or lost its last "
    "transactions; or another relay marks the same table. Nothing is sent of this source until "
    "`ei-relay recover --source {source}`"
)
ANOTHER: Final = (
    "its outbox has rows that an earlier relay took, or that an earlier database of this one knew: what the index "
    "holds of them is not known here. See `ei-relay recover --source {source}`; with --trust, if it is as it should be"
)


SECOND: Final = (
    "its outbox goes on being marked by somebody else: row {row} and others were taken, of which this relay knows "
    "nothing, since nothing is sent any more. Another relay reads the same table: stop one of the two, then "
    "`ei-relay recover --source {source}`"
)


_IS_SECOND: Final = "goes on being marked"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a source before its outbox is asked. `after`: the time of the marks that count; None: all."""

    known: restores.Compared
    after: datetime | None

    def answer(self, reader: OutboxReader) -> list[int]:
        """The newest rows that were taken. Raises as the outbox's driver does."""
        return settled.newest(reader, LOOKED_AT, self.after)


def ask(relay: Relay, name: str) -> Asked | None:
    """What to ask a source's outbox; None where it is not time to, or where its lanes are held and it is too early to
    say that somebody else goes on."""
    now = lease.steady_seconds()
    if now < relay.next_compare.get(name, now):
        return None
    asked = look(relay, name)
    relay.next_compare[name] = now + EVERY_SECONDS
    if (held_since := asked.known.suspected_at) is None:
        return asked
    since = held_since + _BEGINNING
    return Asked(asked.known, max(asked.after or since, since)) if since < asked.known.now else None


def events_taken(context: SourceContext, rows: Iterable[OutboxRow]) -> dict[str, TakenEvent]:
    """Those of the rows' event ids that the outbox knows to be taken, and who took them first. Raises as the outbox's
    driver does."""
    asked = {row.event_id for row in rows if row.event_id and event_id_of(row)}
    found: dict[str, TakenEvent] = {}
    for each in settled.of_events(context.reader, asked):
        said = change.read(each.row, context.source_systems, context.local_identities)
        event_id = event_id_of(each.row)
        if event_id is not None and isinstance(said, change.Change):
            found.setdefault(event_id, TakenEvent(each.row.id, said.content(), said.booking_id))
    return found


def look(relay: Relay, name: str) -> Asked:
    """What to ask a source's outbox, whatever the time."""
    known = relay.store.transact(partial(restores.known, name=name))
    if known.first is None:
        return Asked(known, known.trusted_at)
    receipts = max(relay.settings.retention.receipts, figures.LATELY)
    bounds = (known.first + _BEGINNING, known.now - receipts / 2, known.trusted_at)
    return Asked(known, max(bound for bound in bounds if bound is not None))


def lost_since(relay: Relay, name: str) -> datetime | None:
    """About the last that is known of a source's outbox before what is not; None where nothing is missing.

    Asks the outbox, and so raises as its driver does. Changes nothing.
    """
    asked = look(relay, name)
    marks = asked.answer(relay.source(name).reader)
    return relay.store.transact(lambda tx: _missing(relay, name, asked, marks, tx)[1])


def judge(relay: Relay, name: str, asked: Asked, marks: list[int]) -> None:
    """Compare the marks with the receipts, and hold the source's lanes where one is missing."""

    def work(tx: Transaction) -> tuple[str | None, bool]:
        if asked.known.suspected_at is not None:
            return _second(relay, name, marks, tx)
        found, since = _missing(relay, name, asked, marks, tx)
        if found is None:
            restores.compared(tx, name)
            return None, False
        text = found.format(source=name)
        return found, restores.note(tx, name, text) if found is ANOTHER else restores.suspect(tx, name, since, text)

    found, is_new = relay.store.transact(work)
    if found is not None and is_new:
        level = logging.WARNING if found is ANOTHER else logging.ERROR
        log.log(level, "%s", found.format(source=name), extra={"source": name})


def _second(relay: Relay, name: str, marks: list[int], tx: Transaction) -> tuple[str | None, bool]:
    """Whether somebody else has taken rows since the lanes are held; said once, of the first that was seen."""
    unknown = restores.missing(tx, relay.sharing(name), marks) if marks else []
    row = restores.of_source(tx, name)
    if not unknown or row is None or row.restore_suspected_at is None or _IS_SECOND in (row.restore_why or ""):
        restores.compared(tx, name)
        return None, False
    text = SECOND.format(row=unknown[0], source=name)
    return text, restores.note(tx, name, text)


def _missing(
    relay: Relay, name: str, asked: Asked, marks: list[int], tx: Transaction
) -> tuple[str | None, datetime | None]:
    lost = restores.missing(tx, relay.sharing(name), marks) if marks else []
    if not lost:
        return None, None
    if asked.known.first is None:
        return ANOTHER, None
    return LOST, restores.last_before(tx, name, lost[0]) or asked.known.first
