"""What an answer means for the posts of the call. Pure; the whole of it is the one table below.

An answer is an UpdateResponse, a SOAP fault from the index (EI…) or from the platform (VP…), a bare HTTP
status, or a failure to get any of these. Each is named by a short code, and the table says of each code what
to do (`Kind`) and whether the index may have applied the call all the same (`in_doubt`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from relay.identity import mask
from relay.index import faults

__all__ = ["Answer", "Failure", "Kind", "Verdict", "classify"]  # docs/api.md

LONGEST_TEXT: Final = 500
LONGEST_DETAIL: Final = 1000
LONGEST_PAUSE: Final = timedelta(hours=1)  # no Retry-After may hold posts past the hour they are due in


class Kind(StrEnum):
    """What a sender does about an answer."""

    ACCEPTED = "accepted"  # done
    CONTENT = "content"  # these posts never pass as they are; the others of the call may
    CONFIGURATION = "configuration"  # nothing passes until somebody acts; the posts are well
    TEMPORARY = "temporary"  # try again later
    UNKNOWN = "unknown"  # applied or not, nobody can say; then as temporary


class Failure(StrEnum):
    """Why there is no answer. The values are the codes of the table."""

    DNS = "DNS"  # the host's name has no address, or none in time
    CONNECT = "CONNECT"  # refused, unreachable, no connection in time
    PROXY = "PROXY"  # the outbound proxy would not connect us
    HANDSHAKE = "HANDSHAKE"  # the network broke the TLS handshake
    TLS = "TLS"  # a certificate or key, ours or theirs, is wrong; or one side speaks TLS and the other does not
    TIMEOUT = "TIMEOUT"  # sent, no answer in time
    LOST = "LOST"  # sent, then the connection broke
    NONSENSE = "NONSENSE"  # sent, and what came is not HTTP
    OTHER = "OTHER"  # an error nobody thought of


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a call, as read off the wire; nothing in it is judged yet."""

    status: int | None = None  # HTTP; None: no answer, see failure
    fault_code: str = ""
    fault_string: str = ""
    result_code: str = ""
    comment: str = ""
    retry_after: timedelta | None = None
    failure: Failure | None = None
    detail: str = ""  # in our own words: why it failed, or what came instead
    sent: bool = True  # False: surely no byte of the request left
    fault_detail: str = ""
    routed: bool | None = None  # whether the answer bears the mark of the platform's routing; None: there is no answer
    producer_ms: int | None = None  # how long the platform waited for the index, as it says


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    `code` is one of a bounded set and fit to be a metric's label. `text` is one masked line for
    administrators (R-38). `named` are 0-based numbers of posts that the answer names: as the peer gave them,
    so perhaps beyond the call's last. `sent` is False only when surely no byte of the request left.
    `in_doubt`: the posts' state in the index is not known afterwards. `retry_after` is what the peer asked
    for, at most LONGEST_PAUSE, and only with TEMPORARY. `detail` is one more masked line: the producer's status and
    the exception first. `likeness` is the same for answers that may turn out to mean more when they come again and
    again for the same posts (`relay.flow.delivery.repeats`), and "" for all others. `narrowed`: a CONTENT that was
    found in that way, so that its posts count as sent and its lane rests.
    """

    kind: Kind
    code: str
    text: str
    named: tuple[int, ...] = ()
    sent: bool = True
    in_doubt: bool = False
    retry_after: timedelta | None = None
    detail: str = ""
    routed: bool | None = field(default=None, compare=False)
    producer_ms: int | None = field(default=None, compare=False)
    likeness: str = field(default="", compare=False)
    narrowed: bool = False

    @property
    def told(self) -> str:
        """Text and detail in one line, for whoever must act."""
        return f"{self.text} ({self.detail})"[:LONGEST_TEXT] if self.detail else self.text


class Meaning(NamedTuple):
    kind: Kind
    in_doubt: bool  # provided that the request was sent


_ACCEPTED: Final = Meaning(Kind.ACCEPTED, in_doubt=False)
_CONTENT: Final = Meaning(Kind.CONTENT, in_doubt=False)
_CONFIGURATION: Final = Meaning(Kind.CONFIGURATION, in_doubt=False)
_NOT_DONE: Final = Meaning(Kind.TEMPORARY, in_doubt=False)  # refused before the index saw it
_TEMPORARY: Final = Meaning(Kind.TEMPORARY, in_doubt=True)  # perhaps after the index applied it
_UNKNOWN: Final = Meaning(Kind.UNKNOWN, in_doubt=True)

_EI000_SIZE: Final = "EI000 size"

TABLE: Final[Mapping[str, Meaning]] = {
    # UpdateResponse with HTTP 200
    "OK": _ACCEPTED,
    "INFO": _ACCEPTED,
    "ERROR": _CONTENT,
    # Faults of the index
    "EI000": _TEMPORARY,  # technical error
    _EI000_SIZE: _CONFIGURATION,  # more posts than it takes, or none
    "EI001": _CONTENT,  # breaks the schema
    "EI002": _CONTENT,  # two posts with one key
    "EI003": _CONFIGURATION,  # another index than the one addressed
    "EI004": _CONTENT,  # a field missing, too long, badly formed
    "EI005": _CONTENT,  # logicalAddress is one of the platform's own
    "EI006": _CONTENT,  # sourceSystem is one of the platform's own
    # Faults of the platform
    "VP001": _CONFIGURATION,  # RIV-TA version
    "VP002": _CONFIGURATION,  # client certificate
    "VP003": _CONFIGURATION,  # no LogicalAddress
    "VP004": _CONFIGURATION,  # no route to the address with this contract
    "VP005": _CONFIGURATION,  # RIV-TA version not supported by the producer
    "VP006": _CONFIGURATION,  # several producers
    "VP007": _CONFIGURATION,  # not authorised
    "VP008": _NOT_DONE,  # no contact with the address catalogue
    "VP009": _TEMPORARY,  # error in contact with the producer
    "VP010": _CONFIGURATION,  # the producer has no address
    "VP011": _CONFIGURATION,  # not over TLS or not from an allowed address
    "VP012": _CONFIGURATION,  # the platform could not rewrite the call: its XML is broken
    "VP013": _CONFIGURATION,  # may not name an original consumer
    "VP014": _CONFIGURATION,  # routing loop
    "VP015": _CONFIGURATION,  # malformed call
    "VP016": _CONFIGURATION,  # the producer answered 403
    # Faults without a code; those that come again and again for the same posts are narrowed
    # (`relay.flow.delivery.repeats`)
    faults.NO_ANSWER: _TEMPORARY,
    faults.BROKER: _TEMPORARY,
    faults.HEADER: _CONFIGURATION,
    faults.DATE: _NOT_DONE,
    faults.UNREADABLE: _NOT_DONE,
    faults.FAULT: _TEMPORARY,
    # Bare HTTP statuses; one that is not here is _TEMPORARY
    **{f"HTTP{status}": _CONFIGURATION for status in range(300, 400)},  # a redirect is never followed
    "HTTP400": _CONFIGURATION,
    "HTTP401": _CONFIGURATION,
    "HTTP403": _CONFIGURATION,
    "HTTP404": _CONFIGURATION,
    "HTTP405": _CONFIGURATION,
    "HTTP413": _CONTENT,  # too large; halves may pass
    "HTTP429": _NOT_DONE,
    "HTTP502": _TEMPORARY,
    "HTTP503": _TEMPORARY,
    "HTTP504": _TEMPORARY,
    # No answer, or none that can be read
    Failure.DNS: _TEMPORARY,
    Failure.CONNECT: _TEMPORARY,
    Failure.PROXY: _TEMPORARY,
    Failure.HANDSHAKE: _TEMPORARY,
    Failure.TLS: _CONFIGURATION,
    Failure.TIMEOUT: _UNKNOWN,
    Failure.LOST: _UNKNOWN,
    Failure.NONSENSE: _UNKNOWN,
    Failure.OTHER: _TEMPORARY,
}

_URL_LAYERS: Final = 3  # an address quoted in an address quoted in an address
_LONGEST_SPELLING: Final = 20  # more characters than any visible spelling of an identity

_LIKENESS_OF_CODE: Final = frozenset({"VP009", "HTTP404"})
_LIKENESS_OF_TEXT: Final = frozenset({faults.DATE, faults.UNREADABLE, faults.FAULT})
_PAUSES: Final = frozenset({429, 502, 503, 504})  # bare statuses whose Retry-After is the peer's own and no echo

_RESULT_CODES: Final = frozenset({"OK", "INFO", "ERROR"})
_SIZE: Final = re.compile(r"\bcontains more than \d|\bless than 1\b", re.IGNORECASE)
# "EngagementTransaction #3 and #7", with or without the signs: posts counted from one
_NAMED: Final = re.compile(
    r"EngagementTransaction\s+#?(\d{1,6})(?:\s+and\s+(?:EngagementTransaction\s+)?#?(\d{1,6}))?",
    re.IGNORECASE | re.ASCII,
)
_HINTS: Final = {
    400: "the address, or a client certificate that is missing or not accepted",
    401: "access denied",
    403: "access denied",
    404: "wrong address",
    405: "wrong address",
    413: "the call is too large",
}


def classify(answer: Answer) -> Verdict:
    """The verdict on an answer; never raises."""
    row = _row(answer)
    kind, in_doubt = TABLE.get(row, _TEMPORARY)
    named = _named(f"{answer.fault_string} {answer.comment}") if kind is Kind.CONTENT else ()
    return Verdict(
        kind=kind,
        code=row.split()[0],
        text=_line(_words(answer)),
        named=named,
        sent=answer.sent,
        in_doubt=in_doubt and answer.sent,
        retry_after=answer.retry_after if kind is Kind.TEMPORARY and _is_pause(answer) else None,
        detail=_line(_detail(answer), LONGEST_DETAIL) if kind is not Kind.ACCEPTED else "",
        routed=answer.routed,
        producer_ms=answer.producer_ms,
        likeness=_likeness(row, answer),
    )


def _is_pause(answer: Answer) -> bool:
    """Whether a Retry-After is the peer's own: the index sends request headers back in whatever it answers."""
    return answer.status in _PAUSES and not (answer.fault_code or answer.fault_string)


