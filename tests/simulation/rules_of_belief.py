"""Inputs that say what is not so: half a list, a host with another one, a clock that steps, yesterday's database."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from relay.flow.actions import recover
from relay.flow.process.heartbeat import Heartbeat
from relay.flow.relay import Relay
from tests.simulation.machine import OPERATOR, UNITS, Machine


class Belief(Machine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.other: Relay | None = None
        self.copy: tuple[datetime, Path, int] | None = None

    def begun(self) -> None:
        if self.apart:
            self.database_is_backed_up()
        super().begun()

    @rule(left=st.integers(0, 3))
    def list_is_cut(self, left) -> None:
        """Or is whole again."""
        self.write_list(self.units, UNITS[:left])

    @rule(times=st.integers(1, 6), left=st.integers(1, 2))
    def another_host_works(self, times, left) -> None:
        """It has a list that lacks a unit or two, and each says which list it has."""
        self.world.fate.countdown = None
        world, first, settings = self.world, self.world.relay, self.world.settings
        list_of_its_own = self.folder / "other.csv"
        self.write_list(list_of_its_own, UNITS[:left])
        theirs = world._settings(world._key_spacing, world._source | {"care_units": str(list_of_its_own)})
        world.settings = theirs
        other = self.other or world._new_relay()
        world.relay = other
        for _ in range(times):
            for relay in (first, other):
                Heartbeat(relay, wall=world.host_now).beat()
            self.work_once()
            world.advance(20)
        self.other = world.relay  # a new one, where it died meanwhile
        world.relay, world.settings = first, settings

    @rule(hours=st.sampled_from((0.05, 0.4, 2, 24, 24 * 60)), times=st.integers(1, 2))
    def database_clock_steps(self, hours, times) -> None:
        """Ahead for a moment, then right again. A worker that had just begun would know of no other time."""
        self.world.fate.countdown = None
        self.work_once()
        self.world.ahead = timedelta(hours=hours)
        for _ in range(times):
            self.work_once()
            self.world.advance(1)
        self.world.ahead = timedelta()
        self.work_once()

    @precondition(lambda self: self.apart)
    @rule()
    def database_is_backed_up(self) -> None:
        self.copy = self.world.host_now(), self.world.back_up(), self._taken()

    @precondition(lambda self: self.copy is not None)
    @rule(works=st.integers(0, 2))
    def database_is_restored(self, works) -> None:
        """As the runbook says: all workers are stopped first, and recovered is before they begin. Or they begin, and
        notice; they may judge new rows before."""
        assert self.copy is not None
        at, copy, taken = self.copy
        world = self.world
        self.frozen.clear()
        self._other_host_is_gone()
        world.fate.countdown = None
        # What was taken and could not be marked is judged anew, maybe after what was written later.
        self.judged_blindly |= self._taken_without_a_mark()
        world.restore(copy)
        if self._taken() > taken:
            for _ in range(works):
                self.work_once()
                self.judged_blindly = True
        for _ in recover.recover(world.relay, "tidbok", recover.since_of(world.relay, "tidbok", at), OPERATOR):
            pass

    def over(self) -> None:
        self.write_list(self.units, UNITS)
        self._other_host_is_gone()
        super().over()

    def _taken_without_a_mark(self) -> bool:
        taken = {row_id for (row_id,) in self.world.select("SELECT row_id FROM ei_receipt")}
        asked = "SELECT id FROM ei_outbox WHERE outcome IS NULL"
        return any(row_id in taken for (row_id,) in self.world.outbox.execute(asked))

    def _taken(self) -> int:
        """The rows whose marks tell a database that was restored what it has lost."""
        asked = "SELECT count(*) FROM ei_outbox WHERE outcome IN ('taken', 'superseded')"
        return int(self.world.outbox.execute(asked).fetchone()[0])

    def _other_host_is_gone(self) -> None:
        if self.other is not None:
            self.other.close()
            self.other = None
