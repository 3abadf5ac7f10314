"""An outbox that does not answer is noted in the database, for `status` and the gauge; whoever finds that it answers
again clears the note, and nobody before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, Row, text

from relay.database import connect
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.observe import metrics
from relay.outbox.ddl import create
from relay.settings import Settings, parse
from relay.store import overview
from tests.clock import SetClock
from tests.made import CONTROLLER, SYSTEM
from tests.outbox.written import RIGHT, outcomes, put
from tests.statements import recorded

SOURCE: Final = "tidbok-nord"
MINUTE: Final = timedelta(minutes=1)  # no rest is longer


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Engine]:
    """The booking system's database."""
    engine = connect(f"sqlite:///{tmp_path / 'outbox.db'}")
    create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(relay_url: str, outbox: Engine) -> Settings:
    return parse(
        {
            "environment": "production",
            "database_url": relay_url,
            "engagement_index": {"national": {"url": "http://127.0.0.1:1/Update", "logical_address": "5565594230"}},
            "source": [
                {
                    "name": SOURCE, "source_systems": [SYSTEM], "data_controller": CONTROLLER,
                    "engagement_index": "national", "outbox_url": str(outbox.url),
                }
            ],
        }
    )  # fmt: skip


@pytest.fixture
def relays(settings: Settings, clock: SetClock) -> Iterator[tuple[Relay, Relay]]:
    """The relays of two processes that have been at work for a while."""
    both = Relay(settings, clock), Relay(settings, clock)
    for relay in both:
        relay.prepare()
        intake(relay, SOURCE)
    yield both
    for relay in both:
        relay.close()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def source_row(relay: Relay) -> Row[Any]:
    (row,) = relay.store.transact(overview.sources)
    return row


def look(relay: Relay) -> None:
    """A process asks what is due, and does it."""
    work = due_work(relay)
    for name in chain(work.troubled, *work.outboxes):
        intake(relay, name)


def test_what_one_process_noted_another_clears(relays: tuple[Relay, Relay], outbox: Engine, clock: SetClock) -> None:
    noting, other = relays
    run(outbox, "ALTER TABLE ei_outbox RENAME TO away")
    look(noting)
    assert source_row(noting).error.startswith(
        "the outbox could not be read: the table ei_outbox is not there; create it"
    )
    run(outbox, "ALTER TABLE away RENAME TO ei_outbox")
    clock.at += MINUTE

    look(other)

    assert (source_row(other).error, source_row(other).error_since, source_row(other).failures) == (None, None, 0)


def test_a_look_at_an_outbox_that_is_well_and_empty_costs_the_relays_database_nothing(
    relays: tuple[Relay, Relay], outbox: Engine, clock: SetClock
) -> None:
    noting, other = relays
    run(outbox, "ALTER TABLE ei_outbox RENAME TO away")
    look(noting)
    run(outbox, "ALTER TABLE away RENAME TO ei_outbox")
    clock.at += MINUTE
    look(other)

    for relay in relays:
        intake(relay, SOURCE)  # the one that noted it asks once more
        with recorded(relay.store.engine) as statements:
            intake(relay, SOURCE)
        assert statements == []


def test_one_that_can_be_read_and_not_marked_is_in_trouble_until_it_can_be_marked(
    relays: tuple[Relay, Relay], outbox: Engine, clock: SetClock
) -> None:
    """Each try begins with a look that succeeds; it must not clear the note, or nobody would ever be told."""
    one, other = relays
    row = put(outbox, **RIGHT)
    run(outbox, "CREATE TRIGGER refuses BEFORE UPDATE ON ei_outbox BEGIN SELECT RAISE(ABORT, 'no'); END")
    since = clock.at

    for number, relay in enumerate((one, other, one), start=1):
        look(relay)
        assert source_row(relay).error.startswith("the outbox could not be marked")
        assert (source_row(relay).failures, source_row(relay).error_since) == (number, since)
        clock.at += MINUTE
    run(outbox, "DROP TRIGGER refuses")
    look(other)

    assert source_row(other).error is None
    assert outcomes(outbox) == {row: ("taken", None)}


def test_rows_that_are_read_again_are_counted_and_told_once(
    relays: tuple[Relay, Relay], outbox: Engine, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A rejected row is told when it is rejected, also where its outbox cannot be marked just then."""
    first, second = relays
    before = counted()
    run(outbox, "CREATE TRIGGER refuse BEFORE UPDATE ON ei_outbox BEGIN SELECT RAISE(ABORT, 'no'); END")
    put(outbox, **RIGHT)
    put(outbox, booking_id="b-2")

    intake(first, SOURCE)
    run(outbox, "DROP TRIGGER refuse")
    clock.at += MINUTE
    intake(second, SOURCE)

    assert [outcome for outcome, _ in outcomes(outbox).values()] == ["taken", "rejected"]
    assert counted() - before == Counter(taken=1, rejected=1)
    assert [record.levelname for record in caplog.records if "was rejected" in record.message] == ["ERROR"]


def counted() -> Counter[str]:
    """How many rows of each outcome this process has counted."""
    samples = (sample for metric in metrics.OUTBOX_ROWS.collect() for sample in metric.samples)
    return Counter(
        {
            s.labels["outcome"]: int(s.value)
            for s in samples
            if s.name.endswith("_total") and s.labels["source"] == SOURCE
        }
    )
