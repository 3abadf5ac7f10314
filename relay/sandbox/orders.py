"""Answers ordered ahead: make the sandbox misbehave as the real platform does on a bad day.

As JSON, and as keyword arguments alike:

    {"answer": "fault", "text": "VP009: ...", "applied": true, "times": 3}
    {"answer": "result", "code": "INFO", "comment": "..."}
    {"answer": "http", "status": 503, "headers": {"Retry-After": "7"}, "body": "..."}
    {"answer": "fault", "text": "VP009", "producer_status": 403}      a code alone: the fault in its real shape
    {"answer": "body", "body": "<html>"}          status 200 that is no SOAP
    {"answer": "cut"}                             applied, status 200, and only half of the answer's body
    {"answer": "twice"}                           delivered to the index twice, two seconds apart
    {"answer": "lost"}                            applied, then the connection closes without an answer
    {"answer": "unapplied-lost"}                  the same, but never applied
    {"answer": "normal", "delay": 3}              the index's own answer, late

Any of them may add `delay`, `late`, `cut_after` and `drip` (how it comes over the wire), `source_system` and
`booking_id` (which calls), `times`, `fraction` and `seed` (how many).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from relay.sandbox import answers
from relay.sandbox.model import Reply, Update
from relay.sandbox.platform import MEANINGS, detail_of

__all__ = ["Order"]  # docs/api.md

Kind = Literal["normal", "fault", "result", "http", "body", "lost", "unapplied-lost", "cut", "twice"]
REPEATED_AFTER: Final = 2.0
"""Seconds after which the platform repeats a call whose connection to the index broke."""
_OF_THE_PLATFORM: Final = re.compile(r"\s*VP[0-9]{3}|No response received|Channel closed", re.IGNORECASE)
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Order(BaseModel):
    """One order. The first that fits a call answers it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: Kind = "normal"
    text: str = "EI000: A technical error has occurred"  # fault
    faultcode: str = "Server"  # fault
    detail: str | None = None  # fault; the platform's may hold the address it could not reach
    producer_status: Annotated[int, Field(ge=100, le=599)] | None = None  # fault; what VP009 says the index answered
    code: Literal["OK", "INFO", "ERROR"] = "OK"  # result
    comment: str | None = None  # result
    status: Annotated[int, Field(ge=200, le=599)] = 503  # http
    headers: dict[str, str] = Field(default_factory=dict)  # http
    body: str = ""  # http, body

    applied: bool | None = None
    """Whether the index takes the call, whatever the answer says. None: as the answer suggests, which is yes
    for normal, OK, INFO and lost, no for the rest."""

    delay: _Seconds = 0.0
    """Seconds before the first byte of the answer."""
    late: bool = False
    """The index takes the call after the delay rather than before it, also when the sender has left."""
    cut_after: Annotated[int, Field(ge=0)] | None = None
    """Close the connection after so many bytes of the answer's body."""
    drip: _Seconds = 0.0
    """Seconds between the bytes of the answer's body; 1 is a byte a second."""

    source_system: str | None = None
    booking_id: str | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    """How many calls to answer so; None: until cancelled."""
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the calls that fit which are answered so, by a generator that `seed` starts."""
    seed: int = 0

    @property
    def takes(self) -> bool:
        """Whether the index is given the call at all."""
        if self.applied is not None:
            return self.applied
        return self.answer in ("normal", "lost", "cut", "twice") or (self.answer == "result" and self.code != "ERROR")

    def fits(self, update: Update) -> bool:
        """Whether this order is about such a call."""
        if self.source_system is None and self.booking_id is None:
            return True
        return any(
            self.source_system in (None, t.key.source_system)
            and self.booking_id in (None, t.key.business_object_instance_identifier)
            for t in update.transactions
        )

    def reply(self, normal: Reply) -> Reply:
        """The ordered answer, where the index itself would have said `normal`."""
        if self.answer == "fault":
            reply = self._fault()
        elif self.answer == "result":
            reply = answers.update_response(self.code, self.comment)
        elif self.answer == "http":
            reply = answers.bare(self.status, self.headers, self.body)
        elif self.answer == "body":
            reply = answers.nonsense(self.headers, self.body)
        elif self.answer == "cut":
            reply = replace(normal, body=normal.body[: len(normal.body) // 2], answer="cut", outcome="failed")
        elif self.answer in ("lost", "unapplied-lost"):
            reply = replace(normal, lost=True, answer=self.answer)
        else:
            reply = normal
        wait = max(self.delay, REPEATED_AFTER if self.answer == "twice" else 0.0)
        reply = replace(reply, wait=0.0 if self.late else wait, cut_after=self.cut_after, drip=self.drip)
        return reply if reply.whole else replace(reply, outcome="failed")

    def _fault(self) -> Reply:
        code = self.text.strip().upper()
        if code in MEANINGS:
            return answers.platform_fault(code, self.detail or detail_of(code, status=self.producer_status))
        reply = answers.fault(self.text, self.faultcode, self.detail)
        return replace(reply, passed_on=_OF_THE_PLATFORM.match(self.text) is None)


NO_ORDER: Final = Order()


@dataclass(slots=True)
class _Standing:
    """An order and what is left of it."""

    order: Order
    left: int | None
    draw: random.Random = field(repr=False)


class OrderBook:
    """The orders that stand, oldest first. Whoever uses it from several threads holds a lock around it."""

    def __init__(self) -> None:
        """No orders."""
        self._active: list[_Standing] = []

    def add(self, order: Order) -> None:
        """Let an order stand, after those that already do."""
        draw = random.Random(order.seed)  # noqa: S311 (repeatable is the point)
        self._active.append(_Standing(order, order.times, draw))

    def take(self, update: Update) -> Order:
        """The order that answers this call, used up by one; NO_ORDER if none does."""
        for active in self._active:
            if not active.order.fits(update) or active.draw.random() >= active.order.fraction:
                continue
            if active.left is not None:
                active.left -= 1
                if not active.left:
                    self._active.remove(active)
            return active.order
        return NO_ORDER

    def cancel(self) -> None:
        """Let no order stand."""
        self._active.clear()

    def active(self) -> list[dict[str, object]]:
        """The orders that stand, with the calls left to answer (None: until cancelled)."""
        return [
            s.order.model_dump(exclude_defaults=True) | {"answer": s.order.answer, "left": s.left} for s in self._active
        ]
