"""`ei-relay config`: everything that is wrong with the configuration, before anything is started, and what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime

import click
from sqlalchemy.exc import SQLAlchemyError

from relay.cli import certificates
from relay.cli.common import as_json as dumped
from relay.cli.common import json_option, open_store, who
from relay.cli.tables import table
from relay.onboarding.process import CONNECT_CHECK
from relay.onboarding.steps import FAILED, PASSED
from relay.report.probe import Verdict, probes, verdict
from relay.settings import Finding, Settings, SettingsError, load
from relay.settings.effective import effective
from relay.settings.files import check_files
from relay.store import onboarding
from relay.store.migrate import DatabaseNotReady


@click.group()
def config() -> None:
    """The configuration."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--connect", is_flag=True, help="Also try databases, broker and indexes as the work uses them, 15 s each."
)
def check(as_json: bool, connect: bool) -> None:
    """Check the configuration, the environment over it and the files it names.

    Prints every mistake at once, then warnings. Connects nowhere unless told to.
    Exits with 1 where there are mistakes, or something that cannot be reached; warnings do no harm.
    """
    mistakes, warnings, settings = _examine()
    verdicts = [verdict(*probe) for probe in probes(settings)] if connect and settings else []
    ok = not mistakes and all(each.ok for each in verdicts)
    if settings and any(each.ok for each in verdicts if each.target == "database_url"):
        _remember(settings, ok)
    click.echo(_json(ok, mistakes, warnings, verdicts) if as_json else _text(mistakes, warnings, verdicts))
    raise SystemExit(0 if ok else 1)


def _remember(settings: Settings, ok: bool) -> None:
    """Note that the check was made: the order for production asks that it passed within a day (R-53).

    One that is not at our version, or cannot be written, has nothing to note it in.
    """
    with suppress(SQLAlchemyError, DatabaseNotReady):
        store = open_store(settings)
        state, today = (PASSED if ok else FAILED), datetime.now(UTC).astimezone().date().isoformat()
        store.transact(
            lambda tx: onboarding.add(
                tx, settings.environment, onboarding.EVERY_SOURCE, CONNECT_CHECK, state, by=who(), date=today
            )
        )
        store.engine.dispose()


@config.command("show")
@json_option
def show_(json_: bool) -> None:
    """Show every setting as it takes effect and where it came from: the file, the environment or the default.

    Passwords and secrets are not shown.
    """
    facts = [asdict(each) for each in effective()]
    click.echo(dumped(facts) if json_ else table(facts))


def _examine() -> tuple[tuple[Finding, ...], tuple[Finding, ...], Settings | None]:
    """Mistakes, warnings, and the settings where they could be made."""
    try:
        settings = load()
    except SettingsError as error:
        return error.mistakes, (), None
    ending = certificates.warnings(settings, datetime.now(UTC))
    return tuple(check_files(settings)), (*settings.warnings, *ending), settings


def _json(ok: bool, mistakes: tuple[Finding, ...], warnings: tuple[Finding, ...], verdicts: list[Verdict]) -> str:
    report = {
        "ok": ok,
        "mistakes": [asdict(each) for each in mistakes],
        "warnings": [asdict(each) for each in warnings],
        "connections": [asdict(each) for each in verdicts],
    }
    return json.dumps(report, ensure_ascii=False, indent=2)


def _text(mistakes: tuple[Finding, ...], warnings: tuple[Finding, ...], verdicts: list[Verdict]) -> str:
    doubts = [(each.target, text) for each in verdicts for text in each.warnings]
    lines = [
        *(f"mistake  {each}" for each in mistakes),
        *(f"warning  {each}" for each in warnings),
        *(f"connect  {each}" for each in verdicts),
        *(f"warning  {target}: {text}" for target, text in doubts),
        f"{_count(mistakes, 'mistake')}, {_count([*warnings, *doubts], 'warning')}",
    ]
    return "\n".join(lines)


def _count(findings: Sequence[object], noun: str) -> str:
    return f"{len(findings)} {noun}{'' if len(findings) == 1 else 's'}"
