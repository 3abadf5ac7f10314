"""Bookings, faults, crashes and time in any order: the invariants of the whole relay, tried to be broken.

    1  a committed row ends with an outcome            5  (no transaction during a call: by construction)
    2  when changes stop, index = bookings, silence    6  a bad post stops no other; faults park nothing
    3  one call a lane at a time (R-31)                7  (the broker: in the integration tests)
    4  one send a key in key_spacing (R-32)            8  no identity in outcomes, calls or parked reasons

Breaches of R-30 to R-35 are what the sandbox's referee saw, not what the relay says of itself. The environment variable
EI_RELAY_MACHINE_EXAMPLES says how many runs are tried.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from tests.simulation.rules_of_belief import Belief
from tests.simulation.rules_of_bookings import Bookings
from tests.simulation.rules_of_index import IndexFaults
from tests.simulation.rules_of_isolation import Isolation


class RelayMachine(Bookings, IndexFaults, Isolation, Belief):
    """All that may happen, together."""


class PlainMachine(Bookings, IndexFaults):
    """The index's faults alone: with fewer kinds of rules each is met more often."""


EXAMPLES = int(os.environ.get("EI_RELAY_MACHINE_EXAMPLES", "40"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking forty steps of a world takes longer than CI has
)
TestRelayMachine = RelayMachine.TestCase
TestRelayMachine.settings = SETTINGS
TestPlainMachine = PlainMachine.TestCase
TestPlainMachine.settings = SETTINGS
