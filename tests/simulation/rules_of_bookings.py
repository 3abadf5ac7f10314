"""What a booking system writes: booked, moved, hidden, cancelled, said again, late, or wrong."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.simulation.machine import BOOKINGS, NEIGHBOURS, RESIDENTS, UNITS, Machine
from tests.simulation.world import SYSTEMS


class Bookings(Machine):
    """See the module."""

    @rule(
        booking=st.sampled_from(BOOKINGS),
        resident=st.sampled_from(RESIDENTS),
        unit=st.sampled_from(UNITS),
        system=st.sampled_from((None, *SYSTEMS, SYSTEMS[0].lower(), *NEIGHBOURS)),
        hours=st.sampled_from((-2, 0, 0.02, 0.1, 0.5, 1, 24, 240)),
        presentable=st.sampled_from((1, 1, 1, None, 0)),
        versioned=st.booleans(),
    )
    def book(self, booking, resident, unit, system, hours, presentable, versioned) -> None:
        """Booked, rebooked to any time, moved, re-identified, hidden, or all at once."""
        starts_at = (self.world.now() + timedelta(hours=hours + 1)).replace(tzinfo=None, microsecond=0)
        self.write(
            operation="upsert", booking_id=booking, resident_id=resident, care_unit=unit, source_system=system,
            starts_at=starts_at.isoformat(), presentable=presentable, version=self.next_version(versioned),
        )  # fmt: skip

    @rule(booking=st.sampled_from(BOOKINGS), unit=st.sampled_from(UNITS), lives=st.booleans())
    def invite(self, booking, unit, lives) -> None:
        until = (self.world.now() + timedelta(hours=3)).replace(tzinfo=None, microsecond=0).isoformat()
        self.write(
            operation="upsert", booking_id=booking, resident_id=RESIDENTS[0], care_unit=unit,
            kind="open_invitation", invited_on="2026-11-20", valid_until=None if lives else until,
        )  # fmt: skip

    @rule(booking=st.sampled_from(BOOKINGS), versioned=st.booleans())
    def cancel(self, booking, versioned) -> None:
        self.write(operation="remove", booking_id=booking, version=self.next_version(versioned))

    @rule(booking=st.sampled_from(BOOKINGS))
    def write_stale_version(self, booking) -> None:
        self.write(operation="remove", booking_id=booking, version=0)

    @rule(booking=st.sampled_from(BOOKINGS))
    def write_bad_row(self, booking) -> None:
        self.write(
            operation="upsert",
            booking_id=booking,
            resident_id="191212121213",
            care_unit="X",
            starts_at="soon",
            bad=True,
        )

    @precondition(lambda self: self.rows and not self.judged_blindly)
    @rule(data=st.data())
    def write_again(self, data) -> None:
        """The writer repeats an event it wrote before."""
        again = data.draw(st.sampled_from(self.rows))
        if again.get("spoilt"):
            return
        if again.get("event_id") is None and not again.get("bad"):
            again = dict(again, event_id=f"E{len(self.rows)}")
            self.write(**again)
        self.write(**again)

    @rule(seconds=st.sampled_from((0.5, 1, 5, 30, 60, 71, 299, 300, 301, 900, 3600)))
    def time_passes(self, seconds) -> None:
        self.world.advance(seconds)

    @rule(times=st.integers(1, 4))
    def work(self, times) -> None:
        for _ in range(times):
            self.work_once()
            self.world.advance(1)
