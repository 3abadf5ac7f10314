"""The relay's own database fails over to a copy: what was lost is noticed before anything is sent, and what was not
stops nothing. Real servers, and an outbox elsewhere."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from relay.demo.postgres import Postgres
from relay.flow.delivery import step
from relay.flow.delivery.step import begin, deliver
from relay.flow.intake.restored import EVERY_SECONDS
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.outbox.ddl import create
from relay.settings import parse
from relay.store import lease, notes, restores
from relay.store.lanes import LaneName
from relay.store.migrate import upgrade
from relay.store.transaction import Transaction
from tests.integration.test_failover import Standby, ask
from tests.made import CONTROLLER, RESIDENT, SYSTEM, UNIT
from tests.waiting import wait_until

SOURCE, LANE = "tidbok-nord", LaneName("national", SYSTEM)


def made(database_url: str, folder: Path) -> Relay:
    document = {
        "environment": "production",
        "database_url": database_url,
        "engagement_index": {"national": {"url": "http://127.0.0.1:1/Update", "logical_address": "5565594230"}},
        "source": [
            {
                "name": SOURCE, "source_systems": [SYSTEM], "data_controller": CONTROLLER,
                "engagement_index": "national", "outbox_url": f"sqlite:///{folder}/outbox.db",
            }
        ],
    }  # fmt: skip
    return Relay(parse(document))


def book(relay: Relay, booking_id: str) -> None:
    values = {"id": booking_id, "resident": RESIDENT, "unit": UNIT}
    with relay.source(SOURCE).reader.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at)"
                " VALUES ('upsert', :id, :resident, :unit, '2099-12-24 10:30:00')"
            ),
            values,
        )
    assert intake(relay, SOURCE).rows == 1


def may_send(relay: Relay) -> bool:
    index = relay.settings.engagement_index["national"]
    return begin(relay, LANE, index) is not None


def of_source(relay: Relay) -> object:
    return relay.store.transact(lambda tx: restores.of_source(tx, SOURCE))


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Standby]]:
    """A primary that waits for nobody, and its copy."""
    with Postgres("wal_level=replica", "max_connections=200") as primary, Standby(primary) as standby:
        ask(primary, "SELECT 1")
        wait_until(lambda: ask(primary, "SELECT * FROM pg_stat_replication WHERE state = 'streaming'"), "the copy")
        yield primary, standby


@pytest.mark.heavy
@pytest.mark.parametrize("is_lost", [True, False], ids=["the last commits are lost", "nothing is lost"])
def test_a_failover(pair: tuple[Postgres, Standby], tmp_path: Path, is_lost: bool) -> None:
    primary, standby = pair
    url = (
        f"postgresql+psycopg://postgres@/postgres?host=127.0.0.1,127.0.0.1&port={primary.port},{standby.port}"
        "&target_session_attrs=read-write"
    )
    relay = made(url, tmp_path)
    upgrade(relay.store.engine)
    create(relay.source(SOURCE).reader.engine)
    relay.prepare()
    due_work(relay)
    # Given a booking that was taken long ago, as the marks are compared from five minutes after the first on
    book(relay, "B1")
    relay.store.transact(lambda tx: tx.run(text("UPDATE ei_receipt SET settled_at = settled_at - interval '1 hour'")))
    wait_until(
        lambda: ask(primary, "SELECT 1 FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"), "the copy"
    )
    # and one whose transaction the copy has not, where it is lost
    if is_lost:
        standby.stop()
    book(relay, "B2")
    if is_lost:
        primary.stop(signal.SIGQUIT)
        standby.start()
    else:
        wait_until(
            lambda: ask(primary, "SELECT 1 FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"), "it"
        )
        primary.stop(signal.SIGQUIT)
    # when the copy takes over, and nobody tells the relay, which compared a moment ago
    ask(standby, "SELECT pg_promote()")
    assert relay.next_compare[SOURCE] > lease.steady_seconds() + EVERY_SECONDS / 2
    work = due_work(relay)
    # then nothing is sent before the marks are compared
    assert work.troubled == [SOURCE]
    assert not may_send(relay)
    intake(relay, SOURCE)
    row = of_source(relay)
    assert (getattr(row, "restore_suspected_at", None) is not None) == is_lost
    assert may_send(relay) != is_lost
    assert relay.store.transact(lambda tx: notes.of(tx, notes.CLUSTER))[""].said["timeline"] == "00000002"
    # and it was told of once
    assert SOURCE not in due_work(relay).troubled
    relay.close()


def test_another_system_makes_the_marks_be_compared_and_the_first_look_does_not(
    postgres_url: str, tmp_path: Path
) -> None:
    """As after a dump was restored on another server. An ordinary login may ask which one it is."""
    relay = made(postgres_url, tmp_path)
    upgrade(relay.store.engine)
    create(relay.source(SOURCE).reader.engine)
    relay.prepare()
    book(relay, "B1")
    assert due_work(relay).troubled == []
    relay.may_be_elsewhere.set()
    assert due_work(relay).troubled == []

    def elsewhere(tx: Transaction) -> None:
        notes.put(tx, notes.CLUSTER, "", {"system": "4711", "timeline": "00000001"})

    relay.store.transact(elsewhere)
    assert due_work(relay).troubled == []  # nobody has looked again
    relay.may_be_elsewhere.set()
    assert due_work(relay).troubled == [SOURCE]
    intake(relay, SOURCE)
    assert due_work(relay).troubled == []
    relay.close()


def test_a_worker_that_comes_to_another_system_within_a_call_s_first_transaction_makes_none(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any look of the schedule: its own connection was cut, and the next one leads to what may be a backup."""
    relay = made(postgres_url, tmp_path)
    upgrade(relay.store.engine)
    create(relay.source(SOURCE).reader.engine)
    relay.prepare()
    book(relay, "B1")
    due_work(relay)

    found = restores.cluster
    servers = {"here": found, "elsewhere": lambda _: {"system": "4711", "timeline": "00000001"}}

    def cut(where: str) -> None:
        monkeypatch.setattr(restores, "cluster", servers[where])
        monkeypatch.setattr(step, "begin", begin_after_a_cut)

    def begin_after_a_cut(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(step, "begin", begin)
        relay.store.engine.dispose()  # the next connection is a new one
        return begin(*args, **options)

    # Given a cut that leads to the same server: the call is made
    cut("here")
    assert deliver(relay, LANE) is not None
    relay.store.transact(lambda tx: tx.run(text("UPDATE ei_lane SET next_call_at = now(), failures = 0")))
    relay.store.transact(lambda tx: tx.run(text("UPDATE ei_post SET sent_at = NULL")))
    # When it leads to another one, then none is
    cut("elsewhere")
    assert deliver(relay, LANE) is None
    said = relay.store.transact(lambda tx: tx.run(text("SELECT verdict, code FROM ei_call ORDER BY id DESC")).all())
    assert tuple(said[0]) == ("not made", "SERVER")
    # and none before the marks are compared
    assert deliver(relay, LANE) is None
    assert due_work(relay).troubled == [SOURCE]
    intake(relay, SOURCE)
    assert deliver(relay, LANE) is not None
    relay.close()
