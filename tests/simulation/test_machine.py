"""Bookings, faults, crashes and time in any order: the invariants of the whole relay, tried to be broken.

    1  a committed row ends with an outcome            5  (no transaction during a call: by construction)
    2  when changes stop, index = bookings, silence    6  a bad post stops no other; faults park nothing
    3  one call a lane at a time (R-31)                7  (the broker: in the integration tests)
    4  one send a key in key_spacing (R-32)            8  no identity in outcomes, calls or parked reasons

Breaches of R-31, R-32 and R-35 are what the sandbox's referee saw, not what the relay says of itself.
"""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from relay.flow.delivery import Outgoing
from relay.index.verdict import Verdict
from relay.sandbox.collector import Collect
from relay.sandbox.orders import Order
from relay.store import lease
from relay.store.lanes import LaneName
from tests.simulation.bookings import expected
from tests.simulation.world import SYSTEMS, World

RESIDENTS = ("191212121212", "19900101-2385", "195712130011")
UNITS = ("SE2321000016-1HZ5", "se2321000016-1hz6", "SE2321000016-1hz7")
BOOKINGS = tuple(f"B{n}" for n in range(1, 7))
FAULTS = (
    {"answer": "fault", "text": "VP009: Error contacting producer"},
    {"answer": "fault", "text": "vp009 Error contacting producer", "applied": True},
    {"answer": "fault", "text": "VP007: Not authorised"},
    {"answer": "fault", "text": "EI000: A technical error has occurred", "applied": True},
    # Longer than the relay's own pause, shorter than the one after a worker that died: what such a worker was told,
    # nobody knows.
    {"answer": "http", "status": 503, "headers": {"Retry-After": "120"}},
    {"answer": "http", "status": 413},
    {"answer": "http", "status": 200, "body": "<html>welcome</html>"},
    {"answer": "body", "body": "", "applied": True},
    {"answer": "lost"},
    {"answer": "unapplied-lost"},
    {"answer": "result", "code": "ERROR", "comment": "no"},
)