def _likeness(row: str, answer: Answer) -> str:
    if row in _LIKENESS_OF_CODE:
        return row
    text = f"{answer.fault_code} {answer.fault_string or answer.fault_detail}"
    return faults.likeness(row, mask(text)) if row in _LIKENESS_OF_TEXT else ""


def _detail(answer: Answer) -> str:
    parts = [faults.arranged(answer.fault_detail)] if answer.fault_detail else []
    if answer.routed is False:
        parts.append("it never came to the platform's routing: no x-skltp-correlation-id in the answer")
    return "; ".join(parts)


def _row(answer: Answer) -> str:
    """The answer's name in the table. A fault with a known code beats the HTTP status it came with."""
    if answer.failure is not None:
        return answer.failure
    status = f"HTTP{answer.status}"
    said = answer.fault_code, answer.fault_string, answer.fault_detail
    if any(said):
        code = faults.code_of(*said)
        if code is None:
            return status if status in TABLE else faults.name_of(*said)
        return _EI000_SIZE if code == "EI000" and _SIZE.search(answer.fault_string) else code
    if answer.status == 200:
        return answer.result_code if answer.result_code in _RESULT_CODES else Failure.NONSENSE
    return status


def _named(text: str) -> tuple[int, ...]:
    numbers = {int(number) for match in _NAMED.findall(text) for number in match if number}
    return tuple(sorted(number - 1 for number in numbers if number > 0))


