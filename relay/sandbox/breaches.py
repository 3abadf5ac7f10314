"""Breaches of the contract that one call shows by itself: how it came over the wire, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import Message

from relay.sandbox.contract import UPDATE_ACTION
from relay.sandbox.model import Key, Refusal, Update

Finding = tuple[str, str]
"""The rule that was broken, and how; never a resident identity."""


def in_headers(headers: Mapping[str, str]) -> Iterator[Finding]:
    """R-01 and R-09 in the HTTP headers (names in lower case)."""
    action = headers.get("soapaction", "").strip().strip('"')
    if action != UPDATE_ACTION:
        yield "R-01", f"SOAPAction is {action!r}" if action else "SOAPAction is missing"
    parsed = Message()
    parsed["Content-Type"] = headers.get("content-type", "")
    if parsed.get_content_type() != "text/xml" or "content-type" not in headers:
        yield "R-01", "Content-Type is not text/xml"
    charset = parsed.get_content_charset()
    if charset != "utf-8":
        yield (
            "R-09",
            f"the HTTP header says charset {charset!r}" if charset else "the HTTP header says no charset",
        )


def in_message(update: Update) -> Iterator[Finding]:
    """R-03, R-04, R-06 and R-09 in a message that the schema may well let pass."""
    if update.forbidden:
        yield "R-03", f"{', '.join(sorted(update.forbidden))} must not be sent"
    for domain, category, process in {
        (t.key.service_domain, t.key.categorization, t.key.clinical_process_interest_id) for t in update.transactions
    }:
        if domain == "riv:crm:scheduling" and (category, process) != ("NA", "NA"):
            yield (
                "R-04",
                f"a booking has categorization {category!r} and clinicalProcessInterestId {process!r}",
            )
    dated = [number for number, t in enumerate(update.transactions, 1) if t.delete and t.content is not None]
    if dated:
        yield "R-06", f"a delete carries mostRecentContent, {which(dated)}"
    if lost := [number for number, t in enumerate(update.transactions, 1) if not t.storable]:
        yield "R-09", f"a character that the index cannot store, and with it the whole call, {which(lost)}"
    texts: dict[str, Key] = {}
    if len({t.key.text() for t in update.transactions}) < len({t.key for t in update.transactions}):
        same = [n for n, t in enumerate(update.transactions, 1) if texts.setdefault(t.key.text(), t.key) != t.key]
        yield "R-10", f"a key that is the same text as another one in the call, {which(same)}"
    if update.encoding.upper() != "UTF-8":
        yield "R-09", f"the message is encoded in {update.encoding}"


def in_refusal(refusal: Refusal) -> Iterator[Finding]:
    """The rule behind a refusal, if it is one of the contract's. The value at fault is left out."""
    if refusal.rule:
        yield refusal.rule, f"{refusal.code or 'a fault without a code'}: {refusal.text}"


def which(numbers: list[int]) -> str:
    """Posts by their place in the call, counted from 1, the first few named."""
    named = ", ".join(f"#{number}" for number in numbers[:5])
    return f"in {named}" + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")
