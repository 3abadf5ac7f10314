"""The sandbox's own words: a key, a transaction, a call that was read, a refusal, a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Outcome = Literal["accepted", "content", "failed"]
"""What an answer means for its sender: `content` is as if not sent (R-32), `failed` asks for a pause."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_BEYOND_THE_PLANE: Final = re.compile("[\U00010000-\U0010ffff]")


class Key(NamedTuple):
    """Everything that identifies a post in one index (R-10); the order is contract.KEY_FIELDS'."""

    registered_resident_identification: str
    service_domain: str
    categorization: str
    logical_address: str
    business_object_instance_identifier: str
    clinical_process_interest_id: str
    source_system: str
    data_controller: str

    def text(self, owner: str = "") -> str:
        """The fields one after the other, in the order in which the index digests them: what it knows a post by."""
        resident, domain, category, address, booking, process, system, controller = self
        return f"{resident}{domain}{category}{address}{booking}{system}{controller}{owner}{process}"


class Transaction(NamedTuple):
    """One engagementTransaction: a key to delete, or to save with its mostRecentContent."""

    key: Key
    delete: bool
    content: str | None
    extra: Mapping[str, str] = _NOTHING  # what must not be sent and was, by name

    @property
    def owner(self) -> str:
        """The owner that the sender names, which counts until the index writes its own."""
        return self.extra.get("owner", "")

    @property
    def storable(self) -> bool:
        """Whether the index's table can hold it: no character outside the Basic Multilingual Plane."""
        text = "".join(self.key)
        return text.isascii() or _BEYOND_THE_PLANE.search(text) is None


class Lane(NamedTuple):
    """What calls must not overlap within (R-31)."""

    source_system: str
    service_domain: str


class Refusal(NamedTuple):
    """Why a call was not taken. `code` is empty for the faults that have none.

    `value` is what was found at fault. Schema validators quote it, resident identities included, so the
    answer does too (a sender must not log it); it is kept apart so that nothing else here ever shows it.
    """

    code: str
    text: str
    rule: str = ""
    value: str | None = None
    faultcode: str = "Server"

    @property
    def faultstring(self) -> str:
        """The text as the sender gets it."""
        if not self.code:
            return self.text + (f" {self.value}" if self.value is not None else "")
        return f"{self.code}: {self.text}" + (f" (value '{self.value}')" if self.value is not None else "")

    @property
    def name(self) -> str:
        """What lists call it."""
        return self.code or "fault"


@dataclass(frozen=True, slots=True)
class Update:
    """An Update call as it was read: what could be read of it, and in `flaw` what broke the schema."""

    logical_address: str | None = None
    transactions: tuple[Transaction, ...] = ()
    flaw: Refusal | None = None
    forbidden: frozenset[str] = frozenset()
    encoding: str = "UTF-8"

    def lanes(self) -> set[Lane]:
        """The lanes that this call runs in: one, unless the sender mixes source systems."""
        return {Lane(*pair) for pair in {(t.key.source_system, t.key.service_domain) for t in self.transactions}}


@dataclass(frozen=True, slots=True)
class FindContent:
    """A FindContent call as it was read; criteria by the contract's element names."""

    logical_address: str | None = None
    criteria: dict[str, str] = field(default_factory=dict)
    flaw: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What shall go back over the wire, and how badly.

    `lost`: the connection closes without a byte. `wait`: seconds before the first byte. `cut_after`: the
    connection closes after so many bytes of the body. `drip`: seconds between the bytes of the body. `routed`: it has
    been at the platform's routing; `passed_on`: the index itself said it. `chunked`: without a length ahead.
    """

    status: int
    body: bytes
    answer: str
    outcome: Outcome
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    wait: float = 0.0
    cut_after: int | None = None
    drip: float = 0.0
    routed: bool = True
    passed_on: bool = True
    chunked: bool = False

    @property
    def whole(self) -> bool:
        """Whether the sender gets to read all of it."""
        return not self.lost and (self.cut_after is None or self.cut_after >= len(self.body))


def mask(resident: str) -> str:
    """A resident identity as pages and lists show it: the year of birth, no more."""
    return resident[:4] + "•" * len(resident[4:])
