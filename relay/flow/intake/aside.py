"""Rows whose outcome an outbox does not take, each for a reason of its own: noted, passed over, tried again slowly.

Rows that another transaction holds are tried again within seconds; those that it goes on holding are noted too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from relay.change import OutboxRow
from relay.flow.relay import Relay, SourceContext
from relay.outbox.marks import Marked
from relay.outbox.trouble import explain
from relay.store import aside

log = logging.getLogger(__name__)


def remember(relay: Relay, context: SourceContext) -> None:
    """Pass over what other processes have set aside, or an earlier one; asks once in a process."""
    if not context.reader.knows_aside:
        context.reader.pass_over(relay.store.transact(partial(aside.waiting, source=context.name)))
        context.reader.knows_aside = True


def follow_up(
    relay: Relay, context: SourceContext, rows: Sequence[OutboxRow], marked: Marked | None, *, complete: bool
) -> None:
    """Set aside what could not be marked, and forget what no longer waits. `rows` were read, and were all there are if
    `complete`; None: nothing was to be marked."""
    refused = marked.refused if marked is not None else {}
    if refused:
        reasons = {row_id: explain(error, context.reader.table_name) for row_id, error in refused.items()}
        context.reader.pass_over(relay.store.transact(partial(aside.set_aside, source=context.name, reasons=reasons)))
        for row_id, reason in reasons.items():
            facts = {"source": context.name, "row": row_id, "reason": reason}
            log.error("the outcome of an outbox row cannot be written; the row is set aside", extra=facts)
    if marked is not None and (held := context.reader.held_for(rows, marked.left)):
        relay.store.transact(partial(aside.hold, source=context.name, for_=held))
        context.reader.pass_over(dict.fromkeys(held, timedelta(0)))
        for row_id, since in held.items():
            facts = {"source": context.name, "row": row_id, "seconds": round(since.total_seconds())}
            log.warning("another transaction holds an outbox row; its outcome is written when that ends", extra=facts)
    last = None if complete or not rows else rows[-1].id
    waits = marked.left | marked.untried if marked is not None else frozenset[int]()
    over = context.reader.over(last) - refused.keys() - waits
    if over:
        relay.store.transact(partial(aside.forget, source=context.name, row_ids=over))
        context.reader.forget(over)
