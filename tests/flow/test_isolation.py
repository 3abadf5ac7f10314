"""One outbox's trouble is its own: others are served beside it, and what is wrong is said."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Final

import pytest
from sqlalchemy import select, text

from relay.database import connect
from relay.flow.intake.step import intake
from relay.flow.process.runner import Runner
from relay.flow.relay import Relay
from relay.flow.schedule.slots import MOMENT_SECONDS, Slots
from relay.outbox.ddl import create
from relay.sandbox.server import Sandbox
from relay.settings import parse
from relay.store.migrate import upgrade
from relay.store.schema import source
from tests.made import CONTROLLER
from tests.outbox.written import RIGHT, outcomes, put
from tests.statements import recorded
from tests.waiting import wait_until

LATER: Final = RIGHT | {"starts_at": "2099-12-24 10:30:00"}  # by the real clock


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


def configured(name: str, url: str, number: int) -> dict[str, object]:
    return {
        "name": name, "source_systems": [f"SE1-{number}"], "data_controller": CONTROLLER,
        "engagement_index": "practice", "test_residents": "*", "outbox_url": url,
    }  # fmt: skip


def run_beside(runner: Runner) -> Callable[[], None]:
    """Start the runner in a thread; what ends it."""
    thread = Thread(target=runner.run, daemon=True)
    thread.start()

    def end() -> None:
        runner.stop()
        thread.join(30)

    return end


def test_a_dozen_outboxes_that_hang_and_two_that_are_wrong_delay_no_other(tmp_path: Path, black_hole: int) -> None:
    urls = {name: f"sqlite:///{tmp_path / name}.db" for name in ("well", "lacking", "empty")}
    for name in ("well", "lacking"):
        create(connect(urls[name]))
    with connect(urls["lacking"]).begin() as connection:
        connection.execute(text("ALTER TABLE ei_outbox DROP COLUMN valid_until"))
    urls |= {f"hanging-{n}": f"postgresql+psycopg://x@127.0.0.1:{black_hole}/x" for n in range(12)}
    relay = Relay(
        parse(
            {
                "environment": "qa", "worker_threads": 4, "poll_interval": "50ms",
                "database_url": f"sqlite:///{tmp_path / 'relay.db'}",
                "engagement_index": {"practice": {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}},
                "source": [configured(name, url, n) for n, (name, url) in enumerate(sorted(urls.items()))],
            }
        )
    )  # fmt: skip
    upgrade(relay.store.engine)
    relay.prepare()
    end = run_beside(Runner(relay))
    well = connect(urls["well"])
    try:
        for _ in range(3):  # one after another, while the dozen hang
            id = put(well, **LATER)
            wait_until(lambda id=id: outcomes(well)[id] == ("taken", None), "the well one's row")

        def troubles() -> dict[str, str]:
            with relay.store.engine.connect() as connection:
                rows = connection.execute(select(source.c.name, source.c.error).where(source.c.error.is_not(None)))
                return {row.name: row.error for row in rows}

        wait_until(lambda: {"lacking", "empty"} <= troubles().keys(), "what is wrong with two of them")
        wait_until(lambda: any(name.startswith("hanging") for name in troubles()), "that some do not answer")
    finally:
        end()
    told = {name: re.split(r" \(SQLSTATE|; ", text)[0] for name, text in troubles().items()}
    assert told["lacking"] == "the outbox could not be read: it lacks the column valid_until"
    assert told["empty"] == "the outbox could not be read: the table ei_outbox is not there"
    assert {told[name] for name in told if name.startswith("hanging")} == {
        "the outbox could not be read: the database does not answer"
    }
    assert "well" not in told
    relay.close()


def test_outboxes_of_one_server_hold_a_quarter_of_the_threads() -> None:
    slots = Slots(threads=8, indexes=1)
    with (
        slots.on_outbox("a", "server") as first,
        slots.on_outbox("b", "server") as second,
        slots.on_outbox("c", "server") as third,
        slots.on_outbox("d", "another") as other,
    ):
        assert (first, second, third, other) == (True, True, False, True)
    with slots.on_outbox("c", "server") as again:
        assert again


def test_two_sources_of_one_table_leave_each_other_s_rows_however_it_is_written(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/outbox.db", f"sqlite+pysqlite:///{tmp_path}/./outbox.db"]
    relay = Relay(
        parse(
            {
                "environment": "qa", "database_url": f"sqlite:///{tmp_path / 'relay.db'}",
                "engagement_index": {"practice": {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}},
                "source": [configured(f"clinic-{n}", url, n) for n, url in enumerate(urls)],
            }
        )
    )  # fmt: skip
    outbox = connect(urls[0])
    upgrade(relay.store.engine)
    create(outbox)
    relay.prepare()
    ids = [put(outbox, **LATER | {"booking_id": f"b-{n}", "source_system": f"SE1-{n}"}) for n in (1, 0)]

    taken = [intake(relay, f"clinic-{n}").rows for n in (0, 1)]

    relay.close()
    assert taken == [1, 1]
    assert [outcomes(outbox)[row] for row in ids] == [("taken", None)] * 2


def test_an_outbox_waits_a_moment_for_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a moment in which the other thread surely gets its turn
    monkeypatch.setattr("relay.flow.schedule.slots.MOMENT_SECONDS", 30)
    slots = Slots(threads=4, indexes=1)
    begun, go_on = Event(), Event()

    def hold() -> None:
        with slots.on_outbox("a", "server"):
            begun.set()
            go_on.wait(30)

    thread = Thread(target=hold)
    thread.start()
    assert begun.wait(30)
    Thread(target=go_on.set).start()
    with slots.on_outbox("b", "server") as free:
        assert free
    thread.join()


def test_a_party_that_let_one_wait_in_vain_keeps_no_other_waiting() -> None:
    """Else those of a hundred outboxes on a server that hangs that only wait take all the threads there are."""
    slots = Slots(threads=4, indexes=1)
    with slots.on_outbox("a", "server"):
        began = time.monotonic()
        for n in range(100):
            with slots.on_outbox(f"b-{n}", "server") as free:
                assert not free
        assert time.monotonic() - began < 50 * MOMENT_SECONDS  # and not a moment for each of the hundred
    with slots.on_outbox("b-1", "server") as free:
        assert free


def test_what_is_hinted_at_again_before_it_is_begun_is_one_step(tmp_path: Path, black_hole: int) -> None:
    """A run that falls behind for a while must not go through every look it missed."""
    hanging = [configured(f"hanging-{n}", f"postgresql+psycopg://x@127.0.0.1:{black_hole}/x", n) for n in range(5)]
    relay = Relay(
        parse(
            {
                "environment": "qa", "worker_threads": 1, "poll_interval": "10ms",
                "database_url": f"sqlite:///{tmp_path / 'relay.db'}",
                "engagement_index": {"practice": {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}},
                "source": hanging,
            }
        )
    )  # fmt: skip
    upgrade(relay.store.engine)
    relay.prepare()
    runner = Runner(relay)
    end = run_beside(runner)
    queue = runner._pool._work_queue
    try:
        wait_until(lambda: queue.qsize() >= len(hanging), "steps that wait for the only thread")
        with recorded(relay.store.engine) as statements:
            wait_until(lambda: len(statements) > 100, "more looks at what is due")
        assert queue.qsize() <= 1 + 2 * len(hanging)  # what is over, and for each source its outbox and its lists
    finally:
        end()
        relay.close()


def test_lanes_that_have_much_to_say_take_turns(tmp_path: Path) -> None:
    """R-33: after an index was away, the lanes that came first must not have it to themselves until they are done."""
    systems = [f"SE1-{n}" for n in range(4)]
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    with Sandbox() as sandbox:
        relay = Relay(
            parse(
                {
                    "environment": "qa", "worker_threads": 2, "database_url": url,
                    "engagement_index": {
                        "practice": {
                            "url": sandbox.update_url, "logical_address": "5565594230", "max_posts_per_call": 1,
                        }
                    },
                    "source": [configured("clinic", url, 0) | {"source_systems": systems}],
                }
            )
        )  # fmt: skip
        upgrade(relay.store.engine)
        create(relay.store.engine)
        relay.prepare()
        for number in range(10):
            for system in systems:
                put(relay.store.engine, **LATER | {"booking_id": f"{system} {number}", "source_system": system})
        while intake(relay, "clinic").rows:
            pass

        # when there is a thread for one call at a time
        end = run_beside(Runner(relay))
        wait_until(lambda: len(sandbox.core.calls()) == 40, "all calls")
        end()
        relay.close()

    # then none is done before each other has had its turns, give or take those that one let pass which was slow to ask
    order = [call["source_system"] for call in sandbox.core.calls()]
    first_done = min(max(n for n, whose in enumerate(order) if whose == system) for system in systems)
    assert min(order[: first_done + 1].count(system) for system in systems) >= 5


def test_an_outbox_is_read_once_at_a_time() -> None:
    slots = Slots(threads=8, indexes=1)
    with slots.on_outbox("a", "server") as first, slots.on_outbox("a", "server") as again:
        assert (first, again) == (True, False)