class RelayMachine(RuleBasedStateMachine):
    """One booking system, two lanes, six bookings, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._steady = lease.steady_seconds
        self.world = World(Path(self._folder.name), collect=Collect(5.0, 10))
        self.rows: list[dict[str, object]] = []
        self.cursed: set[str] = set()
        self.refusing: set[str] = set()  # bookings whose rows cannot be marked
        self.frozen: list[tuple[Outgoing, Verdict | None]] = []
        self.version = 0

    @initialize()
    def begin(self) -> None:
        self.world.work()

    @rule(
        booking=st.sampled_from(BOOKINGS),
        resident=st.sampled_from(RESIDENTS),
        unit=st.sampled_from(UNITS),
        system=st.sampled_from((None, *SYSTEMS, SYSTEMS[0].lower())),
        hours=st.sampled_from((-2, 0, 0.02, 0.1, 0.5, 1, 24, 240)),
        presentable=st.sampled_from((1, 1, 1, None, 0)),
        versioned=st.booleans(),
    )
    def book(self, booking, resident, unit, system, hours, presentable, versioned) -> None:
        """Booked, rebooked to any time, moved, re-identified, hidden, or all at once."""
        starts_at = (self.world.now() + timedelta(hours=hours + 1)).replace(tzinfo=None, microsecond=0)
        self._write(
            operation="upsert", booking_id=booking, resident_id=resident, care_unit=unit, source_system=system,
            starts_at=starts_at.isoformat(), presentable=presentable, version=self._version(versioned),
        )  # fmt: skip

    @rule(booking=st.sampled_from(BOOKINGS), unit=st.sampled_from(UNITS), lives=st.booleans())
    def invite(self, booking, unit, lives) -> None:
        until = (self.world.now() + timedelta(hours=3)).replace(tzinfo=None, microsecond=0).isoformat()
        self._write(
            operation="upsert", booking_id=booking, resident_id=RESIDENTS[0], care_unit=unit,
            kind="open_invitation", invited_on="2026-11-20", valid_until=None if lives else until,
        )  # fmt: skip

    @rule(booking=st.sampled_from(BOOKINGS), versioned=st.booleans())
    def cancel(self, booking, versioned) -> None:
        self._write(operation="remove", booking_id=booking, version=self._version(versioned))

    @rule(booking=st.sampled_from(BOOKINGS))
    def write_stale_version(self, booking) -> None:
        self._write(operation="remove", booking_id=booking, version=0)

    @rule(booking=st.sampled_from(BOOKINGS))
    def write_bad_row(self, booking) -> None:
        self._write(
            operation="upsert",
            booking_id=booking,
            resident_id="191212121213",
            care_unit="X",
            starts_at="soon",
            bad=True,
        )

    @rule(booking=st.sampled_from(BOOKINGS), value=st.sampled_from((b"\xc3\x28", b"\xff" * 300, "x" * 100_000)))
    def write_poison_row(self, booking, value) -> None:
        """A value that is no text, or a very long one."""
        self._write(
            operation="upsert", booking_id=booking, resident_id=RESIDENTS[0], care_unit=UNITS[0], starts_at=value,
            bad=True,
        )  # fmt: skip

    @rule(booking=st.sampled_from(BOOKINGS))
    def outcomes_cannot_be_written(self, booking) -> None:
        """A trigger of the booking system's refuses them for one booking's rows, from now on."""
        self.world.outbox.execute(
            f"CREATE TRIGGER IF NOT EXISTS refuses_{booking} BEFORE UPDATE ON ei_outbox"
            f" WHEN OLD.booking_id = '{booking}' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        self.refusing.add(booking)

    @precondition(lambda self: self.refusing)
    @rule()
    def outcomes_can_be_written_again(self) -> None:
        for booking in self.refusing:
            self.world.outbox.execute(f"DROP TRIGGER refuses_{booking}")
        self.refusing.clear()

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def write_again(self, data) -> None:
        """The writer repeats an event it wrote before."""
        again = data.draw(st.sampled_from(self.rows))
        if again.get("event_id") is None and not again.get("bad"):
            again = dict(again, event_id=f"E{len(self.rows)}")
            self._write(**again)
        self._write(**again)

    @rule(seconds=st.sampled_from((0.5, 1, 5, 30, 60, 71, 299, 300, 301, 900, 3600)))
    def time_passes(self, seconds) -> None:
        self.world.advance(seconds)

    @rule(times=st.integers(1, 4))
    def work(self, times) -> None:
        for _ in range(times):
            self.world.work()
            self.world.advance(1)

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 3), system=st.sampled_from((None, *SYSTEMS)))
    def index_misbehaves(self, fault, times, system) -> None:
        """To all lanes, or to one while its neighbour works on."""
        self.world.core.order(Order(**fault, times=times, source_system=system))

    @rule(weather=st.sampled_from(("refused", "lost before", "slow")))
    def network_misbehaves(self, weather) -> None:
        self.world.wire.weather.append(weather)

    @rule()
    def back_end_dies(self) -> None:
        """The index forgets what it has gathered in memory, though it was answered OK."""
        self.world.core.back_end_dies()

    @rule(booking=st.sampled_from(BOOKINGS), text=st.sampled_from(("EI001: schema", 'EI004: "x" is to long')))
    def index_dislikes(self, booking, text) -> None:
        """One booking is malformed in a way that only the index sees."""
        self.cursed.add(booking)
        self.world.core.order(Order(answer="fault", text=text, booking_id=booking))

    @rule(point=st.integers(1, 12))
    def worker_dies(self, point) -> None:
        """Killed at one of the next commit points: before or after a commit or a call."""
        self.world.fate.countdown = point
        self.world.work()

    @precondition(lambda self: len(self.frozen) < 2)
    @rule(system=st.sampled_from(SYSTEMS), called=st.booleans())
    def worker_freezes(self, system, called) -> None:
        """A worker is stopped between its last commit and its call, or between its call and the next commit."""
        self.world.fate.countdown = None
        outgoing = self.world.take_lane(LaneName("national", system))
        if outgoing is not None:
            self.frozen.append((outgoing, self.world.call(outgoing) if called else None))

    @precondition(lambda self: self.frozen)
    @rule()
    def worker_wakes(self) -> None:
        self.world.wake(*self.frozen.pop(0))

    @invariant()
    def no_rule_is_broken(self) -> None:
        breaches = self.world.core.breaches()
        assert not breaches, breaches

    @invariant()
    def nothing_is_parked_but_what_is_bad(self) -> None:
        parked = self.world.outbox.execute("SELECT booking_id, parked_code FROM ei_post WHERE parked_code IS NOT NULL")
        for _, code in parked:
            assert code in ("EI001", "EI004", "ERROR", "HTTP413"), code

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self.world.close()
            lease.steady_seconds = self._steady
            self._folder.cleanup()

    def _end(self) -> None:
        """Every fault ends, every frozen worker wakes, and whoever was parked gets a new change."""
        world = self.world
        for frozen in self.frozen:
            world.wake(*frozen)
        world.fate.countdown = None
        world.core.cancel_orders()
        world.wire.weather.clear()
        self.outcomes_can_be_written_again()
        world.advance(3601)  # the longest rest of a row that was set aside,
        world.replace_worker()  # which a process counts by a clock that nobody here can set
        world.settle()
        for booking in self._parked():
            latest = [row for row in self.rows if row["booking_id"] == booking and not row.get("bad")]
            if latest:
                self._write(operation="remove", booking_id=booking, version=None)
        world.settle()
        assert not self._parked()
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

    def _keep_company(self) -> None:
        """Two bookings more in each lane: what had to go alone can be said in company, and is."""
        for number, system in enumerate(SYSTEMS * 2):
            starts_at = (self.world.now() + timedelta(days=30)).replace(tzinfo=None, microsecond=0).isoformat()
            self._write(
                operation="upsert", booking_id=f"company-{number}", resident_id=RESIDENTS[0], care_unit=UNITS[0],
                source_system=system, starts_at=starts_at,
            )  # fmt: skip
        self.world.confirm()

    def _compare(self) -> None:
        should = expected(self.rows, SYSTEMS, self.world.now())
        assert self.world.index() == should.posts
        assert [outcome for _, outcome, _ in self.world.outcomes()] == should.outcomes

    def _no_identity_outside(self) -> None:
        said = [json.dumps(self.world.outcomes())]
        said += map(str, self.world.outbox.execute("SELECT text, code FROM ei_call"))
        said += map(str, self.world.outbox.execute("SELECT parked_text FROM ei_post"))
        for resident in RESIDENTS:
            assert resident.replace("-", "") not in "".join(said)

    def _parked(self) -> set[str]:
        return {b for (b,) in self.world.outbox.execute("SELECT booking_id FROM ei_post WHERE parked_code IS NOT NULL")}

    def _write(self, **row: object) -> None:
        self.rows.append(row)
        self.world.write(**{name: value for name, value in row.items() if name != "bad" and value is not None})

    def _version(self, versioned: bool) -> int | None:
        self.version += 1
        return self.version if versioned else None


TestRelayMachine = RelayMachine.TestCase
TestRelayMachine.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking forty steps of a world takes longer than CI has
)
