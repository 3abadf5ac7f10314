"""A world in one process: a booking system's outbox, the relay, a sandbox index, and a clock that only we move.

Everything is the real code, SQL and XML included; simulated are time, the wire between client and index, and the
moments at which a worker dies. So a day's trouble takes seconds, and every order of events can be had.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, event

from relay.database import connect
from relay.flow.delivery.step import Outgoing, begin, deliver, give_back, record, send
from relay.flow.intake.step import intake
from relay.flow.maintenance.clockwatch import ClockWatch
from relay.flow.publishing.follow import follow, follow_all
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.index.transport import HttpAnswer, NoAnswerError
from relay.index.verdict import Failure, Verdict
from relay.outbox import ddl
from relay.outbox.marks import Marked
from relay.sandbox.collector import Collect
from relay.sandbox.core import Core, Options
from relay.sandbox.referee import Limits
from relay.settings import Settings, parse
from relay.store import lease
from relay.store.columns import iso
from relay.store.lanes import LaneName
from relay.store.lease import LeaseLost, LeaseTooShort
from relay.store.migrate import upgrade
from tests.simulation.fate import Crash, Fate, MortalStore

T = TypeVar("T")

START: Final = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
SPACING: Final = 300.0
RETRY: Final = 60.0  # other than the spacing, so that neither hides a fault of the other
RETRY_MAX: Final = 240.0
CALL_TIMEOUT: Final = 90.0
SYSTEMS: Final = ("SE2321000016-84GX", "SE2321000016-85gx")


_made: list[bytes] = []  # a relay's database as it begins


@dataclass
class Wire:
    """What the client's transport is here: it hands the call to the sandbox, as quick as the weather allows."""

    world: World
    weather: list[str] = field(default_factory=list)  # what befalls the next calls, first come first served

    def post(self, body: bytes, headers: Mapping[str, str], before_first_byte: Callable[[float], None]) -> HttpAnswer:
        weather = self.weather.pop(0) if self.weather else "fair"
        if weather == "refused":
            raise NoAnswerError(Failure.CONNECT, "No connection", sent=False)
        self.world.fate.point()
        before_first_byte(CALL_TIMEOUT)
        core = self.world.core
        call = core.begin(body, headers)
        self.world.advance(0.02)
        if weather == "lost before":
            core.end(call, answered=False)
            raise NoAnswerError(Failure.LOST, "the connection broke", sent=True)
        reply = core.take(call)
        if weather == "slow":
            self.world.advance(CALL_TIMEOUT)
            core.end(call, answered=False)
            raise NoAnswerError(Failure.TIMEOUT, "no answer in time", sent=True)
        core.end(call, answered=not reply.lost)
        self.world.fate.point()
        if reply.lost:
            raise NoAnswerError(Failure.LOST, "the connection broke", sent=True)
        self.world.calls += 1
        return HttpAnswer(reply.status, reply.headers | {"Content-Type": "text/xml; charset=utf-8"}, reply.body)

    def close(self) -> None:
        """Nothing is held."""


