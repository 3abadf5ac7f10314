"""`ei-relay db`: the relay's own database."""

from __future__ import annotations

from typing import Final

import click

from relay.cli.common import as_json, json_option, settings
from relay.cli.tables import sheet
from relay.database import connect
from relay.sessions import Bounds
from relay.store import condition, migrate
from relay.store.downgrade import RELEASES, CannotGoBack
from relay.store.downgrade import downgrade as go_back

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


@db.command()
@click.option("--to", "release", type=click.Choice(sorted(RELEASES)), required=True, help="The release to go back to.")
def downgrade(release: str) -> None:
    """Take the database back to what an earlier release made, so that its workers can start on it again.

    Stop this release's workers first; bookings wait in the outbox meanwhile, and nothing of them is lost. Refused while
    changes are held or a restore is suspected. How to go back and forth stands in docs/install.md, To upgrade.
    """
    try:
        before, after = go_back(connect(settings().database_url, bounds=_PATIENCE, private=True), release)
    except CannotGoBack as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"from version {before} to {after}, for release {release}")


@db.command()
@json_option
def status(json_: bool) -> None:
    """Show what the database is: its version and the one that is needed, its size, its encoding, its clock.

    Exits with 1 where it is not at the version that this program needs.
    """
    found = condition.look(connect(settings().database_url))
    facts = found._asdict() | {"ok": found.ok}
    click.echo(as_json(facts) if json_ else sheet(facts))
    if not found.ok:
        click.echo("run `ei-relay db upgrade`, or the version of the program that belongs to it", err=True)
        raise SystemExit(1)
