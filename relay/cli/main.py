"""`ei-relay`: the commands, each loaded when it is called, so that `--help` costs nothing.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing matched.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Final

import click

from relay import __version__
from relay.longlived import loading

# command: (module, attribute, the line that --help shows)
_COMMANDS: Final = {
    "audit": ("relay.cli.audit", "audit", "Who changed what by a command, and why."),
    "calls": ("relay.cli.calls", "calls", "Calls to the index: what went out and what came back."),
    "changes": ("relay.cli.changes", "changes", "Held changes: what would have touched many posts at once."),
    "config": ("relay.cli.config", "config", "The configuration."),
    "console": ("relay.cli.console", "console", "Serve the web page: is all well, and why a booking is not there."),
    "db": ("relay.cli.db", "db", "The relay's own database."),
    "demo": ("relay.cli.demo", "demo", "Show the main job, for real, in under a minute."),
    "exporter": ("relay.cli.exporter", "exporter", "Serve metrics and health over HTTP."),
    "lanes": ("relay.cli.lanes", "lanes", "Lanes: one for each index and source system."),
    "onboarding": ("relay.cli.onboarding", "onboarding", "Getting connected: steps, orders and the self-declaration."),
    "outbox": ("relay.cli.outbox", "outbox", "The table that booking systems write."),
    "parked": ("relay.cli.parked", "parked", "Posts that the index refused for what they say."),
    "posts": ("relay.cli.posts", "posts", "Posts: what is wanted and what the index is known to hold."),
    "reprocess": ("relay.cli.reprocess", "reprocess", "Send posts again as they are."),
    "reassert": (
        "relay.cli.reassert",
        "reassert",
        "Send again what was sent in a period, as after an incident.",
    ),
    "recover": ("relay.cli.recover", "recover", "After the relay's database was restored: use what the outboxes know."),
    "rows": ("relay.cli.rows", "rows", "Outbox rows that were rejected."),
    "run": ("relay.cli.run", "run", "Run everything in one process, without a broker."),
    "sandbox": ("relay.cli.sandbox", "sandbox", "Run an index to practise on."),
    "snapshot": ("relay.cli.snapshot", "snapshot", "A booking system's full list of current bookings."),
    "sources": ("relay.cli.sources", "sources", "Sources: booking systems that come, leave, or change their HSA-id."),
    "status": ("relay.cli.status", "status", "Whether anything is wrong, and the state of everything."),
    "verify": ("relay.cli.verify", "verify", "Compare an index that may be asked with what it is known to hold."),
    "units": ("relay.cli.units", "units", "The connected care units of each source."),
    "why": ("relay.cli.why", "why", "Why a booking is, or is not, in the index."),
    "workers": ("relay.cli.workers", "workers", "The processes that do the work."),
}


class _Commands(click.Group):
    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = arguments[0]
        if not name.startswith("-") and name not in _COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(name, _COMMANDS, n=1)
            context.fail(f"No such command {name!r}. " + (f"Did you mean {near[0]!r}?" if near else "See --help."))
        return super().resolve_command(context, arguments)

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[name]
        with loading():
            command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in sorted(_COMMANDS.items())])


@click.group(cls=_Commands)
@click.version_option(__version__, package_name="ei-relay")
def cli() -> None:
    """Keeps Engagemangsindex equal to the bookings.

    The configuration is the TOML file that EI_RELAY_CONFIG names.
    """


def main() -> None:
    """Run a command; what anybody can mend, such as a database that fails, is reported without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no å shows a sign in its place
    try:
        cli()
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        click.echo(told, err=True)
        if isinstance(error, OSError):  # output that is left would fail again at the very end, in words of its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(2 if isinstance(error, UnicodeEncodeError) else 1)


def _told(error: Exception) -> str | None:
    """What ended the command, for whoever typed it; None for what is a mistake in the program.

    The kinds of error are imported here, where one is at hand and with it its module: no command waits for them.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from relay.catalogue import CatalogueError
    from relay.identity import mask
    from relay.outbox.trouble import in_general
    from relay.settings import SettingsError
    from relay.store.migrate import DatabaseNotReady

    match error:
        case SettingsError():
            return f"the configuration is wrong:\n{error}"
        case CatalogueError():
            return "a list is wrong:\n" + "\n".join(error.mistakes)
        case DatabaseNotReady():
            return str(error)
        case UnicodeEncodeError():
            return "an argument is not in UTF-8: set the terminal to UTF-8, or write it without such letters"
        case SQLAlchemyError():
            return f"the database did not do it: {in_general(error)}"
        case ModuleNotFoundError():  # a database's driver, as a rule
            of_drivers = "for a driver: pip install 'ei-relay[mysql]' (or mssql, oracle)"
            return f"the package {error.name} is not installed; {of_drivers}"
        case OSError():  # a disk that is full, a file that may not be read
            where = f": {error.filename}" if error.filename else ""
            return mask(f"it could not be done: {error.strerror or type(error).__name__}{where}")
        case _:
            return None
