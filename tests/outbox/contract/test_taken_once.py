"""A row is taken once, whatever breaks between the relay's commit and the outbox's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, select

from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.settings import parse
from relay.store.migrate import upgrade
from relay.store.schema import booking, post, receipt
from tests.made import CONTROLLER, SYSTEM
from tests.outbox.conftest import SERVERS
from tests.outbox.named import end_session, session_of
from tests.outbox.written import RIGHT, outcomes, put

_FUTURE = RIGHT | {"starts_at": "2099-12-24 10:30:00"}


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def relay(engine: Engine, tmp_path: Path) -> Iterator[Relay]:
    """A relay with its own database, whose one source has its outbox in `engine`'s."""
    relay = Relay(
        parse(
            {
                "environment": "qa",
                "database_url": f"sqlite:///{tmp_path / 'relay.db'}",
                "engagement_index": {"practice": {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}},
                "source": [
                    {
                        "name": "tidbok", "source_systems": [SYSTEM], "data_controller": CONTROLLER,
                        "engagement_index": "practice", "test_residents": "*",
                        "outbox_url": engine.url.render_as_string(hide_password=False),
                    }
                ],
            }
        )
    )  # fmt: skip
    upgrade(relay.store.engine)
    relay.prepare()
    yield relay
    relay.close()


def kept(relay: Relay) -> list[tuple[object, ...]]:
    """The relay's bookings, posts and receipts: everything that taking a row twice could change."""
    with relay.store.engine.connect() as connection:
        return [
            tuple(row)
            for statement in (
                select(booking.c.booking_id, booking.c.version, booking.c.row_id),
                select(post.c.booking_id, post.c.wanted, post.c.known),
                select(receipt.c.row_id, receipt.c.outcome, receipt.c.event_id).order_by(receipt.c.row_id),
            )
            for row in connection.execute(statement)
        ]


@pytest.mark.parametrize("moment", ["before the mark", "before the commit"])
def test_a_crash_between_our_commit_and_theirs(relay: Relay, engine: Engine, moment: str) -> None:
    first = put(engine, **_FUTURE, event_id="e-1", version=7)
    again = put(engine, **_FUTURE, event_id="e-1", version=7)
    older = put(engine, **_FUTURE, event_id="e-2", version=6)
    theirs = relay.source("tidbok").reader.engine

    def die(*_: object) -> None:
        raise Crash

    def die_at_mark(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE"):
            raise Crash

    hook = ("commit", die) if moment == "before the commit" else ("before_cursor_execute", die_at_mark)
    event.listen(theirs, *hook)
    with pytest.raises(Crash):
        intake(relay, "tidbok")
    event.remove(theirs, *hook)
    assert outcomes(engine) == dict.fromkeys((first, again, older), (None, None))
    before = kept(relay)

    taken = intake(relay, "tidbok")

    assert taken.rows == 3
    assert kept(relay) == before
    said = {id: outcome for id, (outcome, _) in outcomes(engine).items()}
    assert said == {first: "taken", again: "duplicate", older: "superseded"}
    assert intake(relay, "tidbok").rows == 0


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_connection_that_the_server_ends_while_we_mark(relay: Relay, engine: Engine) -> None:
    id = put(engine, **_FUTURE)
    theirs = relay.source("tidbok").reader.engine

    def end_it(_connection: object, cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("UPDATE"):
            return
        end_session(engine, session_of(cursor, engine.dialect.name))

    event.listen(theirs, "before_cursor_execute", end_it)
    assert intake(relay, "tidbok").rows == 0
    event.remove(theirs, "before_cursor_execute", end_it)

    assert intake(relay, "tidbok").rows == 1
    assert outcomes(engine) == {id: ("taken", None)}


def test_a_batch_is_taken_in_pieces(relay: Relay, engine: Engine) -> None:
    with engine.begin() as connection:
        for n in range(1001):
            put(connection, **(_FUTURE | {"booking_id": f"b-{n}"}))
    sizes = [(taken.rows, taken.more) for taken in (intake(relay, "tidbok"), intake(relay, "tidbok"))]
    assert sizes == [(1000, True), (1, False)]
    assert set(outcomes(engine).values()) == {("taken", None)}
