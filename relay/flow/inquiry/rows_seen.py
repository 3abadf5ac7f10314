"""The rows of an outbox as a story needs them; an outbox that does not answer is part of the story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from relay.flow.relay import Relay
from relay.outbox.inspect import RowFacts
from relay.outbox.trace import Trace, trace
from relay.outbox.trouble import explain


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows, oldest first; `back_to`: settled ones were looked for back to there; `trouble`: why none was read."""

    rows: tuple[RowFacts, ...] = ()
    back_to: int | None = None
    trouble: str | None = None


NOT_THERE: Final = Seen()
Traced = dict[tuple[object, ...], Trace]
"""What outboxes answered so far, for sources that share one."""


def outbox_of(relay: Relay, name: str) -> tuple[object, ...]:
    """Which outbox the source has: sources that have one in common have the same."""
    if name not in relay.source_names:
        return ()
    try:
        reader = relay.source(name).reader
    except ModuleNotFoundError:  # the driver's
        return (name,)
    return reader.engine, reader.table_name


def look(relay: Relay, name: str, traced: Traced, **asked: Any) -> Seen:
    """The rows that `trace` finds of what is this source's to take; nothing of a source that is not configured."""
    if name not in relay.source_names:
        return NOT_THERE
    try:
        reader = relay.source(name).reader
        key = (*outbox_of(relay, name), repr(asked))
        seen = traced[key] if key in traced else traced.setdefault(key, trace(reader, **asked))
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        return Seen(trouble=explain(error, relay.outbox_table(name)))
    booking_id = asked.get("booking_id")  # compared again: a database may take b-1 and B-1 for one
    mine = (row for row in seen.rows if reader.takes(row.row.source_system))
    return Seen(tuple(row for row in mine if booking_id in (None, row.row.booking_id)), seen.back_to)