def _words(answer: Answer) -> str:
    """The answer for a human being. A body is never quoted: it may hold posts (R-38)."""
    if answer.failure is not None:
        return answer.detail or answer.failure
    if answer.fault_code or answer.fault_string or answer.fault_detail:
        return answer.fault_string or f"Fault {answer.fault_code} without a text"
    if answer.result_code in _RESULT_CODES and answer.status == 200:
        return f"{answer.result_code}: {answer.comment}" if answer.comment else answer.result_code
    words = [f"HTTP {answer.status}"]
    if answer.status in _HINTS:
        words.append(f"({_HINTS[answer.status]})")
    if answer.detail:
        words.append(answer.detail)
    return " ".join(words)


def _line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Masked, one line, cut: roughly before masking, for speed; exactly after, lest an identity is halved."""
    rough = text[: 10 * LONGEST_TEXT]
    plain = rough
    for _ in range(_URL_LAYERS):
        plain = unquote(plain, errors="ignore")
    # White space becomes a space; what shows nothing goes, lest it stands unseen in the middle of an identity;
    # digits of other scripts' width become digits.
    visible = "".join(
        " " if sign.isspace() else sign for sign in normalize("NFKC", plain) if sign.isspace() or sign.isprintable()
    )
    line = " ".join(visible.split())
    if len(text) > len(rough):
        line = line[:-_LONGEST_SPELLING]  # the rough cut may have gone through an identity
    return mask(line)[:longest]


def parse_retry_after(value: str, now: datetime) -> timedelta | None:
    """A Retry-After header, seconds or an HTTP date, as a pause from `now` (aware); else None."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(timedelta(seconds=int(value[:9])), LONGEST_PAUSE)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    pause = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(pause, LONGEST_PAUSE) if pause > timedelta(0) else None
