"""Takes the relay's database back to what an earlier release made, so that its workers start on it again.

Every migration so far only adds, so nothing that the earlier release knows of is lost. What only this release knows
goes: which posts are unconfirmed, the fine points of answers, what was done on the way to being connected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Engine, func, select

from relay.store import migrate, restores, workers
from relay.store.ledgers import held_change
from relay.store.transaction import Store, Transaction

RELEASES: Final = {"0.2.0": "0002"}  # release: the version of the database that it needs


class CannotGoBack(Exception):
    """The database cannot be taken back now; the text says why, and what to do."""


def downgrade(engine: Engine, release: str) -> tuple[str, str]:
    """Take the database back to `release`, a key of RELEASES; its versions before and after.

    Raises CannotGoBack where processes of this release are at work, or where something would be lost that somebody has
    yet to decide; DatabaseNotReady where the database is not at this program's version.
    """
    migrate.check(engine)
    reasons = Store(engine).transact(lambda tx: list(_reasons(tx)))
    if reasons:
        raise CannotGoBack("; ".join(reasons))
    return migrate.downgrade(engine, RELEASES[release])


def _reasons(tx: Transaction) -> Iterator[str]:
    if alive := workers.alive(tx):
        yield (
            f"{len(alive)} processes are at work, such as {alive[0].instance}: "
            "stop them, or wait a minute where they were killed"
        )
    waiting = select(func.count()).where(held_change.c.ended_at.is_(None))
    if held := tx.run(waiting).scalar_one():
        yield (
            f"{held} held changes have not ended, and an earlier release would carry them out: "
            "decide on each, and correct the lists that you reject (ei-relay changes list)"
        )
    if suspected := restores.suspected(tx):
        yield f"a restore is suspected of {', '.join(sorted(suspected))}: run ei-relay recover first"
