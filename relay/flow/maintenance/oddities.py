"""The values of the outboxes' last rows, looked at every hour by one worker: what is unlike the rest is kept.

As `ei-relay outbox check` looks, so it costs one read of some hundred rows; `status` shows what was kept and reads no
outbox for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2b
from typing import Final

from relay.flow.relay import Relay
from relay.outbox.inspect import look
from relay.outbox.judge import odd
from relay.store import notes, receipts
from relay.store.retention import take_turn
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=1)


def look_due(relay: Relay, is_stopping: Callable[[], bool] = lambda: False) -> None:
    """Look at the outboxes of which it is time, each table once, where it is anybody's turn."""
    for name in relay.source_names:
        if is_stopping():
            return
        if relay.sharing(name)[0] != name:
            continue
        chore = f"odd {blake2b(name.encode(), digest_size=16).hexdigest()}"
        if relay.store.transact(lambda tx, chore=chore: take_turn(tx, chore, EVERY)) is None:  # type: ignore[misc]
            continue
        try:
            look_now(relay, name)
        except Exception as error:  # whatever its driver raises: intake says what is wrong with the outbox
            log.debug("an outbox could not be looked at: %s", type(error).__name__)


def look_now(relay: Relay, name: str) -> list[str]:
    """Look at a source's outbox, and keep what is odd."""
    facts = look(relay.source(name).reader.engine, relay.outbox_table(name))
    if facts.troubles or facts.read_trouble:
        return []  # what was kept stands: nothing was seen

    def work(tx: Transaction) -> tuple[list[str], list[str]]:
        texts = odd(replace(facts, newest_taken=receipts.newest(tx, name)))
        before = notes.of(tx, notes.ODD).get(name)
        notes.put(tx, notes.ODD, name, {"texts": texts})
        return texts, list(before.said["texts"]) if before is not None else []

    texts, before = relay.store.transact(work)
    if {_kind(text) for text in texts} - {_kind(text) for text in before}:
        log.warning("values of an outbox look unlike the rest: see `ei-relay status`", extra={"source": name})
    return texts


def _kind(text: str) -> str:
    """The sentence without its numbers, which are others every hour."""
    return "".join(char for char in text if not char.isdigit())
