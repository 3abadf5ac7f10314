"""`ei-relay outbox`: the table that booking systems write."""

from __future__ import annotations

import click

from relay.cli.common import nothing_matched, settings
from relay.database import connect
from relay.outbox import ddl as outbox_ddl
from relay.outbox.table import DEFAULT_NAME


@click.group()
def outbox() -> None:
    """The table that booking systems write."""


@outbox.command()
@click.option("--dialect", type=click.Choice(sorted(outbox_ddl.DIALECTS)), required=True, help="The kind of database.")
@click.option("--table", default=DEFAULT_NAME, show_default=True, help="The table's name, with its schema if need be.")
def ddl(dialect: str, table: str) -> None:
    """Print the table, its indexes, roles and grants as SQL, for a database administrator to run."""
    click.echo(outbox_ddl.ddl(dialect, table), nl=False)


@outbox.command()
@click.option("--source", "only", help="Only this source's outbox; left out, every source's.")
def create(only: str | None) -> None:
    """Make the outbox table, without roles, where it is not there yet."""
    loaded = settings()
    chosen = [source for source in loaded.source if only in (None, source.name)]
    if not chosen:
        nothing_matched(f"no source is called {only}")
    for source in chosen:
        made = outbox_ddl.create(connect(loaded.outbox_url_of(source)), source.outbox_table)
        click.echo(f"{source.name}: {source.outbox_table} {'made' if made else 'was there already'}")
