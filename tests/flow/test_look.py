"""One look at several outboxes of a database: what it costs, whom it finds, and that no trouble of one blinds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text

from relay.flow.delivery.cluster import watch
from relay.flow.intake.step import intake
from relay.flow.publishing.follow import follow, follow_all
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.flow.schedule.look import look
from relay.outbox import ddl
from relay.outbox.table import outbox_table
from relay.outbox.waiting import which_wait
from relay.sessions import Bounds
from relay.settings import parse
from relay.store import overview
from relay.store.migrate import upgrade
from tests.clock import SetClock
from tests.made import CONTROLLER, RESIDENT, SYSTEM, UNIT
from tests.statements import recorded

FEW = 12


def table_of(number: int) -> str:
    return f"ei_outbox_{number}"


def settings(relay_url: str, outbox_urls: list[str]) -> dict[str, Any]:
    """A configuration of a source for each of the databases, each with a table of its own."""
    sources = [
        {
            "name": f"s-{number}", "source_systems": [f"{SYSTEM}{number}"], "data_controller": CONTROLLER,
            "engagement_index": "practice", "outbox_url": url, "outbox_table": table_of(number),
        }
        for number, url in enumerate(outbox_urls)
    ]  # fmt: skip
    index = {"practice": {"url": "http://index.invalid/", "logical_address": "5565594230"}}
    return {"environment": "production", "database_url": relay_url, "engagement_index": index, "source": sources}


def at_work(document: dict[str, Any]) -> Relay:
    """A relay that has been at work for a while: what is asked only at start is behind it."""
    relay = Relay(parse(document), SetClock(), Bounds(lock=1))
    upgrade(relay.store.engine)
    relay.prepare()
    for number, name in enumerate(relay.source_names):
        ddl.create(relay.source(name).reader.engine, table_of(number))
        for _ in range(2):
            follow(relay, name)
            intake(relay, name)
    return relay


@pytest.fixture
def relay(relay_url: str) -> Iterator[Relay]:
    """A relay of some sources, whose outboxes are in its own database."""
    relay = at_work(settings(relay_url, [relay_url] * FEW))
    yield relay
    relay.close()


def write(relay: Relay, number: int) -> None:
    """A row in one source's outbox."""
    engine = relay.source(f"s-{number}").reader.engine
    table = outbox_table(table_of(number), engine.dialect.name)
    with engine.begin() as connection:
        connection.execute(
            insert(table), {"operation": "remove", "booking_id": "b-1", "resident_id": RESIDENT, "care_unit": UNIT}
        )


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def tick(relay: Relay) -> list[str]:
    """What a scheduler and whoever hears of it do; the sources whose outboxes were read."""
    work = due_work(relay)
    for names in work.policies:
        for name in follow_all(relay, names):
            follow(relay, name)
    read: list[str] = [*work.troubled]
    for names in work.outboxes:
        for together in relay.by_database(names):
            seen = look(relay, together)
            read += [*seen.take, *seen.apart]
    for name in read:
        intake(relay, name)
    return read


def test_many_outboxes_of_one_database_cost_one_statement(relay: Relay) -> None:
    watch(relay)  # once in a while it is asked on which server the database is
    with recorded(relay.store.engine) as statements:
        assert tick(relay) == []
    assert len(statements) == 2  # the schedule's summary, and the look


def test_only_an_outbox_with_a_row_is_read(relay: Relay) -> None:
    write(relay, 3)
    write(relay, 7)
    assert tick(relay) == ["s-3", "s-7"]
    assert tick(relay) == []


def test_a_table_that_is_gone_blinds_nobody(relay: Relay) -> None:
    run(relay.store.engine, f"ALTER TABLE {table_of(2)} RENAME TO away")
    write(relay, 5)

    assert set(tick(relay)) == set(relay.source_names)  # each by itself, once
    with recorded(relay.store.engine) as statements:
        assert tick(relay) == []  # without the one that is in trouble
    assert len(statements) == 2

    by_name = {row.name: row for row in relay.store.transact(overview.sources)}
    assert [name for name, row in by_name.items() if row.failures] == ["s-2"]
    assert outcomes(relay, 5) == ["taken"]


