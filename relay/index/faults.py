"""A SOAP fault's name: its code, wherever that stands, or what its words say where it has none.

The index writes `EI004: …`; the platform `VP007 [its instance's name] …`, with the reason in the detail. Some faults of
both have no code at all. Pure.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

# What faults without a code are called here; none is longer than a code of a table of metrics may be.
NO_ANSWER: Final = "NOANSWER"  # the platform got no whole answer from the index
BROKER: Final = "BROKER"  # the index's own message queue is away
HEADER: Final = "HEADER"  # the index misses a header that the platform sets
DATE: Final = "DATE"  # the index cannot read a mostRecentContent
UNREADABLE: Final = "XML"  # the index cannot read the message
FAULT: Final = "FAULT"  # any other

# A code stands alone: `vp001` in the name of a host is none.
_CODE: Final = re.compile(r"(?<![\w./@-])(?:EI|VP)[0-9]{3}(?![\w@-]|\.\w)", re.IGNORECASE | re.ASCII)
_CODE_IN_NAME: Final = re.compile(r"\b(?:EI|VP)[0-9]{3}\b", re.IGNORECASE | re.ASCII)  # soap:Server.VP007

_WORDS: Final = tuple(
    (name, re.compile(words, re.IGNORECASE | re.ASCII))
    for name, words in (
        (
            NO_ANSWER,
            r"no response (?:was )?received from remote server|channel closed while (?:still )?aggregating"
            r"|response (?:entity |body )?(?:is )?too large",
        ),
        (BROKER, r"uncategorized exception[^\n]{0,200}\bjms\b"),
        (HEADER, r"x-skltp-correlation-id"),
        (UNREADABLE, r"unmarshalling error|error reading xmlstreamreader|couldn.t parse stream"),
        (DATE, r"unparse?able date|\bparseexception\b|\bdatetimeparse|\bdate\b[^\n]{0,80}\bpars|could not be parsed"),
    )
)
_UNREADABLE_CODES: Final = frozenset({"versionmismatch", "mustunderstand"})

_STATUS: Final = re.compile(r"VP_PRODUCER_EXCEPTION_HTTP_STATUS\s{0,3}[=:]\s{0,3}([0-9]{3})(?![0-9])", re.ASCII)
_EXCEPTION: Final = re.compile(r"(?<![\w.$])[\w.$]{0,120}(?:Exception|Error)\b[^\n]{0,300}", re.ASCII)


def code_of(fault_code: str, fault_string: str, detail: str) -> str | None:
    """The fault's code in upper case: the text's, else the faultcode's, else the detail's; None where it has none."""
    found = _CODE.search(fault_string) or _CODE_IN_NAME.search(fault_code) or _CODE.search(detail)
    return found.group().upper() if found else None


def name_of(fault_code: str, fault_string: str, detail: str) -> str:
    """What a fault without a code is called."""
    if fault_code.rpartition(":")[2].strip().lower() in _UNREADABLE_CODES:
        return UNREADABLE
    return next((name for name, words in _WORDS if words.search(fault_string) or words.search(detail)), FAULT)


def likeness(name: str, text: str) -> str:
    """The same for faults that say the same, whatever numbers they hold; nothing of the text is left in it."""
    alike = re.sub(r"\w*\d\w*", "#", " ".join(text.split()))
    return f"{name} {blake2b(alike.encode(errors='replace'), digest_size=8).hexdigest()}"


def arranged(detail: str) -> str:
    """A detail with what explains most in front, since texts are cut: the producer's status and the exception."""
    status, exception = _STATUS.search(detail), _EXCEPTION.search(detail)
    parts = [f"producer status {status[1]}"] if status else []
    rest = _STATUS.sub(" ", detail)
    if exception:
        parts.append(exception.group().strip())
        rest = rest.replace(exception.group(), " ", 1)
    rest = " ".join(rest.split())
    return "; ".join([*parts, rest] if rest else parts)
