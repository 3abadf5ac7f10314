"""Sources: the lock of each one's intake, and how its outbox answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, literal, select, update

from relay.store.rows import as_json, given_select
from relay.store.schema import source
from relay.store.transaction import Transaction
from relay.store.upsert import upsert


def ensure(tx: Transaction, names: Iterable[str]) -> None:
    """Make the rows of the configured sources where they are not there yet."""
    statement = upsert(tx.dialect, source, given_select(tx.dialect, source.c.name), key=(source.c.name,), update=())
    tx.run(statement, {"rows": as_json({"name": name} for name in names)})


def to_look_at(tx: Transaction) -> list[str]:
    """The sources that are not being left alone after trouble."""
    return list(tx.run(select(source.c.name).where(source.c.next_look_at <= tx.now).order_by(source.c.name)).scalars())


def lock(tx: Transaction, name: str) -> bool:
    """Keep other workers from this source's intake until commit; False where one is at it already."""
    row = select(source.c.name).where(source.c.name == name).with_for_update(skip_locked=True)
    return tx.run(row).first() is not None


def hold(tx: Transaction, name: str) -> None:
    """As `lock`, but wait for a worker that is at it."""
    tx.run(select(source.c.name).where(source.c.name == name).with_for_update())


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
            error=error,
            error_since=func.coalesce(source.c.error_since, literal(tx.now, source.c.error_since.type)),
            next_look_at=next_look_at,
        )
    )


def answers(tx: Transaction, name: str) -> None:
    """Note that a source's outbox answers again."""
    noted = (source.c.name == name) & source.c.error.is_not(None)
    tx.run(update(source).where(noted).values(failures=0, error=None, error_since=None))
