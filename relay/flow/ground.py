"""The ground: all that decides which posts a source's bookings should have, but the bookings and the time.

A ground has a fingerprint, and the source's row says by which ground its bookings are weighed (`relay.store.sources`).
So a change is followed once, whichever worker sees it first, and nothing that was weighed by an old list is forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import blake2b

from relay.booking import Policy
from relay.store import sources
from relay.store.sources import Held
from relay.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Ground:
    """What a source's bookings are weighed by. `fingerprint`: 32 hex digits, the same for what decides the same."""

    source: str
    policy: Policy
    engagement_index: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _fingerprint(self.policy, self.engagement_index))


def retired(source: str) -> Ground:
    """The ground of a source that has left, whether or not it still is in the configuration: no booking has a post."""
    return Ground(source, Policy(data_controller="", retired=True), engagement_index="")


def ground_in(tx: Transaction, ground: Ground, held: Held) -> Ground:
    """What bookings are weighed by in this transaction, which holds their source: `ground`, unless it is retired.

    Where the other bookings are weighed by something else they will all be weighed again.
    """
    weighs = retired(ground.source) if held.retired else ground
    if held.weighed_by not in (None, weighs.fingerprint):
        sources.weigh_again(tx, ground.source)
    return weighs


def _fingerprint(policy: Policy, engagement_index: str) -> str:
    units = policy.units
    said = (
        engagement_index,
        policy.data_controller,
        policy.retired,
        policy.local_identities.pattern if policy.local_identities is not None else None,
        sorted(policy.residents) if policy.residents is not None else None,
        sorted((name, u.active, u.data_controller) for name, u in units.items()) if units is not None else None,
    )
    return blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
