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

A pending post that the index refuses for its content is *parked*: it differs, and is not sent. An operator can
retry it, or *discard* it: it goes on saying what is wanted and what is known, and is out of the way until its
booking changes or its time passes.

A text rather than a flag and a date, because one comparison then says all: in Python, in SQL, and in the
partial index that the next call is read from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final, NamedTuple

__all__ = ["ABSENT", "PostKey", "Transaction"]  # docs/api.md

ABSENT: Final = ""
UNKNOWN: Final = "?"

DISCARDED: Final = "DISCARDED"  # the parked_code of a post that an operator has told to leave as it is
COLLISION: Final = "COLLISION"  # that of a post that the index cannot tell from another one

SERVICE_DOMAIN: Final = "riv:crm:scheduling"
CATEGORIZATION: Final = "NA"
CLINICAL_PROCESS_INTEREST_ID: Final = "NA"


class PostKey(NamedTuple):
    """What identifies a post in the index, less the three fields that are the same for every booking (R-10).

    All are the texts that go on the wire, in the one spelling that is always used (R-08).
    """

    resident_id: str
    care_unit: str  # logicalAddress
    booking_id: str  # businessObjectInstanceIdentifier
    source_system: str
    data_controller: str

    def index_text(self) -> str:
        """What the index tells posts apart by: the fields one after the other, in its order, without separators.

        Different keys can be one text: unit `…-1HZ` with booking `51042`, and unit `…-1HZ5` with booking `1042`.
        """
        return (
            f"{self.resident_id}{SERVICE_DOMAIN}{CATEGORIZATION}{self.care_unit}{self.booking_id}{self.source_system}"
            f"{self.data_controller}{CLINICAL_PROCESS_INTEREST_ID}"
        )

    def digest(self) -> int:
        """64 bits of the text, by which posts of one text are found; they are compared by the text itself."""
        told = blake2b(self.index_text().encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(told, signed=True)


def is_storable(text: str) -> bool:
    """Whether the index can store the text. It keeps characters of the Basic Multilingual Plane only, and loses the
    whole call that holds another one after it was answered OK. So a character is one UTF-16 unit, as it counts them."""
    return text.isascii() or max(text) <= "\uffff"


class Transaction(NamedTuple):
    """One engagementTransaction of a call: the state that a key shall have afterwards.

    `content` is the mostRecentContent to save, or ABSENT for a delete (R-06).
    """

    key: PostKey
    content: str


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post that a booking has or has had, and what is wanted of it."""

    lane_id: int
    key: PostKey
    wanted: str
    expires_at: datetime | None
    parked: bool
    is_shown: bool = True  # the index holds it, or may: it was sent


class WantedPost(NamedTuple):
    """The post a booking should have, until `expires_at` (aware UTC; None: until it is removed)."""

    key: PostKey
    content: str
    expires_at: datetime | None


class WantedChange(NamedTuple):
    """What shall be wanted of a post from now on; `since` is when that was registered (R-33)."""

    lane_id: int
    key: PostKey
    wanted: str
    since: datetime
    expires_at: datetime | None


def reconcile(
    stored: Iterable[StoredPost],
    wanted: WantedPost | None,
    lane_ids: Mapping[str, int],
    since: datetime,
    *,
    unpark: bool = True,
) -> list[WantedChange]:
    """What must change so that a booking has exactly the post it should have.

    Of all keys the booking ever had, the wanted one is wanted present and every other one absent: that is how a
    move, a new identity or another data controller becomes a delete and a create (R-10), and a source that goes to
    another index too. `lane_ids` are by source system. A parked post is changed too, also to what it was: a new
    change gives it a new chance; unless `unpark` is false, because nobody changed the booking.
    """
    changes = []
    found = False
    lane_id = lane_ids[wanted.key.source_system] if wanted is not None else None
    for post in stored:
        if wanted is not None and (post.key, post.lane_id) == (wanted.key, lane_id):
            found = True
            if (post.parked and unpark) or (post.wanted, post.expires_at) != (wanted.content, wanted.expires_at):
                changes.append(WantedChange(post.lane_id, post.key, wanted.content, since, wanted.expires_at))
        elif (post.parked and unpark) or post.wanted != ABSENT:
            changes.append(WantedChange(post.lane_id, post.key, ABSENT, since, None))
    if wanted is not None and lane_id is not None and not found:
        changes.append(WantedChange(lane_id, wanted.key, wanted.content, since, wanted.expires_at))
    return changes
