"""What a clock that was ahead has left in the future is put right, and turns that are meant to be far off stay."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from relay.store import clocks
from relay.store.ledgers import chore
from relay.store.retention import take_turn
from relay.store.transaction import Store, Transaction
from tests.clock import SetClock

HOUR = timedelta(hours=1)


def test_a_turn_that_is_an_hour_off_comes_back_and_one_of_a_day_stays(store: Store, clock: SetClock) -> None:
    """A process repairs when it begins: else each start would have an index verified again."""
    store.transact(lambda tx: take_turn(tx, "verify national", timedelta(days=1)))
    clock.at += 5 * HOUR
    store.transact(lambda tx: take_turn(tx, "prune", HOUR))
    clock.at -= 5 * HOUR
    store.transact(lambda tx: clocks.repair(tx, HOUR, HOUR))

    def turns(tx: Transaction) -> dict[str, timedelta]:
        return {row.name: row.next_at - tx.now for row in tx.run(select(chore))}

    assert store.transact(turns) == {"verify national": timedelta(days=1), "prune": timedelta()}
