"""PostgreSQL behind a pooler such as PgBouncer, found out when a connection is made and lived with.

What we ask of a session goes into the startup packet, as `options`. A pooler refuses that, or ignores it; and one that
gives its servers away by the transaction keeps nothing that a session was told, nor any statement that was prepared in
it. So every new connection is asked once who is there and what holds. Where a pooler is in between, nothing is
prepared, the two settings that every pooler carries along are told to the session, and the others to each transaction.
A statement outside a transaction then has the client's own bound only (`relay.bounded`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from relay.bounded import BoundedConnection

PREPARED_AFTER: Final = 5  # executions, as psycopg has it

_CARRIED: Final = ("DateStyle", "TimeZone")  # the pooler hears of their change, and tells whichever server comes next
_REFUSES: Final = "unsupported startup parameter"
_TOLD: Final = "told each transaction"


@dataclass(slots=True)
class Startup:
    """How connections of one engine are begun."""

    seconds: float  # after which a silent server is given up
    settings: Mapping[str, str]  # what a session is to have
    url_has_options: bool  # which nothing can stand in for
    options_refused: bool = False

    def do_connect(self, _dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> Any:
        """Connect; without `options`, where a pooler refuses them."""
        if self.options_refused:
            options = {name: value for name, value in options.items() if name != "options"}
        try:
            connection = BoundedConnection.connect(*args, **options)
        except psycopg.OperationalError as error:
            if _REFUSES not in str(error) or self.url_has_options or self.options_refused:
                raise
            self.options_refused = True
            return self.do_connect(_dialect, _record, args, options)
        connection.bound_seconds = self.seconds
        return connection

    def find_out(self, raw: Any, record: ConnectionPoolEntry) -> None:
        """Ask a new connection who is there, and what holds."""
        autocommit, raw.autocommit = raw.autocommit, True
        try:
            names = [name.lower() for name in self.settings]
            asked = "SELECT pg_backend_pid(), lower(name), setting FROM pg_settings WHERE lower(name) = ANY(%s)"
            rows = raw.execute(asked, [names]).fetchall()
            there = {name: setting for _, name, setting in rows}
            held = all(_is_as_asked(there.get(name.lower(), ""), value) for name, value in self.settings.items())
            direct = all(pid == raw.info.backend_pid for pid, _, _ in rows)
            if direct and held:
                raw.prepare_threshold = PREPARED_AFTER
            elif not held:
                for name in _CARRIED:
                    raw.execute(f"SET {name} TO '{self.settings[name]}'")
                record.info[_TOLD] = True
        finally:
            raw.autocommit = autocommit

    def tell(self, connection: Connection) -> None:
        """Tell a transaction that begins what its session does not know."""
        if connection.info.get(_TOLD) and connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            told = ((name, value) for name, value in self.settings.items() if name not in _CARRIED)
            said = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in told)
            connection.exec_driver_sql(f"SELECT {said}")

    def listen(self, engine: Engine) -> None:
        """Begin the engine's connections so."""
        event.listen(engine, "do_connect", self.do_connect)
        event.listen(engine, "connect", self.find_out)
        event.listen(engine, "begin", self.tell)


def _is_as_asked(setting: str, asked: str) -> bool:
    return setting.lower() == asked.lower() or setting.upper().startswith(f"{asked.upper()}, ")  # ISO, MDY
