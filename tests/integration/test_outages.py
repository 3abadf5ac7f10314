"""The database or the broker is away for a while: nobody dies, each says so in a line now and then, and as soon as it
is back the work goes on by itself, at full rate."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from relay.demo.valkey import Valkey
from tests.chaos.proxy import FaultProxy
from tests.integration.conftest import TIDBOK
from tests.integration.processes import Process
from tests.integration.residents import TOLVAN
from tests.integration.servers import Server
from tests.integration.site import Pace, Site
from tests.waiting import BUSY, least, wait_until

pytestmark = pytest.mark.integration

PACE = Pace(key_spacing=2, says_lone_posts_again=False)  # each call here is a booking's own
FULL_RATE = 2 + 1.5  # seconds from commit to index: two poll intervals, and what the work itself takes


class Outage:
    """A site with servers of its own and a proxy on the way to each: what this test takes away and gives back."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.database = stack.enter_context(Server("fsync=off"))
        self.broker = stack.enter_context(Valkey())
        ports = (self.database.port, self.broker.port)
        self._ways = {port: stack.enter_context(FaultProxy("127.0.0.1", port)) for port in ports}
        self.database_way, self.broker_way = self._ways.values()
        self.site = stack.enter_context(
            Site(folder, self.database.url(), [TIDBOK], broker_url=self.broker.url, pace=PACE, detour=self._detour)
        )
        self.site.prepare()
        self.worker, self.beat = self.site.start_worker(), self.site.start_beat()
        self._number = 0

    def book(self) -> float:
        """Make a booking and wait until the index has it; the seconds it took."""
        for engine in self.site._engines.values():
            engine.dispose()  # connections of before
        self._number += 1
        booking_id = f"b-{self._number}"
        began = self.site.insert(
            TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
            starts_at="2040-05-04 08:15",
        )  # fmt: skip
        wait_until(lambda: self.site.index.content_of(booking_id), self.worker.log)
        return time.monotonic() - began

    def verdicts(self) -> list[str | None]:
        """How each call ended that the relay remembers; None: it is out."""
        calls: list[dict[str, str | None]] = json.loads(self.site.command("calls", "list", "--json").stdout)
        return [call["verdict"] for call in calls]

    def _detour(self, url: str) -> str:
        port = make_url(url).port
        return url.replace(f":{port}/", f":{self._ways[port].port}/") if port in self._ways else url


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[Outage]:
    """A site at work."""
    with ExitStack() as stack:
        outage = Outage(tmp_path, stack)
        outage.book()
        yield outage


@contextmanager
def away(outage: Outage, what: str) -> Iterator[None]:
    """Within it, something is wrong with the database or the broker."""
    server, _, trouble = what.partition(" ")
    if trouble == "gone" and server == "database":
        outage.database.stop(signal.SIGQUIT)
        yield
        outage.database.start()
    elif trouble == "frozen" and server == "database":
        with outage.database.frozen():
            yield
    elif trouble == "unreachable":
        with (outage.database_way if server == "database" else outage.broker_way).swallowing():
            yield
    else:
        raise AssertionError(what)


def repeated(process: Process) -> Counter[tuple[str, str | None]]:
    """How often a process has said each thing, of its complaints; a line that is no JSON ends the test."""
    lines = [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]
    assert [line["exception"] for line in lines if "exception" in line] == []
    return Counter((line["message"], line.get("step")) for line in lines if line["level"] in ("WARNING", "ERROR"))


@pytest.mark.parametrize(
    ("what", "seconds", "patience"),
    [
        ("database gone", 20, 5),
        ("database frozen", 12, 5),
        ("database unreachable", 8, 40),  # a connection that a firewall forgot is given up after 35 s
        ("broker unreachable", 12, 35),
    ],
)
def test_all_goes_on_by_itself(outage: Outage, what: str, seconds: float, patience: float) -> None:
    began = time.monotonic()
    before = [repeated(process) for process in (outage.worker, outage.beat)]
    # when it is away for a while
    with away(outage, what):
        time.sleep(seconds)

    # then work goes on soon after it is back, and at full rate
    first = outage.book()
    assert first <= patience + BUSY
    rest = least(outage.book, FULL_RATE)
    print(what, "first booking after", round(first, 1), "s, then", round(rest, 1))
    assert rest <= FULL_RATE
    # and nobody died, nor said the same thing more often than every few seconds
    assert outage.worker.is_alive
    assert outage.beat.is_alive
    said = [repeated(outage.worker) - before[0], repeated(outage.beat) - before[1]]
    most = (time.monotonic() - began) / 5 + 2
    assert all(number <= most for each in said for number in each.values()), said
    if what != "database frozen":  # for less than anybody's patience: it may pass without a word
        assert any(said)
    assert outage.site.index.breaches() == []


def test_an_answer_that_comes_while_the_database_is_away_is_not_lost(outage: Outage) -> None:
    """The lease lasts ten seconds longer than any call: time in which nobody else works for the lane."""
    site = outage.site
    before = len(site.index.calls())
    site.index.order(answer="normal", delay=2)

    # when the database goes while a call is out, and comes back some seconds after its answer
    site.insert(
        TIDBOK.name, operation="upsert", booking_id="slow", resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at="2040-05-04 08:15",
    )  # fmt: skip
    wait_until(lambda: len(site.index.calls()) > before, "a call")
    with away(outage, "database gone"):
        wait_until(lambda: site.index.calls()[-1]["ended"], "an answer")
        time.sleep(5)
    site.index.cancel_orders()

    # then the answer is known: the call is noted as accepted, and so is each that comes after it
    outage.book()
    wait_until(lambda: None not in outage.verdicts(), outage.worker.log)
    assert outage.verdicts() == ["accepted"] * (before + 2)
    assert site.index.content_of("slow")
    assert "a worker died during a call" not in outage.worker.log()
    (lane,) = site.status()["lanes"]
    assert (lane["state"], lane["pending"], lane["failures"]) == ("open", 0, 0)


@pytest.mark.parametrize("what", ["database gone", "database frozen", "database unreachable", "broker unreachable"])
def test_a_stop_ends_in_time_also_while_something_is_away(outage: Outage, what: str) -> None:
    """At most call_timeout and five seconds after SIGTERM, with a call out."""
    site = outage.site
    site.index.order(answer="normal", delay=4, times=1)
    before = len(site.index.calls())
    site.insert(
        TIDBOK.name, operation="upsert", booking_id="slow", resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at="2040-05-04 08:15",
    )  # fmt: skip
    wait_until(lambda: len(site.index.calls()) > before, "a call")

    # when the worker is told to stop with the call out and something away
    with away(outage, what):
        told = time.monotonic()
        outage.worker.terminate()
        outage.worker.wait(within=PACE.call_timeout + 5 + BUSY)
        print(what, "gone after", round(time.monotonic() - told, 1), "s")

    # then its call was written down, where there was a database to write to: nothing is in doubt
    if "broker" in what:
        (lane,) = site.status()["lanes"]
        assert (lane["state"], lane["pending"], lane["failures"]) == ("open", 0, 0)
    # and whoever comes next brings everything in order
    for engine in site._engines.values():
        engine.dispose()
    outage.worker.start()
    wait_until(lambda: site.status()["lanes"][0]["pending"] == 0, outage.worker.log)
    assert site.index.content_of("slow")
    assert site.index.breaches() == []
