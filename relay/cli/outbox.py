"""`ei-relay outbox`: the table that booking systems write."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from relay.cli.common import as_json, chosen_sources, json_option, settings
from relay.database import connect, reading
from relay.outbox import ddl as outbox_ddl
from relay.outbox.inspect import look
from relay.outbox.judge import Level, judge
from relay.outbox.table import DEFAULT_NAME
from relay.settings import Settings, parse_table_name
from relay.store import aside
from relay.store.transaction import Transaction


@click.group()
def outbox() -> None:
    """The table that booking systems write."""


@outbox.command()
@click.option("--dialect", type=click.Choice(sorted(outbox_ddl.DIALECTS)), required=True, help="The kind of database.")
@click.option(
    "--table",
    default=DEFAULT_NAME,
    show_default=True,
    callback=lambda _context, _option, typed: _table_name(typed),
    help="The table's name, with its schema if need be.",
)
def ddl(dialect: str, table: str) -> None:
    """Print the table, its indexes, roles and grants as SQL, for a database administrator to run."""
    click.echo(outbox_ddl.ddl(dialect, table), nl=False)


@outbox.command()
@click.option("--source", "only", help="Only this source's outbox; left out, every source's.")
def create(only: str | None) -> None:
    """Make the outbox table, without roles, where it is not there yet."""
    loaded = settings()
    for source in chosen_sources(loaded, only):
        made = outbox_ddl.create(connect(loaded.outbox_url_of(source)), source.outbox_table)
        click.echo(f"{source.name}: {source.outbox_table} {'made' if made else 'was there already'}")


@outbox.command()
@click.option("--source", "name", required=True, help="The source whose outbox to look at.")
@json_option
def check(name: str, json_: bool) -> None:
    """Look at a source's outbox and its last rows, and say in sentences what is wrong; 1 while anything is."""
    loaded = settings()
    (source,) = chosen_sources(loaded, name)
    facts = look(connect(loaded.outbox_url_of(source)), source.outbox_table)
    findings = judge(facts, _set_aside(loaded, name))
    ok = not any(finding.level is Level.WRONG for finding in findings)
    if json_:
        click.echo(as_json({"ok": ok, "rows": len(facts.rows), "findings": [asdict(f) for f in findings]}))
    else:
        for finding in findings:
            click.echo(f"{finding.level.upper():8} {finding.text}")
        click.echo(f"{'nothing is wrong' if ok else 'it is not right'}; {len(facts.rows)} rows were looked at")
    raise SystemExit(0 if ok else 1)


def _set_aside(loaded: Settings, name: str) -> list[tuple[int, str]]:
    """The source's rows that are set aside, with the reason, as far as the relay's own database tells."""
    url = make_url(loaded.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return []  # to connect would make it
    engine = connect(loaded.database_url)
    try:
        with reading(engine) as connection:
            return [(row.row_id, row.reason) for row in aside.listed(Transaction(connection, datetime.now(UTC)), name)]
    except SQLAlchemyError:  # it is older, or away: the outbox is what was asked about
        return []
    finally:
        engine.dispose()


def _table_name(typed: str) -> str:
    try:
        return parse_table_name(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
