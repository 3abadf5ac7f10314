"""Rows that are notified of as they are committed: how soon, how often, and what happens when nobody listens."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
from sqlalchemy import text

from relay.flow.intake.step import NOTHING, Taken, intake
from relay.flow.process.runner import Runner
from relay.flow.publishing.follow import follow
from relay.flow.relay import Relay
from relay.flow.schedule.pacing import TRIES, Pacing
from relay.flow.schedule.wake import Wake
from relay.outbox import ddl
from relay.settings import parse
from relay.store import sources
from tests.flow.test_look import settings
from tests.waiting import PATIENCE, wait_until

ELSEWHERE = Taken(0, False, frozenset(), elsewhere=True)


class Looks:
    """What was looked at, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, ...]] = []

    def __call__(self, names: tuple[str, ...]) -> None:
        self.heard.append(names)

    def of(self, name: str) -> int:
        """How often one was looked at."""
        return sum(name in names for names in self.heard)


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def pacing(looks: Looks) -> Iterator[Pacing]:
    pacing = Pacing(looks)
    pacing.start()
    yield pacing
    pacing.stop()


def test_what_comes_close_together_is_one_look_more(pacing: Pacing, looks: Looks) -> None:
    begun, go_on = Event(), Event()

    def look(names: tuple[str, ...]) -> None:
        looks(names)
        begun.set()
        go_on.wait(PATIENCE)

    pacing._look = look
    pacing.ask(["a"])
    assert begun.wait(PATIENCE)
    for _ in range(100):
        pacing.ask(["a", "b"])
    go_on.set()
    wait_until(lambda: len(looks.heard) == 2, "the second look")
    assert looks.heard == [("a",), ("a", "b")]


def test_one_that_another_worker_is_at_is_looked_at_a_few_times(pacing: Pacing, looks: Looks) -> None:
    for number in range(1, TRIES + 1):
        pacing.again("a")
        wait_until(lambda number=number: looks.of("a") == number, "the next look")  # type: ignore[misc]
    pacing.again("a")  # now the schedule's next look has to do
    pacing.ask(["b"])
    wait_until(lambda: looks.of("b") == 1, "another one's look")
    assert looks.of("a") == TRIES


def test_a_look_that_fails_ends_nothing(pacing: Pacing, looks: Looks) -> None:
    def fail(names: tuple[str, ...]) -> None:
        pacing._look = looks
        raise OSError

    pacing._look = fail
    pacing.ask(["a"])
    wait_until(lambda: pacing._look is looks, "the one that fails")
    pacing.ask(["b"])
    wait_until(lambda: looks.of("b") == 1, "the next one")


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    """A relay of three sources in its own database, which listens to the outboxes of two; the last has no trigger."""
    url: str = request.getfixturevalue("_relay_in_postgresql")
    document = settings(url, [url] * 3)
    for number, source in enumerate(document["source"]):
        source |= {"wake_up": number > 0}
    relay = Relay(parse(document))
    relay.prepare()
    for number, name in enumerate(relay.source_names):
        ddl.create(relay.source(name).reader.engine, relay.outbox_table(name), wake_up=number == 1)
        follow(relay, name)
        intake(relay, name)
    yield relay
    relay.close()


@pytest.fixture
def wake(relay: Relay, looks: Looks) -> Iterator[Wake]:
    wake = Wake(relay, looks)
    wake.start()
    yield wake
    wake.stop()


def write(relay: Relay, number: int) -> None:
    with relay.store.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO ei_outbox_{number} (operation, booking_id) VALUES ('remove', 'b-1')"))


def test_a_commit_asks_for_the_outboxes_of_its_database(wake: Wake, relay: Relay, looks: Looks) -> None:
    wait_until(lambda: looks.of("s-1") == 1, "the look that each connection begins with")
    assert relay.notifies == {"s-1"}  # of which the trigger is there; the others are polled as ever
    write(relay, 1)
    wait_until(lambda: looks.of("s-1") == 2, "the look")
    assert looks.of("s-0") == 0  # nobody asked to listen to it


def test_one_connection_listens_for_all_outboxes_of_a_database(wake: Wake, relay: Relay, looks: Looks) -> None:
    wait_until(lambda: looks.of("s-1") == 1, "the look that each connection begins with")
    with relay.store.engine.connect() as connection:
        ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_trigger%'"
        others = connection.execute(text(ask + " AND pid <> pg_backend_pid()")).scalar_one()
    assert others == 1


