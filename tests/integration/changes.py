"""Random changes, as booking systems make them: a plan of outbox rows, decided by a seed before anything runs.

Every booking has one writer, and either every row of it has a version or none has: so which state stands in the
end does not depend on when transactions commit, and `expected.py` can say it. When they commit does decide some
of the outcomes on the way, which is why a plan also says which transactions commit late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.integration import residents

STOCKHOLM = ZoneInfo("Europe/Stockholm")
CONTROLLERS = ("SE232100-0016", "SE232100-0024", "5567654321")

Columns = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """An outbox row of the plan. `wrong`: the field for which it must be rejected; `repeats`: it bears the event id
    of an earlier row."""

    id: int
    columns: Columns
    wrong: str | None = None
    repeats: bool = False


@dataclass
class Batch:
    """The rows of one transaction of one writer. `late`: it commits after transactions that began after it."""

    writer: int
    rows: list[Row]
    late: bool


@dataclass
class Plan:
    """All that one booking system writes, in the order of the ids."""

    source: str
    batches: list[Batch]
    residents: set[str]

    @property
    def rows(self) -> Iterator[Row]:
        return (row for batch in self.batches for row in batch.rows)


@dataclass(frozen=True)
class World:
    """What changes are made of. `start` is the naive Swedish time at which writing begins; a passing booking lies
    `soon` seconds at most after it. `any_value`: the database's types hold times that no calendar has."""

    source: str
    source_systems: tuple[str, ...]
    care_units: tuple[str, ...]
    start: datetime
    soon: float
    writers: int
    any_value: bool


@dataclass
class _Booking:
    id: str
    writer: int
    versioned: bool
    version: int = 0
    state: Columns | None = None  # None: not booked
    said: list[Columns] = field(default_factory=list)  # rows with an event id, in time, so a repeat surely comes later
    corrected_event: str | None = None  # of a row that will be rejected, and that the next good row puts right


def plan(world: World, size: int, bookings: int, seed: str, late: float = 0.15) -> Plan:
    """`size` rows on `bookings` bookings, `late` the share of late transactions; the same for the same arguments."""
    return _Planner(world, bookings, Random(seed)).plan(size, late)


def now_in_sweden() -> datetime:
    """The wall clock's time, to the second."""
    return datetime.now(STOCKHOLM).replace(tzinfo=None, microsecond=0)


def _is_doubtful(time: datetime) -> bool:
    """Whether a change of clocks skips or doubles it: then it passes at no moment that a wall clock's time tells."""
    local = time.replace(tzinfo=STOCKHOLM)
    return local.utcoffset() != local.replace(fold=1).utcoffset()


