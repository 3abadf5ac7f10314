"""The URL of a database, read as SQLAlchemy reads it, without SQLAlchemy: it is twenty MiB, which beat has no use for.

A test compares the two.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote

_URL: Final = re.compile(
    r"(?P<name>[\w+]+)://"
    r"(?:(?P<username>[^:/]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:(?:\[(?P<ipv6>[^/?]+)\]|(?P<host>[^/:?]+))?(?::(?P<port>[^/?]*))?)?"
    r"(?:/(?P<database>[^?]*))?"
    r"(?:\?(?P<query>.*))?"
)


class Address(NamedTuple):
    """The parts of a URL, as written but for what stood as %40 and the like; None where it has none."""

    drivername: str
    username: str | None
    password: str | None
    host: str | None
    port: int | None
    database: str | None
    query: dict[str, str | tuple[str, ...]]

    @property
    def backend(self) -> str:
        """The kind of database."""
        return self.drivername.partition("+")[0]


def read_url(url: str) -> Address:
    """The parts of a URL. Raises ValueError where it is none."""
    found = _URL.match(url)
    if found is None:
        raise ValueError("expected the URL of a database")
    username, password, database = (
        unquote(part) if part is not None else None for part in found.group("username", "password", "database")
    )
    port = found["port"]
    query: dict[str, str | tuple[str, ...]] = {}
    for key, value in parse_qsl(found["query"] or ""):
        before = query.get(key)
        many = before if isinstance(before, tuple) else (before,) if before is not None else ()
        query[key] = (*many, value) if many else value
    return Address(
        found["name"], username, password, found["host"] or found["ipv6"], int(port) if port is not None else None,
        database, query,
    )  # fmt: skip
