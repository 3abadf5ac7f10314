"""A source's bad day: its sessions are ended, the way to its database is cut, its server freezes.

Each costs its source some tries and nothing else: what was written is taken once, and the trouble is named meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from relay import database
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.sessions import Bounds
from tests.chaos.proxy import FaultProxy
from tests.outbox.conftest import SERVERS
from tests.outbox.contract.site import LATER, SOURCE, relay_of, take_all, trouble
from tests.outbox.named import end_session, session_of
from tests.outbox.written import outcomes, put

pytestmark = pytest.mark.parametrize("dialect", SERVERS, indirect=True)

TRIES = 3  # of intake: one finds each thing that is broken
DEFAULTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433, "oracle": 1521}


@pytest.fixture
def way(engine: Engine) -> Iterator[FaultProxy]:
    """A proxy on the way to the outbox's server."""
    if not engine.url.host:
        pytest.skip("NOT PROVEN: a way that is cut, and a server that freezes; the URL names no host to go round")
    with FaultProxy(engine.url.host, engine.url.port or DEFAULTS[engine.dialect.name]) as proxy:
        yield proxy


@pytest.fixture
def relay(engine: Engine, way: FaultProxy, tmp_path: Path) -> Iterator[Relay]:
    """A relay that goes by that way."""
    url = engine.url.set(host="127.0.0.1", port=way.port).render_as_string(hide_password=False)
    relay = relay_of(engine, tmp_path, outbox_url=url)
    yield relay
    relay.close()


def written(engine: Engine, *bookings: str) -> None:
    for booking in bookings:
        put(engine, **LATER | {"booking_id": booking})


def take(relay: Relay, rows: int) -> int:
    """Make steps of intake until so many rows are taken, or too many steps; how many steps that was."""
    taken = 0
    for step in range(1, TRIES + 1):
        taken += take_all(relay)
        if taken >= rows:
            assert taken == rows
            return step
    raise AssertionError(f"{taken} of {rows} rows were taken in {TRIES} tries: {trouble(relay)}")


def all_taken(engine: Engine) -> bool:
    return {outcome for outcome, _ in outcomes(engine).values()} == {"taken"}


def test_sessions_that_the_server_ends_while_nothing_is_done(relay: Relay, engine: Engine) -> None:
    """As a failover or a night of patches does. S1: on SQL Server a source once stood still for half an hour."""
    theirs = relay.source(SOURCE).reader.engine
    written(engine, "before")
    take(relay, 1)
    connections = [theirs.connect() for _ in range(2)]
    sessions = [session_of(each.connection.cursor(), engine.dialect.name) for each in connections]
    for each in connections:
        each.close()
    for session in sessions:
        end_session(engine, session)

    written(engine, "after")

    take(relay, 1)
    assert all_taken(engine)
    assert trouble(relay) is None


@pytest.mark.parametrize("moment", ["SELECT", "UPDATE"])
def test_a_way_that_is_cut_while_rows_are_read_or_marked(
    relay: Relay, engine: Engine, way: FaultProxy, moment: str
) -> None:
    theirs = relay.source(SOURCE).reader.engine
    written(engine, "before")
    take(relay, 1)
    written(engine, "during")

    def cut(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(moment):
            event.remove(theirs, "before_cursor_execute", cut)
            with way.resetting():
                pass

    event.listen(theirs, "before_cursor_execute", cut)
    assert intake(relay, SOURCE).rows == 0
    assert trouble(relay) is not None

    take(relay, 1)
    assert all_taken(engine)
    assert trouble(relay) is None


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relays have less patience than others: only where something is to be waited for in vain, since a busy machine
    may be as slow as that."""
    monkeypatch.setattr(database, "Bounds", partial(Bounds, connect=2, statement=2, lock=1))


@pytest.mark.heavy
@pytest.mark.usefixtures("impatient")
def test_a_server_that_freezes(engine: Engine, way: FaultProxy, relay: Relay) -> None:
    """It neither answers nor hangs up. Each try ends by itself, says so, and leaves no trace behind."""
    written(engine, "before")
    take(relay, 1)
    written(engine, "during")
    with way.swallowing():
        assert intake(relay, SOURCE).rows == 0
        assert str(trouble(relay)).startswith("the outbox could not be read: the database ")
        assert intake(relay, SOURCE).rows == 0
    written(engine, "after")

    take(relay, 2)
    assert all_taken(engine)
    assert trouble(relay) is None
