"""Sources: the lock of each one's intake, how its outbox answers, and by which publishing rules it is evaluated.

The column `weighed_by` is the fingerprint of publishing rules (relay.flow.publishing.rules): all bookings of the source
are evaluated by these, or will be at the end of the re-evaluation under way (`weighed_to`). Who evaluates some by
others says so with `reevaluate_again`, and then all are re-evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import and_, exists, func, literal, select, update

from relay.store.ledgers import held_booking, held_change
from relay.store.rows import as_json, given, given_select
from relay.store.schema import source
from relay.store.transaction import Transaction
from relay.store.upsert import upsert


def ensure(tx: Transaction, names: Iterable[str]) -> None:
    """Make the rows of the configured sources where they are not there yet."""
    statement = upsert(tx.dialect, source, given_select(tx.dialect, source.c.name), key=(source.c.name,), update=())
    tx.run(statement, {"rows": as_json({"name": name} for name in names)})


class Held(NamedTuple):
    """What a source's row says while it is held."""

    evaluated_by: str | None
    evaluated_to: str | None  # the booking that a re-evaluation has come to
    seen: str | None
    next_check_at: datetime
    retired: bool
    agreed: str | None = None  # the publishing rules in force
    surge: str | None = None  # what the last hour has brought (relay.surge)
    holds: bool = False  # whether posts of some bookings are kept as they are (relay.store.changes)
    restored: bool = False  # whether this database seems to have been restored (relay.store.restores)


def lock(tx: Transaction, name: str) -> Held | None:
    """Keep other workers from this source's intake until commit; None where one is at it already."""
    return _hold(tx, name, skip_locked=True)


def hold(tx: Transaction, name: str) -> Held | None:
    """As `lock`, but wait for a worker that is at it; None where there is no such source."""
    return _hold(tx, name, skip_locked=False)


def _hold(tx: Transaction, name: str, *, skip_locked: bool) -> Held | None:
    c = source.c
    holds = exists().where(held_booking.c.source == c.name)
    columns = (
        c.weighed_by, c.weighed_to, c.seen, c.next_check_at, c.retired_at, c.agreed, c.surge, c.restore_suspected_at,
    )  # fmt: skip
    asked = select(*columns, holds.label("holds")).where(c.name == name)
    row = tx.run(asked.with_for_update(skip_locked=skip_locked, of=source)).one_or_none()
    if row is None:
        return None
    return Held(
        row.weighed_by, row.weighed_to, row.seen, row.next_check_at, row.retired_at is not None, row.agreed, row.surge,
        bool(row.holds), row.restore_suspected_at is not None,
    )  # fmt: skip


def evaluated_by(tx: Transaction, name: str) -> str | None:
    """The publishing rules that the source's bookings are evaluated by, or are to be."""
    found: str | None = tx.run(select(source.c.weighed_by).where(source.c.name == name)).scalar_one_or_none()
    return found


def begin_reevaluation(tx: Transaction, name: str, rules: str) -> None:
    """Have all bookings of a source re-evaluated by `rules`, from the first on."""
    _set(tx, name, weighed_by=rules, weighed_to="", seen=None)


def reevaluate_again(tx: Transaction, name: str) -> None:
    """Note that some bookings of a source are evaluated by other rules than the rest."""
    _set(tx, name, weighed_by=None, weighed_to=None)


def reevaluated(tx: Transaction, name: str, rules: str, after: str, to: str | None) -> None:
    """Note that a re-evaluation has come from the booking `after` to `to` (None: the end); nothing, where somebody
    else was quicker or other rules came into force."""
    mine = (source.c.name == name) & (source.c.weighed_by == rules) & (source.c.weighed_to == after)
    tx.run(update(source).where(mine).values(weighed_to=to))


def identify(tx: Transaction, name: str, identity: str) -> dict[str, str | None]:
    """Note which table a source reads; {source: which table it reads, or None}."""
    here = source.c.name == name
    tx.run(
        update(source).where(here, source.c.outbox_identity.is_distinct_from(identity)).values(outbox_identity=identity)
    )
    return {row.name: row.outbox_identity for row in tx.run(select(source.c.name, source.c.outbox_identity))}


def checked(tx: Transaction, name: str, seen: str | None, error: str | None, next_check_at: datetime) -> None:
    """Note what a check of a source's lists found."""
    _set(tx, name, seen=seen, policy_error=error[:500] if error else None, next_check_at=next_check_at)


def checked_alike(tx: Transaction, found: Mapping[str, str], again: timedelta) -> set[str]:
    """Note that the lists of these sources were found to say these rules; the sources for which that was all there is
    to do: the rules are in force, all bookings are evaluated by them, and no change of them is held.

    A source that somebody is at is passed by, so that no other is kept waiting for it.
    """
    looked_at = source.alias("looked_at")
    c, r = looked_at.c, given(tx.dialect, source.c.name, source.c.agreed).c
    held = exists().where(
        held_change.c.source == c.name, held_change.c.ground.is_not(None), held_change.c.ended_at.is_(None)
    )
    calm = and_(
        c.name == r.name, c.agreed == r.agreed, c.weighed_by == c.agreed, c.weighed_to.is_(None), c.seen.is_(None),
        c.policy_error.is_(None), c.retired_at.is_(None), ~held,
    )  # fmt: skip
    names = select(c.name).where(calm).with_for_update(skip_locked=True, of=looked_at)
    noted = update(source).where(source.c.name.in_(names)).values(next_check_at=tx.now + again)
    rows = as_json({"name": name, "agreed": rules} for name, rules in found.items())
    return set(tx.run(noted.returning(source.c.name), {"rows": rows}).scalars())


def check_soon(tx: Transaction, name: str) -> None:
    """Have a source's lists looked at with the next tick."""
    _set(tx, name, next_check_at=tx.now)


def remember_hour(tx: Transaction, name: str, surge: str) -> None:
    """Note what the last hour has brought."""
    _set(tx, name, surge=surge)


def retire(tx: Transaction, name: str, *, retired: bool) -> None:
    """Note that a source has left, or is back."""
    _set(tx, name, retired_at=tx.now if retired else None)


def ids_restarted(tx: Transaction, name: str) -> None:
    """Note that a row of the source was taken as newer though its id is lower than one taken before."""
    _set(tx, name, ids_restarted_at=tx.now)


def _set(tx: Transaction, name: str, **values: object) -> None:
    tx.run(update(source).where(source.c.name == name).values(**values))


def failures(tx: Transaction, name: str) -> int:
    """How often in a row the source's outbox has not answered."""
    number: int = tx.run(select(source.c.failures).where(source.c.name == name)).scalar_one()
    return number


def trouble(tx: Transaction, name: str, error: str, failures: int, next_look_at: datetime) -> None:
    """Note that a source's outbox does not answer, for the `failures`-th time, and leave it alone for a while."""
    tx.run(
        update(source)
        .where(source.c.name == name)
        .values(
            failures=failures,
            error=error[:500],
            error_since=func.coalesce(source.c.error_since, literal(tx.now, source.c.error_since.type)),
            next_look_at=next_look_at,
            outbox_compared_at=tx.now,  # tried: an outbox that is away must not keep what was taken from being sent
        )
    )


def answers(tx: Transaction, name: str) -> None:
    """Note that a source's outbox answers again, whoever noted that it did not."""
    noted = (source.c.name == name) & source.c.error.is_not(None)
    tx.run(update(source).where(noted).values(failures=0, error=None, error_since=None))
