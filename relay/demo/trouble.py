"""Things that go wrong on purpose, for whoever looks at the console: one of each kind that somebody has to act on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import urllib3

from relay.demo import config
from relay.demo.author import RESIDENTS
from relay.demo.booking_system import Booking
from relay.demo.cast import NORD, SCREEN, TAND, System
from relay.demo.stage import Stage
from relay.wallclock import SWEDEN

PARKED: Final = "T-PARKED"
BLOCKED: Final = "K-WAITS"
NOT_CONNECTED: Final = "T-OSTRA"
HIDDEN: Final = "T-HIDDEN"
ORDERS: Final = (
    {"answer": "fault", "text": "EI004: businessObjectInstanceIdentifier is not acceptable", "booking_id": PARKED},
    {"answer": "fault", "text": "VP007", "source_system": SCREEN.hsa_id},
)
"""What the index answers from now on: a post that is wrong in itself, and a system that is not authorised any more."""


def make_trouble(stage: Stage) -> None:
    """Break what can be broken: the index, a list, and some bookings."""
    http = urllib3.PoolManager(timeout=10, retries=False)
    for order in ORDERS:
        http.request("POST", f"{stage.sandbox_url}/api/orders", json=order)
    http.clear()
    east = next(unit for unit in NORD.units if not unit.connected)
    _book(stage, NORD, PARKED)
    _book(stage, NORD, NOT_CONNECTED, care_unit=east.hsa_id)
    _book(stage, NORD, HIDDEN, presentable=False)
    _book(stage, SCREEN, BLOCKED)
    config.write_units(stage.config.parent, replace(TAND, units=TAND.units[2:]))  # two of its three units are missing


def _book(stage: Stage, system: System, booking_id: str, **said: object) -> None:
    now = stage.store.transact(lambda tx: tx.now).astimezone(SWEDEN).replace(tzinfo=None, microsecond=0)
    booking = Booking(
        booking_id, 1, RESIDENTS[0], system.spelled(system.connected()[0]), starts_at=now + timedelta(days=14)
    )
    stage.systems[system.name].write(replace(booking, **said), f"trouble-{booking_id}")  # type: ignore[arg-type]
