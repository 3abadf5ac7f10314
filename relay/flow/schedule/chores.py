"""How often schedulers hint at chores that have a turn of their own in the database.

Apart from the chores: whoever only hints, as beat does, is spared what they need.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# Of `relay.flow.maintenance.retention`: a scheduler that starts anew must not put it off.
EVERY: Final = timedelta(minutes=10)