def test_a_listener_that_dies_is_polled_for_and_listens_again(
    wake: Wake, relay: Relay, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: looks.of("s-1") == 1, "the look that each connection begins with")
    seen_without = Event()
    forget = relay.notifies.__class__.difference_update

    class Watched(set[str]):
        def difference_update(self, *others: object) -> None:
            forget(self, *others)  # type: ignore[arg-type]
            if not self:
                seen_without.set()

    relay.notifies = Watched(relay.notifies)
    with relay.store.engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE '%pg_trigger%' AND pid <> pg_backend_pid()"
            )
        )
    assert seen_without.wait(PATIENCE)
    write(relay, 1)  # nobody hears of it, if this machine is quick
    wait_until(lambda: looks.of("s-1") >= 2, "the look that the next connection begins with")
    assert relay.notifies == {"s-1"}


def test_who_read_past_a_row_is_looked_at_again(wake: Wake, relay: Relay, looks: Looks) -> None:
    wait_until(lambda: looks.of("s-1") == 1, "the look that each connection begins with")
    wake.follow_up("s-1", NOTHING, asked_again=True)
    wait_until(lambda: looks.of("s-1") == 2, "the wake-up that came meanwhile")
    with relay.store.engine.begin() as connection:
        connection.execute(text("SELECT 1 FROM ei_source WHERE name = 's-1' FOR UPDATE"))
        write(relay, 1)
        wait_until(lambda: looks.of("s-1") == 3, "the look after the commit")
        taken = intake(relay, "s-1")
        assert taken == ELSEWHERE
    wake.follow_up("s-1", taken, asked_again=False)
    wait_until(lambda: looks.of("s-1") == 4, "the look after another worker was at it")
    assert intake(relay, "s-1").rows == 1
    assert relay.store.transact(lambda tx: sources.failures(tx, "s-1")) == 0


def test_a_notification_that_comes_during_a_look_at_several_is_looked_at_again(relay: Relay) -> None:
    """The look may have seen the outbox before the row was committed, and the next one is `quiet_poll_interval` off."""
    runner = Runner(relay)
    relay.notifies.add("s-1")
    runner._wake.pacing.start()
    together = ("s-1", "s-2")
    with runner._slots.on_outbox("a look from s-1", relay.party_of("s-1")):
        write(relay, 1)
        runner._look_at(together)  # as the notification has it done
    reader = relay.source("s-1").reader
    wait_until(lambda: reader.unread(1) == [], "the row")
    runner._look_at(together)
    wait_until(lambda: not runner._wake.pacing._tries, "a look that had its turn")
    runner._wake.stop()
    runner._pool.shutdown()


def test_of_one_that_is_polled_nothing_follows(wake: Wake, relay: Relay, looks: Looks) -> None:
    wait_until(lambda: looks.of("s-2") == 1, "the look that each connection begins with")
    wake.follow_up("s-2", ELSEWHERE, asked_again=True)
    write(relay, 1)
    wait_until(lambda: looks.of("s-1") == 2, "a look after it")
    assert looks.of("s-2") == 2


def test_one_that_does_not_answer_rests_whoever_commits(wake: Wake, relay: Relay, looks: Looks) -> None:
    """Else a busy booking system's commits would have it tried, and its trouble logged, twenty times a second."""
    wait_until(lambda: looks.of("s-1") == 1, "the look that each connection begins with")
    rename = "ALTER TABLE ei_outbox_1 RENAME COLUMN {} TO {}"
    with relay.store.engine.begin() as connection:
        connection.execute(text(rename.format("kind", "other")))
    intake(relay, "s-1")
    write(relay, 1)
    wait_until(lambda: looks.of("s-2") == 2, "the look of what else is in that database")
    wake.follow_up("s-1", NOTHING, asked_again=True)
    assert looks.of("s-1") == 1

    with relay.store.engine.begin() as connection:
        connection.execute(text(rename.format("other", "kind")))
    assert intake(relay, "s-1").rows == 1
    write(relay, 1)
    wait_until(lambda: looks.of("s-1") == 2, "the look after it answers again")