class _Planner:
    def __init__(self, world: World, bookings: int, random: Random) -> None:
        self._world = world
        self._random = random
        self._residents = [residents.make(random) for _ in range(bookings)]
        self._bookings = [
            [
                _Booking(f"b-{number}", writer, versioned=number % 3 > 0)
                for number in range(writer, bookings, world.writers)
            ]
            for writer in range(world.writers)
        ]
        self._next_id = 1
        self._next_event = 1

    def plan(self, size: int, share_late: float) -> Plan:
        batches = []
        while self._next_id <= size:
            writer = self._random.randrange(self._world.writers)
            late = self._random.random() < share_late
            length = min(self._random.choice([1, 2, 5, 10, 40]), size + 1 - self._next_id)
            rows = [self._row(self._random.choice(self._bookings[writer]), late) for _ in range(length)]
            batches.append(Batch(writer, rows, late))
        return Plan(self._world.source, batches, set(self._residents))

    def _row(self, booking: _Booking, late: bool) -> Row:
        row_id, self._next_id = self._next_id, self._next_id + 1
        dice = self._random.random()
        if dice < 0.05 and booking.said:
            return self._repeat(row_id, booking)
        if dice < 0.10:
            field_name, columns = self._bad(booking)
            if not late:
                booking.corrected_event = columns["event_id"] = self._new_event()
            return Row(row_id, columns, wrong=field_name)
        if dice < 0.16 and booking.version > 1:
            return Row(row_id, self._stale(booking))
        columns = self._next_state(booking)
        if booking.corrected_event or self._random.random() < 0.6:
            columns["event_id"] = booking.corrected_event or self._new_event()
            booking.corrected_event = None
            if not late:
                booking.said.append(columns)
        return Row(row_id, columns)

    def _new_event(self) -> str:
        self._next_event += 1
        return f"event-{self._next_event}"

    # --- good rows

    def _next_state(self, booking: _Booking) -> Columns:
        if booking.state is None:
            booking.state = self._new_state()
        else:
            booking.state = self._random.choice(self._steps())(booking.state)
        if booking.versioned and self._random.random() < 0.8:  # else the version it has, again
            booking.version += self._random.choice([1, 1, 1, 7])
        if booking.state is None:
            return self._spelt(booking, {"operation": "remove"})
        return self._spelt(booking, {"operation": "upsert"} | booking.state)

    def _steps(self) -> Sequence[Callable[[Columns], Columns | None]]:
        """What can happen to a booking that is."""
        return [
            self._rebooked, self._rebooked, self._rebooked, self._rebooked, self._moved, self._new_identity,
            self._other_controller, self._hidden_or_shown, self._hidden_or_shown, self._open_invitation,
            self._passing, self._same, self._other_system, self._cancelled, self._cancelled,
        ]  # fmt: skip

    def _new_state(self) -> Columns:
        return {
            "resident_id": self._random.choice(self._residents),
            "care_unit": self._random.choice(self._world.care_units),
            "starts_at": self._future(),
        }

    def _rebooked(self, state: Columns) -> Columns:
        """To earlier as often as to later."""
        return self._timed(state) | {"starts_at": self._future()}

    def _moved(self, state: Columns) -> Columns:
        return state | {"care_unit": self._random.choice(self._world.care_units)}

    def _new_identity(self, state: Columns) -> Columns:
        return state | {"resident_id": self._random.choice(self._residents)}

    def _other_controller(self, state: Columns) -> Columns:
        return state | {"data_controller": self._random.choice([None, *CONTROLLERS])}

    def _hidden_or_shown(self, state: Columns) -> Columns:
        return state | {"presentable": state.get("presentable") is False}

    def _open_invitation(self, state: Columns) -> Columns:
        timed = {"starts_at": None, "kind": "open_invitation"}
        invited_on = (self._world.start - timedelta(days=self._random.randint(0, 90))).date()
        return state | timed | {"invited_on": invited_on, "valid_until": self._random.choice([None, self._future()])}

    def _passing(self, state: Columns) -> Columns:
        """Its time passes while the test runs, or has passed already; as its start or as its validity's end."""
        passes = self._world.start + timedelta(seconds=round(self._random.uniform(-0.3, 1) * self._world.soon))
        is_validity = self._random.random() < 0.5
        if _is_doubtful(passes):
            return self._rebooked(state)
        if is_validity:
            return self._timed(state) | {"kind": "invitation", "starts_at": self._future(), "valid_until": passes}
        return self._timed(state) | {"starts_at": passes}

    def _same(self, state: Columns) -> Columns:
        return state

    def _other_system(self, state: Columns) -> Columns:
        return state | {"source_system": self._random.choice([None, *self._world.source_systems])}

    def _cancelled(self, _state: Columns) -> None:
        """Booked again under the same id later on, more often than not."""

    def _timed(self, state: Columns) -> Columns:
        return state | {"kind": self._random.choice([None, "booking"]), "invited_on": None, "valid_until": None}

    def _future(self) -> datetime:
        """Far enough away not to pass; never in the hours that a change of clocks skips or doubles."""
        day = self._world.start.replace(hour=0, minute=0, second=0) + timedelta(days=self._random.randint(3, 400))
        return day + timedelta(hours=self._random.randint(7, 17), minutes=self._random.choice([0, 15, 30, 45]))

    def _spelt(self, booking: _Booking, state: Columns) -> Columns:
        """With its identities in one of the spellings that are taken."""
        columns = {"booking_id": booking.id} | state
        if booking.versioned:
            columns["version"] = booking.version
        for name in ("care_unit", "source_system"):
            if columns.get(name):
                columns[name] = self._random.choice([str.lower, str.upper, str])(columns[name])
        if "resident_id" in columns:
            columns["resident_id"] = residents.spell(columns["resident_id"], self._random)
        return columns

    # --- rows that must change nothing

    def _repeat(self, row_id: int, booking: _Booking) -> Row:
        """A row with an event id that was taken: the same row again, or one that says something else."""
        said = self._random.choice(booking.said)
        if self._random.random() < 0.6:
            return Row(row_id, dict(said), repeats=True)
        other = self._spelt(booking, {"operation": "upsert"} | self._new_state())
        return Row(row_id, other | {"event_id": said["event_id"]}, repeats=True, wrong="event_id")

    def _stale(self, booking: _Booking) -> Columns:
        state = {"operation": "upsert"} | self._new_state() if self._random.random() < 0.7 else {"operation": "remove"}
        return self._spelt(booking, state) | {"version": self._random.randint(0, booking.version - 1)}

    def _bad(self, booking: _Booking) -> tuple[str, Columns]:
        """A row that must be rejected, and the field that must be named. Its version is higher than any, so a relay
        that took it would never take anything of the booking again."""
        good = self._spelt(booking, {"operation": "upsert"} | self._new_state()) | {"version": 10**9}
        resident = good["resident_id"]
        wrong_digit = resident[:-1] + str((int(resident[-1]) + 1) % 10)
        ways: list[tuple[str, Columns]] = [
            ("resident_id", {"resident_id": None}),
            ("resident_id", {"resident_id": resident[2:]}),
            ("care_unit", {"care_unit": "SE 232"}),
            ("starts_at", {"starts_at": None}),
            ("starts_at", {"starts_at": datetime(2027, 3, 28, 2, 30)}),  # skipped when summer time begins
            ("kind", {"kind": "visit"}),
            ("operation", {"operation": "delete"}),
            ("source_system", {"source_system": "SE0000000000-0000"}),
            ("booking_id", {"booking_id": f"{booking.id} "}),
            ("invited_on", {"kind": "open_invitation"}),
        ]
        if resident[-4:].isdigit():
            ways.append(("resident_id", {"resident_id": wrong_digit}))
        if self._world.any_value:
            ways += [("starts_at", {"starts_at": "infinity"}), ("valid_until", {"valid_until": "20026-01-01 00:00:00"})]
        name, change = self._random.choice(ways)
        return name, good | change
