"""Sees that no two sources read one table without knowing: each would take, or reject, what the others wrote.

Sources that are configured with the same address share a table knowingly, and are told apart by their source systems.
An alias of the host, a pooler's port or another user hides that from the configuration, but not from the database:
each source notes which table it reads (`relay.outbox.identity`), and the one that is configured later does not read a
table that an earlier one has by another address. The earlier one leaves it its rows, which wait until the configuration
is right. Addresses that look alike are compared before the first row is read.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import Final

from relay.database import connect
from relay.flow.relay import Relay
from relay.outbox.identity import identity
from relay.sessions import Bounds
from relay.store import sources

_PATIENCE: Final = Bounds(connect=1, statement=1, lock=1)
_AGAIN_SECONDS: Final = 10.0  # until it is asked again, while some have not said yet which table they read


def is_to_be_asked(relay: Relay, name: str) -> bool:
    """Whether the databases are still to be asked which table the source, or one before it, reads."""
    if name not in relay.identified and relay.is_read_beside(name):
        return True
    before = relay.read_elsewhere_before(name)
    if not before or relay.alone.get(name, 0.0) > time.monotonic():
        return False
    mine, others = relay.identities.get(name), [relay.identities.get(other) for other in before]
    if mine is None or mine in others or not all(others):
        return True
    if all(relay.identities.get(other) for other in relay.may_be_read_after(name)):
        relay.alone[name] = float("inf")  # else intake goes on asking: it may have to leave rows to one of those
    return False


def other_reader(relay: Relay, name: str) -> str | None:
    """The source, configured before this one, that reads the same table by another address; None: none does.

    Asks the databases only until every source that could has said which table it reads. A source after this one that
    reads the same table is left its rows.
    """
    before, after = relay.read_elsewhere_before(name), relay.may_be_read_after(name)
    if not (before or after) or relay.alone.get(name, 0.0) > time.monotonic():
        return None
    context = relay.source(name)
    mine = identity(context.reader.engine, context.reader.table_name)
    if mine is None:
        relay.alone[name] = time.monotonic() + _AGAIN_SECONDS
        return None
    known = relay.identities = relay.store.transact(partial(sources.identify, name=name, identity=mine))
    relay.identified.add(name)
    for other in (*before, *after):
        if known.get(other) is None and relay.looks_like(name, other):
            known[other] = _ask(relay, other)
    for other in before:
        if known.get(other) == mine:
            return other
    for other in after:
        if known.get(other) == mine:
            context.reader.leave(relay.systems_of(other))
    all_known = all(known.get(other) for other in (*before, *after))
    relay.alone[name] = float("inf") if all_known else time.monotonic() + _AGAIN_SECONDS
    return None


def _ask(relay: Relay, name: str) -> str | None:
    """Which table a source reads that has not said so yet. It is asked once in a process, and with little patience: its
    database may be away, and nobody is to wait for it."""
    if name not in relay.asked:
        relay.asked[name] = None
        with suppress(Exception):  # its driver may not be there either
            engine = connect(relay.outbox_url(name), 1, _PATIENCE)
            try:
                relay.asked[name] = identity(engine, relay.outbox_table(name))
            finally:
                engine.dispose()
    return relay.asked[name]


def note_identity(relay: Relay, name: str) -> None:
    """Note which table a source reads, for those that are configured after it; once in a process."""
    if name in relay.identified or not relay.is_read_beside(name):
        return
    reader = relay.source(name).reader
    if (mine := identity(reader.engine, reader.table_name)) is not None:
        relay.identities = relay.store.transact(partial(sources.identify, name=name, identity=mine))
        relay.identified.add(name)
