"""`ei-relay db`: the relay's own database."""

from __future__ import annotations

from typing import Final

import click

from relay.cli.common import settings
from relay.database import connect
from relay.sessions import Bounds
from relay.store import migrate

_PATIENCE: Final = Bounds(statement=3600)  # an index over a large table takes its time


@click.group()
def db() -> None:
    """The relay's own database."""


@db.command()
def upgrade() -> None:
    """Bring the database to the version this program needs, from empty if need be.

    Safe to run again, and by several at once. Workers of the version before may go on meanwhile.
    """
    before, after = migrate.upgrade(connect(settings().database_url, bounds=_PATIENCE, private=True))
    click.echo(f"already at version {after}" if before == after else f"from version {before or 'none'} to {after}")
