"""How often schedulers ask for chores whose next time is kept in the database.

Apart from the chores: whoever only asks for them, as beat does, need not import what they need.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# Of `relay.flow.maintenance.retention`: a scheduler that starts anew must not put it off.
EVERY: Final = timedelta(minutes=10)
