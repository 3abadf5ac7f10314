"""What stands before the index looks at a call: the platform in front of it, and the reading of the message.

Strict and as measured share it. Strict adds the schema's judgement, and lets the index's own come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from relay.sandbox import lenient
from relay.sandbox.contract import CORRELATION_ID
from relay.sandbox.envelope import Envelope, Trouble, UnreadableError
from relay.sandbox.model import Refusal, Update
from relay.sandbox.soap import read_update

# The index's own words for what it cannot read: faultcode and text, none with a code of its own.
_OWN: Final[dict[Trouble, tuple[str, str]]] = {
    "packed": ("Server", "Couldn't parse stream. ({})"),
    "xml": ("Client", "Error reading XMLStreamReader: {}"),
    "soap": ("Client", "Error reading XMLStreamReader: {}"),
    "version": ("VersionMismatch", "{} is not valid when sent to a SOAP 1.1 only endpoint."),
    "header": ("MustUnderstand", "MustUnderstand headers: [{}] are not understood."),
}
_OF_THE_PLATFORM: Final[dict[Trouble, str]] = {"packed": "VP015", "xml": "VP015", "soap": "VP003"}


def read_call(
    body: bytes, headers: Mapping[str, str], *, owner: str, direct: bool, strict: bool
) -> tuple[Update, Refusal | None]:
    """The call, and why it does not come as far as the index's checks. `headers` in lower case.

    `direct`: no platform stands in front, which would else set the correlation id.
    """
    try:
        envelope = Envelope(body, headers)
    except UnreadableError as trouble:
        return Update(), unreadable(trouble, direct=direct)
    update, problem = _read(envelope, strict=strict)
    if direct and problem is None and CORRELATION_ID not in headers:
        problem = Refusal("", f"The header {CORRELATION_ID} is missing")
    elif not direct:
        problem = _route(envelope.logical_address, owner) or problem
    return update, problem


def unreadable(problem: UnreadableError, *, direct: bool) -> Refusal:
    """What is answered to a body that is no SOAP call."""
    code = None if direct else _OF_THE_PLATFORM.get(problem.trouble)
    if code:
        return Refusal(code, str(problem), "R-01")
    faultcode, text = _OWN[problem.trouble]
    return Refusal("", text.format(problem), "R-01", faultcode=faultcode)


def _read(envelope: Envelope, *, strict: bool) -> tuple[Update, Refusal | None]:
    flaw = None
    if strict and envelope.payload is not None:
        update = read_update(envelope)
        if update.flaw is None:
            return update, None
        flaw = update.flaw
    update, problem = lenient.read(envelope)
    return replace(update, flaw=flaw), problem


def _route(address: str | None, owner: str) -> Refusal | None:
    """The platform's look at the address. It routes every address to this index but one with blanks around it."""
    if not (address or "").strip():
        return Refusal("VP003", "No receiverId in the message's header", "R-02")
    assert address is not None
    if address != address.strip() and address.strip().upper() == owner.upper():
        return Refusal("VP004", f"No receiver for '{address}'. Whitespace detected around the receiverId", "R-02")
    return None
