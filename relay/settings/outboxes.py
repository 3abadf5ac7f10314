"""Which outbox a source reads, told apart from the others' also where the same table is written otherwise.

Sources that share a table must know of each other: each takes only the rows of its own source systems. To take one
table for two would have each reject what the others wrote.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from relay.settings.url import Address, read_url

_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mssql": 1433, "oracle": 1521}


class Place(NamedTuple):
    """Where a table is. Neither the driver nor the password says anything of it; the `user` may, and so may the URL's
    `options`, for a table without a schema is looked for in theirs."""

    backend: str
    host: str
    port: int | None
    database: str | None
    table: str
    user: str | None
    options: tuple[tuple[str, object], ...]

    @property
    def for_any_user(self) -> Place:
        """The same for whoever reads it."""
        return self._replace(user=None)

    def looks_like(self, other: Place) -> bool:
        """Whether both may be one table, by another name of the host, a pooler's port or another user. Of SQLite's
        files any may be another name of any."""
        same = self.backend == other.backend and self.table.lower() == other.table.lower()
        return same and (self.backend == "sqlite" or self.database == other.database)


def place_of(url: str, table: str) -> Place:
    """The place of a table that a URL of SQLAlchemy leads to."""
    parsed = read_url(url)
    backend = parsed.backend.replace("mariadb", "mysql")
    return Place(
        backend=backend,
        host=(parsed.host or "").lower(),
        port=parsed.port or _PORTS.get(backend),
        database=_file(parsed) if backend == "sqlite" else parsed.database,
        table=table,
        user=parsed.username,
        options=tuple(sorted(parsed.query.items())),
    )


def _file(url: Address) -> str:
    return str(Path(url.database or "").resolve())
