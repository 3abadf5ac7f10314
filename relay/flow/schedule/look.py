"""A look at several outboxes of one database at once: which of them have rows to take.

One statement for all. Where it fails, for one table that is gone or locked, nobody can say which: each is then looked
at by itself, as `relay.flow.intake.step` does, which notes the one that is in trouble; and that one is left out of the
next looks until it answers. What intake has to do now and then also where no row waits, it is sent to do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from relay.database import describe
from relay.flow.intake.sameness import is_to_be_asked
from relay.flow.relay import Relay
from relay.outbox.waiting import which_wait
from relay.store import lease

log = logging.getLogger(__name__)


class Looked(NamedTuple):
    """What a look found."""

    take: list[str]  # sources whose outboxes have rows, or have to be visited
    apart: list[str]  # those that could not be looked at together


def look(relay: Relay, names: Sequence[str]) -> Looked:
    """Look at the outboxes of these sources, all in one database."""
    if len(names) < 2:  # it is read at once: that costs no more than a look
        return Looked(list(names), [])
    visit = [name for name in names if _is_to_be_visited(relay, name)]
    rest = [name for name in names if name not in visit]
    if not rest:
        return Looked(visit, [])
    try:
        waits = which_wait([relay.source(name).reader for name in rest])
    except Exception as error:  # whatever a driver raises
        log.info("outboxes could not be looked at together: %s", describe(error), extra={"sources": len(rest)})
        return Looked(visit, rest)
    return Looked(visit + [name for name, some in zip(rest, waits, strict=True) if some], [])


def _is_to_be_visited(relay: Relay, name: str) -> bool:
    """Whether intake has something to do for the source but rows: to find out that it answers, what it reads and
    whether it knows more than we do, or to forget rows that were set aside."""
    if name in relay.troubled or name in relay.doubtful:
        return True
    reader = relay.source(name).reader
    now = lease.steady_seconds()
    is_known = reader.knows_aside and not is_to_be_asked(relay, name)
    return not is_known or now >= relay.next_compare.get(name, now) or bool(reader.over(None))