class World:
    """See the module. `collect` turns the sandbox's collect queue on; `index`, `top` and `source` are settings. With
    `watched` the relay compares the database's clock, which may be `ahead`, with that of its host."""

    def __init__(
        self,
        folder: Path,
        *,
        collect: Collect | None = None,
        key_spacing: float = SPACING,
        index: Mapping[str, object] | None = None,
        top: Mapping[str, object] | None = None,
        outbox_apart: bool = False,
        watched: bool = False,
        **source: object,
    ) -> None:
        self.label = "national"  # what the configuration calls the index
        self.seconds = 0.0
        self.ahead = timedelta()
        self.calls = 0
        self.fate = Fate()
        self._path = folder / "relay.db"
        self._outbox_path = folder / "tidbok.db" if outbox_apart else self._path
        limits = Limits(key_spacing, RETRY)
        self.core = Core(Options(limits=limits, collect=collect), now=lambda: self.seconds)
        self.wire = Wire(self)
        self._key_spacing = key_spacing
        self._index = dict(index or {})
        self._top = dict(top or {})
        self._source = source
        self._watched = watched
        self.settings = self._settings(key_spacing, source)
        lease.steady_seconds = lambda: self.seconds
        self._upgrade()
        self.relay = self._new_relay()
        ddl.create(self.relay.source("tidbok").reader.engine)
        self.relay.prepare()
        self.outbox = sqlite3.connect(self._outbox_path, isolation_level=None)
        _leave_to_the_system(self.outbox)
        self.rows = 0

    @property
    def database_url(self) -> str:
        """The relay's own database."""
        return f"sqlite:///{self._path}"

    def now(self, _connection: Connection | None = None) -> datetime:
        """The time by the relay's database clock, which is the time in this world unless it is ahead."""
        return self.host_now() + self.ahead

    def host_now(self) -> datetime:
        """The time in this world, by the clock of the worker's host."""
        return START + timedelta(seconds=self.seconds)

    def instant(self, text: str) -> datetime:
        """A time as the relay's database here holds it."""
        return datetime.fromisoformat(text)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def write(self, **row: object) -> int:
        """A booking system commits a row; its id."""
        row = {"created_at": self.now().isoformat()} | row
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        self.rows += 1
        cursor = self.outbox.execute(f"INSERT INTO ei_outbox ({names}) VALUES ({marks})", list(row.values()))
        return int(cursor.lastrowid or 0)

    def outcomes(self) -> list[tuple[int, str | None, str | None]]:
        """(id, outcome, reason) of every row."""
        return list(self.outbox.execute("SELECT id, outcome, outcome_reason FROM ei_outbox ORDER BY id"))

    def work(self) -> int:
        """One tick and all that follows from it; how many calls went out. A worker that dies is replaced."""
        before = self.calls
        try:
            work = due_work(self.relay)
            for name in chain(*(follow_all(self.relay, names) for names in work.policies)):
                follow(self.relay, name)
            lanes = [*work.lanes, *work.failing, *work.blocked]
            for name in chain(work.troubled, *work.outboxes):
                while (taken := intake(self.relay, name)).more:
                    pass
                lanes += [lane for lane in taken.lanes if lane not in lanes]
            for lane in lanes:
                while deliver(self.relay, lane) is not None:
                    pass
        except Crash:
            self.replace_worker()
        return self.calls - before

    def take_lane(self, lane: LaneName) -> Outgoing | None:
        """A second worker takes a lane's posts, and is then frozen before it calls."""
        return begin(self.relay, lane, self.relay.index_of(lane))

    def call(self, outgoing: Outgoing) -> Verdict:
        """The second worker makes its call, and is then frozen before it writes the answer down."""
        client = self.relay.client(outgoing.lane.name.engagement_index)
        return send(client, outgoing)

    def wake(self, outgoing: Outgoing, verdict: Verdict | None = None) -> str:
        """The frozen worker goes on, with the verdict if it had called: what it did."""
        try:
            record(self.relay, outgoing, self.relay.index_of(outgoing.lane.name), verdict or self.call(outgoing))
        except LeaseTooShort:
            give_back(self.relay, outgoing)
            return "did not call"
        except LeaseLost:
            return "wrote nothing"
        except Crash:
            self.replace_worker()
            return "died"
        return "called"

    def replace_worker(self) -> None:
        """A new process takes over; the old one's memory is gone."""
        self.fate.countdown = None
        self.relay.close()
        self.relay = self._new_relay()

    def reconfigure(self, **source: object) -> None:
        """Restart with other settings of the source."""
        self.settings = self._settings(self._key_spacing, source)
        self.replace_worker()
        self.relay.prepare()

    def settle(self, limit: int = 400) -> None:
        """Let time pass until nothing is left to do; every pause of the relay is over within an hour each."""
        for _ in range(limit):
            self.work()
            if not self.is_busy():
                return
            self.advance(30)
        raise AssertionError("it never came to rest")

    def confirm(self, limit: int = 60) -> None:
        """Let time pass until all that was said alone has been said in company, or there is no company to be had."""
        for _ in range(limit):
            self.settle()
            soon = iso(self.now() + timedelta(hours=12))
            if not self.ask(f"SELECT count(*) FROM ei_lane WHERE say_again_at < '{soon}'"):
                return
            self.advance(60)
        raise AssertionError("it never came to rest")

    def is_busy(self) -> bool:
        """Whether a row has no outcome, or a post is not as it is wanted, or a call is open."""
        unread = "SELECT count(*) FROM ei_outbox WHERE outcome IS NULL"
        waiting = "SELECT count(*) FROM ei_post WHERE wanted <> known AND parked_code IS NULL"
        out = "SELECT count(*) FROM ei_lane WHERE open_call IS NOT NULL"
        if self.outbox.execute(unread).fetchone()[0]:
            return True
        return any(self.ask(question) for question in (waiting, out))

    def ask(self, question: str) -> int:
        """The number that a question to the relay's own database is answered with."""
        return int(self.select(question)[0][0])

    def select(self, question: str) -> list[Any]:
        """The rows that a question to the relay's own database is answered with."""
        if self._outbox_path == self._path:
            return self.outbox.execute(question).fetchall()
        with closing(sqlite3.connect(self._path)) as database:
            return database.execute(question).fetchall()

    def back_up(self) -> Path:
        """A copy of the relay's own database, as it is now."""
        copy = self._path.with_suffix(f".{self.seconds:.0f}.copy")
        with closing(sqlite3.connect(self._path)) as database, closing(sqlite3.connect(copy)) as target:
            database.backup(target)
        return copy

    def restore(self, copy: Path) -> None:
        """The workers are stopped, the relay's own database is as it was, and a new worker begins."""
        self.relay.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(copy, self._path)
        self.replace_worker()
        self.relay.prepare()

    def index(self) -> dict[tuple[str, ...], str]:
        """What the index holds: {(resident, unit, booking, system, controller): content}."""
        self.core.settle()
        return {
            (
                post["registered_resident_identification"],
                post["logical_address"],
                post["business_object_instance_identifier"],
                post["source_system"],
                post["data_controller"],
            ): post["most_recent_content"]
            for post in self.core.posts()
        }

    def close(self) -> None:
        """Let go of the files."""
        self.outbox.close()
        self.relay.close()

    def _upgrade(self) -> None:
        """Make the relay's tables; the first world of a process does it, the others begin with a copy of its file."""
        if not self.database_url.startswith("sqlite:") or not _made:
            engine = connect(self.database_url)
            upgrade(engine)
            engine.dispose()
        if self.database_url.startswith("sqlite:"):
            if _made:
                self._path.write_bytes(_made[0])
            else:
                with closing(sqlite3.connect(self._path)) as database:
                    _made.append(database.serialize())

    def _new_relay(self) -> Relay:
        relay = Relay(self.settings, clock=self)
        if self._watched:
            relay.watch = ClockWatch(self.host_now)
        relay.store = MortalStore(relay.store.engine, self, self.fate)
        relay.client(self.label)._transport = self.wire  # type: ignore[assignment]
        room = relay.source("tidbok")
        for engine in (relay.store.engine, room.reader.engine):
            if engine.dialect.name == "sqlite":
                event.listen(engine, "connect", _leave_to_the_system)
        settle = room.reader.settle

        def mortal_settle(*args: Any) -> Marked:
            self.fate.point()
            marked = settle(*args)
            self.fate.point()
            return marked

        room.reader.settle = mortal_settle  # type: ignore[method-assign]
        return relay

    def _settings(self, key_spacing: float, source: dict[str, object]) -> Settings:
        return parse(
            {
                "environment": source.get("environment", "qa"),
                "database_url": self.database_url,
                "engagement_index": {
                    self.label: {
                        "url": "http://127.0.0.1:9/Update",
                        "logical_address": "5565594230",
                        "key_spacing": f"{key_spacing:.0f}s",
                        "retry_after_fault": f"{RETRY:.0f}s",
                        "retry_after_fault_max": f"{RETRY_MAX:.0f}s",
                    }
                    | self._index
                },
                "source": [
                    {
                        "name": "tidbok",
                        "source_systems": list(SYSTEMS),
                        "data_controller": "SE232100-0016",
                        "engagement_index": self.label,
                        "test_residents": "*",
                    }
                    | ({"outbox_url": f"sqlite:///{self._outbox_path}"} if self._outbox_path != self._path else {})
                    | {name: value for name, value in source.items() if name != "environment"}
                ],
            }
            | self._top
        )


def _leave_to_the_system(connection: Any, _record: object = None) -> None:
    """Wait for no disk: workers die here, the machine does not, and thousands of commits would wait for it. Nor for a
    lock: there is nobody beside us who could let it go meanwhile."""
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA busy_timeout=1")
