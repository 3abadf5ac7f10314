"""An outbox in a real database of either kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from relay.database import connect
from relay.outbox.ddl import create


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database that has an empty `ei_outbox`."""
    engine = connect(database_url)
    create(engine)
    yield engine
    engine.dispose()
