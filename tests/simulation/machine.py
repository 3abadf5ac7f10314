"""What the state machine stands on: a world of one booking system, what was written in it, and how it must end.

Rules are mixed in (`rules_of_*`), so that whatever may happen meets whatever else may. Here is what they share.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from sqlalchemy.exc import SQLAlchemyError
from tenacity import nap

from relay.flow.actions import operations
from relay.flow.actions.operations import Request
from relay.flow.delivery.step import Outgoing
from relay.flow.intake.hold import approve
from relay.index.verdict import Verdict
from relay.outbox import reader
from relay.sandbox.collector import Collect
from relay.sandbox.table import Row
from relay.store import changes, lease
from relay.store.selection import Selection
from tests.simulation.bookings import expected
from tests.simulation.world import START, SYSTEMS, World

RESIDENTS = ("191212121212", "19900101-2385", "195712130011")
UNITS = ("SE2321000016-1HZ5", "se2321000016-1hz6", "SE2321000016-1hz7")
BOOKINGS = tuple(f"B{n}" for n in range(1, 7))
NEIGHBOURS = ("SE2321000016-86GX", "SE2321000016-87GX")  # lanes that may be blocked for long
REFRESH = timedelta(hours=6)
OF_CONTENT = ("EI001", "EI004", "ERROR", "HTTP413")
OPERATOR = Request("anna", "a simulation", "a simulation")


class Machine(RuleBasedStateMachine):
    """One booking system, two lanes and two neighbours', six bookings, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._steady = lease.steady_seconds
        self._times = nap.time, reader.time
        self.rows: list[dict[str, object]] = []
        self.cursed: set[str] = set()
        self.frozen: list[tuple[Outgoing, Verdict | None]] = []
        self.version = 0
        self.table: dict[str, Row] = {}  # of the index, as it was once
        self.went_back = False  # the index did, to that table
        self.judged_blindly = False  # rows, by a database that had lost those before them

    @initialize(apart=st.booleans(), cautious=st.booleans())
    def begin(self, apart: bool, cautious: bool) -> None:
        """The outbox apart or in the relay's own database; a surge guard that hardly ever asks, or soon does."""
        self.units = self.folder / "units.csv"
        self.write_list(self.units, UNITS)
        self.apart = apart
        self.world = World(
            self.folder,
            collect=Collect(5.0, 10),
            index={"refresh_every": f"{REFRESH.total_seconds():.0f}s"},
            top={"surge_guard": {"least": 3}} if cautious else None,
            outbox_apart=apart,
            watched=True,
            source_systems=[*SYSTEMS, *NEIGHBOURS],
            care_units=str(self.units),
        )
        # Who waits for the database to take something lets time pass in this world, and none in ours.
        nap.time = SimpleNamespace(sleep=lambda seconds: self.world.advance(seconds))  # type: ignore[assignment]
        # And rows that are set aside rest by the time of this world.
        reader.time = SimpleNamespace(monotonic=lambda: self.world.seconds)  # type: ignore[assignment]
        self.work_once()
        self.begun()

    def begun(self) -> None:
        """The world stands. Whoever mixes in something to begin with does it here, and passes it on."""

    def work_once(self) -> None:
        """One tick; where the database does not do its part, the rest of it is for the next one."""
        with suppress(SQLAlchemyError):
            self.world.work()

    @invariant()
    def no_rule_is_broken(self) -> None:
        """R-30 to R-35, as the index's referee sees them."""
        breaches = self.world.core.breaches()
        assert not breaches, breaches

    @invariant()
    def nothing_is_parked_but_what_is_bad(self) -> None:
        for (code,) in self.world.select("SELECT parked_code FROM ei_post WHERE parked_code IS NOT NULL"):
            assert code in OF_CONTENT, code

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            nap.time, reader.time = self._times
            self.world.close()
            lease.steady_seconds = self._steady
            self._folder.cleanup()

    def over(self) -> None:
        """Every fault ends. Whoever mixes in faults that last ends his own, and passes it on."""
        for frozen in self.frozen:
            self.world.wake(*frozen)
        self.frozen.clear()
        self.world.fate.countdown = None
        self.world.core.cancel_orders()
        self.world.wire.weather.clear()

    def _end(self) -> None:
        """Every frozen worker wakes, and whoever was parked gets a new change."""
        world = self.world
        self.over()
        self._settle()
        for booking in self._parked():
            latest = [row for row in self.rows if row["booking_id"] == booking and not row.get("bad")]
            if latest:
                self.write(operation="remove", booking_id=booking, version=None)
        self._settle()
        assert not self._parked()
        if self.went_back:
            self._heal()
        self._keep_company()
        self._compare()
        silent_since = world.calls
        for _ in range(5):
            world.work()
            world.advance(1)
        assert world.calls == silent_since, "it went on calling with nothing to say"
        assert all(outcome for _, outcome, _ in world.outcomes())
        self.no_rule_is_broken()
        self._no_identity_outside()

    def _settle(self) -> None:
        """Until all is done that needs nobody's word, and then what somebody has said yes to."""
        for _ in range(4):
            for _ in range(8):  # long enough for two looks at the lists, and for hosts that are gone to be forgotten
                self.world.work()
                self.world.advance(45)
            self.world.settle()
            store, rules = self.world.relay.store, self.world.relay.source("tidbok").policies.rules()
            waiting = store.transact(lambda tx: [each for each in changes.every(tx) if each.status == changes.HELD])
            if not waiting:
                return
            for change in waiting:
                approve(store, change.id, rules, "anna", "it is meant")
        raise AssertionError("there is always another change to approve")

    def _heal(self) -> None:
        """The index went back to an older table, and does once more while all is quiet: a refresh brings what it lacks,
        and `reassert` ends the ghosts too."""
        world = self.world
        world.core.restore_table(self.table)
        end = world.seconds + REFRESH.total_seconds()
        while world.seconds < end:
            world.work()
            world.advance(300)
        world.settle()
        should = expected(self.rows, (*SYSTEMS, *NEIGHBOURS), world.now()).posts
        there = world.index()
        assert {key: there.get(key) for key in should} == should
        since_ever = Selection(since=START - timedelta(days=1), until=world.now() + timedelta(seconds=1))
        operations.reassert(world.relay.store, since_ever, OPERATOR)
        world.settle()

    def _keep_company(self) -> None:
        """Two bookings more in each lane: what had to go alone can be said in company, and is."""
        for number, system in enumerate((*SYSTEMS, *NEIGHBOURS) * 2):
            starts_at = (self.world.now() + timedelta(days=30)).replace(tzinfo=None, microsecond=0).isoformat()
            self.write(
                operation="upsert", booking_id=f"company-{number}", resident_id=RESIDENTS[0], care_unit=UNITS[0],
                source_system=system, starts_at=starts_at,
            )  # fmt: skip
        self.world.confirm()

    def _compare(self) -> None:
        should = expected(self.rows, (*SYSTEMS, *NEIGHBOURS), self.world.now())
        assert self.world.index() == should.posts
        if not self.judged_blindly:
            assert [outcome for _, outcome, _ in self.world.outcomes()] == should.outcomes

    def _no_identity_outside(self) -> None:
        said = [json.dumps(self.world.outcomes())]
        said += map(str, self.world.select("SELECT text, code FROM ei_call"))
        said += map(str, self.world.select("SELECT parked_text FROM ei_post"))
        for resident in RESIDENTS:
            assert resident.replace("-", "") not in "".join(said)

    def _parked(self) -> set[str]:
        return {b for (b,) in self.world.select("SELECT booking_id FROM ei_post WHERE parked_code IS NOT NULL")}

    def write(self, **row: object) -> int:
        """The booking system commits a row, and we remember it; its id."""
        self.rows.append(row)
        said = {name: value for name, value in row.items() if name not in ("bad", "spoilt") and value is not None}
        return self.world.write(**said)

    def next_version(self, versioned: bool) -> int | None:
        self.version += 1
        return self.version if versioned else None

    def write_list(self, file: Path, units: tuple[str, ...]) -> None:
        """A list of care units."""
        file.write_text("".join(f"{line}\n" for line in ("hsa_id", *units)))