def test_one_that_was_in_trouble_is_looked_at_alone_until_it_answers(relay: Relay) -> None:
    run(relay.store.engine, f"ALTER TABLE {table_of(2)} RENAME TO away")
    tick(relay)
    run(relay.store.engine, f"ALTER TABLE away RENAME TO {table_of(2)}")
    clock = relay.store._clock
    assert isinstance(clock, SetClock)
    clock.advance(minutes=2)

    assert tick(relay) == ["s-2"]
    assert tick(relay) == []
    assert not any(row.failures for row in relay.store.transact(overview.sources))


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_table_that_is_locked_blinds_nobody(relay: Relay) -> None:
    write(relay, 5)
    with relay.store.engine.begin() as connection:
        connection.execute(text(f"LOCK TABLE {table_of(2)} IN ACCESS EXCLUSIVE MODE"))
        assert "s-5" in tick(relay)
        assert outcomes(relay, 5) == ["taken"]
        write(relay, 6)
        assert tick(relay) == ["s-6"]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_row_that_somebody_held_is_read_again_soon(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no other row comes that would have its outbox read."""
    write(relay, 5)
    with relay.store.engine.begin() as connection:
        connection.execute(text(f"SELECT id FROM {table_of(5)} FOR UPDATE"))
        assert tick(relay) == ["s-5"]
        assert tick(relay) == []

    monkeypatch.setattr(relay.source("s-5").reader, "_back_at", 0.0)  # some seconds later
    assert tick(relay) == ["s-5"]
    assert outcomes(relay, 5) == ["taken"]


def test_what_a_table_of_another_owner_refuses_is_its_own_trouble(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the driver raises, however it is called."""

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM ei_outbox_0" in statement and "FROM ei_outbox_1" in statement:
            raise RuntimeError("boom")

    event.listen(relay.store.engine, "before_cursor_execute", fail)
    write(relay, 5)
    assert set(tick(relay)) == set(relay.source_names)
    assert outcomes(relay, 5) == ["taken"]


def test_rows_that_were_set_aside_and_are_gone_are_forgotten(relay: Relay) -> None:
    """No row waits then, and intake has to be sent all the same."""
    reader = relay.source("s-4").reader
    reader.pass_over({17: timedelta(0)})
    assert tick(relay) == ["s-4"]
    assert tick(relay) == []


def test_a_round_of_checks_is_one_statement_for_all(relay: Relay) -> None:
    clock = relay.store._clock
    assert isinstance(clock, SetClock)
    clock.advance(seconds=61)
    with recorded(relay.store.engine) as statements:
        tick(relay)
    written = [each for each in statements if each.startswith(("UPDATE", "WITH"))]
    assert len(written) == 1
    with recorded(relay.store.engine) as statements:
        tick(relay)
    assert len(statements) == 2  # it is noted: nobody is asked again within the minute


def test_a_source_with_other_lists_is_checked_by_itself(relay: Relay) -> None:
    clock = relay.store._clock
    assert isinstance(clock, SetClock)
    run(relay.store.engine, "UPDATE ei_source SET agreed = 'other' WHERE name = 's-3'")
    clock.advance(seconds=61)
    assert follow_all(relay, [*relay.source_names]) == ["s-3"]


def test_fifty_databases_cost_a_statement_each(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/outbox-{number}.db" for number in range(50)]
    relay = at_work(settings(f"sqlite:///{tmp_path}/relay.db", urls))
    engines = [relay.source(name).reader.engine for name in relay.source_names]
    try:
        with ExitStack() as stack:
            seen = [stack.enter_context(recorded(engine)) for engine in (relay.store.engine, *engines)]
            tick(relay)
        assert [len(each) for each in seen[1:]] == [1] * 50
        assert len(seen[0]) <= 2
    finally:
        relay.close()


def test_the_look_is_written_once(relay: Relay) -> None:
    """SQLAlchemy compiles it for these outboxes once."""
    readers = [relay.source(name).reader for name in relay.source_names]
    compiled: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool) -> None:
        if context.cache_hit.name != "CACHE_HIT":
            compiled.append(sql)

    which_wait(readers)
    event.listen(relay.store.engine, "before_cursor_execute", note)
    assert which_wait(readers) == [False] * FEW
    assert compiled == []


def outcomes(relay: Relay, number: int) -> list[str]:
    with relay.source(f"s-{number}").reader.engine.connect() as connection:
        return list(connection.execute(text(f"SELECT outcome FROM {table_of(number)} ORDER BY id")).scalars())
