"""An outbox in a real database of each kind that can be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from relay.database import connect
from relay.outbox.ddl import create
from tests.outbox import named

SERVERS = named.kinds() or ["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)]
ALL = named.kinds() or ["sqlite", *SERVERS]


@pytest.fixture(params=ALL)
def dialect(request: pytest.FixtureRequest) -> str:
    """The tests of this folder run on every kind of database that can be had."""
    kind: str = request.param
    return kind


@pytest.fixture
def engine(dialect: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database that has an empty `ei_outbox`."""
    if dialect not in (named.kinds() or [dialect]):
        pytest.skip(f"it is about {dialect}")
    database_url: str = request.getfixturevalue("database_url")
    engine = connect(database_url)
    named.speak(engine)
    assert create(engine), "there was none"
    yield engine
    if named.NAMED:
        named.drop(engine)
    engine.dispose()
