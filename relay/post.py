"""A post (engagemangspost): its key, what we want of it, and what the index is known to hold.

The whole machine turns on two texts a post carries, `wanted` and `known`. Each is one of

    ABSENT    no post with this key
    UNKNOWN   `known` only: a call went out and nobody can say whether it was applied
    content   fourteen digits, the post's mostRecentContent (R-05)

and the post is *pending* exactly when they differ:

                     booking changes, or its time passes
                    ┌────────────────────────────────────┐
                    ▼                                    │
      wanted ≠ known (pending) ──call accepted──▶ wanted = known (settled)
                    │  ▲
       outcome      │  │ still wanted ≠ UNKNOWN, so it is sent again
       in doubt     ▼  │
                 known = UNKNOWN

A text rather than a flag and a date, because one comparison then says all: in Python, in SQL, and in the
partial index that the next call is read from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

ABSENT: Final = ""
UNKNOWN: Final = "?"

SERVICE_DOMAIN: Final = "riv:crm:scheduling"
CATEGORIZATION: Final = "NA"
CLINICAL_PROCESS_INTEREST_ID: Final = "NA"


@dataclass(frozen=True, slots=True)
class PostKey:
    """What identifies a post in the index, less the three fields that are the same for every booking (R-10).

    All are the texts that go on the wire, in the one spelling that is always used (R-08).
    """

    resident_id: str
    care_unit: str  # logicalAddress
    booking_id: str  # businessObjectInstanceIdentifier
    source_system: str
    data_controller: str


class Transaction(NamedTuple):
    """One engagementTransaction of a call: the state that a key shall have afterwards.

    `content` is the mostRecentContent to save, or ABSENT for a delete (R-06).
    """

    key: PostKey
    content: str
