"""An outbox in a real database of each kind that can be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from relay.database import connect
from relay.outbox.ddl import create

SERVERS = ["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)]
ALL = ["sqlite", *SERVERS]


@pytest.fixture(params=ALL)
def dialect(request: pytest.FixtureRequest) -> str:
    """The tests of this folder run on every kind of database that can be had."""
    kind: str = request.param
    return kind


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database that has an empty `ei_outbox`."""
    engine = connect(database_url)
    create(engine)
    yield engine
    engine.dispose()
