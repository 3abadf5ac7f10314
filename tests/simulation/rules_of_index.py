"""What befalls the index, the way to it, and the workers that call it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from relay.sandbox.orders import Order
from relay.store.lanes import LaneName
from tests.simulation.machine import BOOKINGS, NEIGHBOURS, Machine
from tests.simulation.world import SYSTEMS

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


class IndexFaults(Machine):
    """See the module."""

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def index_misbehaves(self, fault, times) -> None:
        self.world.core.order(Order(**fault, times=times))

    @rule(weather=st.sampled_from(("refused", "lost before", "slow")))
    def network_misbehaves(self, weather) -> None:
        self.world.wire.weather.append(weather)

    @rule(
        system=st.sampled_from(NEIGHBOURS),
        text=st.sampled_from(("VP007: Not authorised", "VP004: No logical address")),
        times=st.integers(1, 9),
    )
    def neighbour_is_blocked(self, system, text, times) -> None:
        """Every call of one lane is refused for what people must put right; the others go on."""
        self.world.core.order(Order(answer="fault", text=text, source_system=system, times=times))

    @rule(booking=st.sampled_from(BOOKINGS), text=st.sampled_from(("EI001: schema", 'EI004: "x" is to long')))
    def index_dislikes(self, booking, text) -> None:
        """One booking is malformed in a way that only the index sees."""
        self.cursed.add(booking)
        self.world.core.order(Order(answer="fault", text=text, booking_id=booking))

    @rule()
    def back_end_dies(self) -> None:
        """The index forgets what it has gathered in memory, though it was answered OK."""
        self.world.core.back_end_dies()

    @rule()
    def window_fails(self) -> None:
        """What was gathered cannot be stored: the index tries for minutes, stands still meanwhile, and gives it up."""
        self.world.core.window_fails()

    @rule(seconds=st.sampled_from((3.0, 10.0)))
    def rolling_restart(self, seconds) -> None:
        self.world.core.rolling_restart(seconds)

    @rule(how=st.sampled_from(("write_lock", "database_away")), on=st.booleans())
    def index_stands_still(self, how, on) -> None:
        """It says OK, and applies nothing; or goes on."""
        getattr(self.world.core, how)(on)

    @rule()
    def index_is_backed_up(self) -> None:
        self.table = self.world.core.table_copy()

    @rule()
    def index_restores_yesterdays_table(self) -> None:
        """All that it has applied since the last copy, or ever, is lost, deletes included."""
        self.world.core.restore_table(self.table)
        self.went_back = True

    @rule(point=st.integers(1, 12))
    def worker_dies(self, point) -> None:
        """Killed at one of the next commit points: before or after a commit or a call."""
        self.world.fate.countdown = point
        self.work_once()

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

    def over(self) -> None:
        for how in ("write_lock", "database_away"):
            getattr(self.world.core, how)(False)
        super().over()
