"""`ei-relay outbox`: the table that booking systems write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from relay.change import OutboxRow, shown
from relay.cli.common import as_json, chosen_sources, json_option, nothing_matched, settings
from relay.cli.tables import table
from relay.database import connect, reading
from relay.outbox import ddl as outbox_ddl
from relay.outbox.inspect import RowFacts, look, rows_of
from relay.outbox.judge import Finding, Level, judge
from relay.outbox.table import DEFAULT_NAME
from relay.settings import Settings, parse_table_name
from relay.store import aside, figures, receipts, restores
from relay.store import rejected as rejections
from relay.store.transaction import Transaction
from relay.wallclock import SWEDEN, WallClockError, parse_wall_time

SHOWN = 10  # rows that are named


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
@click.option("--wake-up", is_flag=True, help="Also the trigger that tells the relay of new rows; PostgreSQL only.")
def ddl(dialect: str, table: str, wake_up: bool) -> None:
    """Print the table, its indexes, roles and grants as SQL, for a database administrator to run."""
    if wake_up and dialect != "postgresql":
        raise click.UsageError(f"--wake-up is for postgresql: {dialect} cannot notify of new rows, and is polled")
    click.echo(outbox_ddl.ddl(dialect, table, wake_up=wake_up), nl=False)


@outbox.command()
@click.option("--source", "only", help="Only this source's outbox; left out, every source's.")
def create(only: str | None) -> None:
    """Make the outbox table, without roles, where it is not there yet."""
    loaded = settings()
    for source in chosen_sources(loaded, only):
        made = outbox_ddl.create(connect(loaded.outbox_url_of(source)), source.outbox_table, wake_up=source.wake_up)
        click.echo(f"{source.name}: {source.outbox_table} {'made' if made else 'was there already'}")


@outbox.command()
@click.option("--source", "name", required=True, help="The source whose outbox to look at.")
@click.option("--explain-time", "booking_id", metavar="BOOKING", help="Show how the times of one booking are read.")
@json_option
def check(name: str, booking_id: str | None, json_: bool) -> None:
    """Look at a source's outbox and its last rows, and say in sentences what is wrong; 1 while anything is."""
    loaded = settings()
    (source,) = chosen_sources(loaded, name)
    engine = connect(loaded.outbox_url_of(source))
    if booking_id is not None:
        _explain_time(rows_of(engine, source.outbox_table, booking_id), json_)
        return
    set_aside, newest_taken, compared, rejected = _known(loaded, name)
    facts = replace(look(engine, source.outbox_table), newest_taken=newest_taken)
    findings = [Finding(Level.WRONG, f"Compared with what the relay knows, {compared}.")] if compared else []
    findings += judge(facts, set_aside)
    if older := [row_id for row_id in rejected if facts.rows and row_id < facts.rows[-1].row.id]:
        shown = ", ".join(map(str, older[:SHOWN])) + (f" and {len(older) - SHOWN} more" if len(older) > SHOWN else "")
        findings.append(
            Finding(
                Level.WRONG,
                f"Rows older than those looked at were rejected within the hour, id {shown}: `ei-relay rows rejected`.",
            )
        )
    ok = not any(finding.level is Level.WRONG for finding in findings)
    if json_:
        click.echo(as_json({"ok": ok, "rows": len(facts.rows), "findings": [asdict(f) for f in findings]}))
    else:
        for finding in findings:
            click.echo(f"{finding.level.upper():8} {finding.text}")
        click.echo(f"{'nothing is wrong' if ok else 'it is not right'}; {len(facts.rows)} rows were looked at")
    raise SystemExit(0 if ok else 1)


def _known(loaded: Settings, name: str) -> tuple[list[tuple[int, str]], int | None, str | None, list[int]]:
    """The source's rows that are set aside, with the reason, the highest id taken, what came of comparing the outbox's
    marks with what the relay knows, and the rows rejected within the hour, as far as its own database tells."""
    url = make_url(loaded.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return [], None, None, []  # to connect would make it
    engine = connect(loaded.database_url)
    try:
        with reading(engine) as connection:
            tx = Transaction(connection, datetime.now(UTC))
            rows = [(row.row_id, _reason(row.reason, tx.now - row.since)) for row in aside.listed(tx, name)]
            source = restores.of_source(tx, name)
            lately = [row.row_id for row in rejections.listed(tx, [name], tx.now - figures.LATELY, None, None, 100)]
            return rows, receipts.newest(tx, name), source.restore_why if source is not None else None, lately
    except SQLAlchemyError:  # it is older, or away: the outbox is what was asked about
        return [], None, None, []
    finally:
        engine.dispose()


def _reason(reason: str, since: timedelta) -> str:
    return reason if reason != aside.HELD else f"{reason}, for {max(round(since.total_seconds() / 60), 1)} minutes now"


def _explain_time(rows: Sequence[RowFacts], json_: bool) -> None:
    """How each of a booking's last rows is read; nothing of the resident."""
    told = [_told(fact.row) for fact in rows[:10]]
    if not told:
        nothing_matched("the outbox has no row of that booking")
    if json_:
        click.echo(as_json(told))
        return
    click.echo(table(told))
    click.echo("\nshown_to_resident must be the time on the clinic's wall. If it is an hour or two early, the writer's")
    click.echo("session writes UTC: if_it_was_utc is what it would mean then.")


def _told(row: OutboxRow) -> dict[str, object]:
    told: dict[str, object] = {"row": row.id, "created_at": row.created_at, "starts_at": shown(row.starts_at or "")}
    try:
        wall = parse_wall_time(row.starts_at or "")
    except WallClockError as error:
        return told | {"shown_to_resident": str(error)}
    utc = wall.replace(tzinfo=UTC).astimezone(SWEDEN)
    return told | {"shown_to_resident": f"{wall:%Y-%m-%d %H:%M:%S}", "if_it_was_utc": f"{utc:%Y-%m-%d %H:%M:%S}"}


def _table_name(typed: str) -> str:
    try:
        return parse_table_name(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
