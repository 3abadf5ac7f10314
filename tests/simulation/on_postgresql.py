"""A world whose relay has its own database on PostgreSQL; the outbox is SQLite's, as ever."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from relay.demo.postgres import Postgres
from tests.simulation.world import World

_numbers = count(1)


class PostgresWorld(World):
    """See the module. A backup is a copy of the database, made by the server."""

    def __init__(self, folder: Path, server: Postgres, **options: Any) -> None:
        self._server = server
        self._names = [f"world_{next(_numbers)}"]
        self._administer(f"CREATE DATABASE {self._names[0]} STRATEGY file_copy")
        super().__init__(folder, outbox_apart=True, **options)

    @property
    def database_url(self) -> str:
        return self._server.url(self._names[0])

    def select(self, question: str) -> list[Any]:
        with self.relay.store.engine.connect() as connection:
            return list(connection.execute(text(question)))

    def back_up(self) -> Path:
        copy = f"world_{next(_numbers)}"
        self.relay.store.engine.dispose()  # the server copies no database that somebody uses
        self._administer(f"CREATE DATABASE {copy} TEMPLATE {self._names[0]} STRATEGY file_copy")
        self._names.append(copy)
        return Path(copy)

    def restore(self, copy: Path) -> None:
        self.relay.close()
        self._administer(f"DROP DATABASE {self._names[0]} WITH (FORCE)")
        self._administer(f"CREATE DATABASE {self._names[0]} TEMPLATE {copy.name} STRATEGY file_copy")
        self.replace_worker()
        self.relay.prepare()

    def close(self) -> None:
        super().close()
        for name in self._names:
            self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._server.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement)
