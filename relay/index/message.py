"""The message of an Update call: posts in, the bytes of a SOAP 1.1 envelope out (R-01 to R-06, R-09, R-11).

Plain text building, because a call holds up to a thousand posts and a general serialiser takes some fifty
times longer. What it must equal is what zeep makes of the WSDL; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

from relay.post import (
    ABSENT,
    CATEGORIZATION,
    CLINICAL_PROCESS_INTEREST_ID,
    SERVICE_DOMAIN,
    Transaction,
)

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
REGISTRY: Final = "urn:riv:itintegration:registry:1"
UPDATE: Final = "urn:riv:itintegration:engagementindex:UpdateResponder:1"
ENGAGEMENT: Final = "urn:riv:itintegration:engagementindex:1"

# The default namespace is the one that nearly all elements are in: it makes the message a quarter smaller.
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<s:Envelope xmlns:s="{SOAP}"><s:Header><r:LogicalAddress xmlns:r="{REGISTRY}">%s</r:LogicalAddress>'
    f'</s:Header><s:Body><u:Update xmlns:u="{UPDATE}" xmlns="{ENGAGEMENT}">'
)
_TAIL: Final = "</u:Update></s:Body></s:Envelope>"
_CONSTANT: Final = f"<serviceDomain>{SERVICE_DOMAIN}</serviceDomain><categorization>{CATEGORIZATION}</categorization>"
_INTEREST: Final = f"<clinicalProcessInterestId>{CLINICAL_PROCESS_INTEREST_ID}</clinicalProcessInterestId>"

# XML could carry what lies beyond U+FFFF, but the index cannot store it, and loses the whole call after it said OK.
_UNSAYABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")
_CONTENT_LENGTH: Final = 14
_TO_ESCAPE: Final = re.compile("[&<>\r]")  # which next to no post has


class MessageError(ValueError):
    """Posts that cannot be put in a message. The text says which and why, and never quotes a value.

    `posts` are their 0-based numbers; none when the fault is not in a post.
    """

    def __init__(self, reason: str, posts: tuple[int, ...] = ()) -> None:
        super().__init__(reason)
        self.posts = posts


def encode(logical_address: str, transactions: Sequence[Transaction]) -> bytes:
    """The whole envelope for one call, in UTF-8 with an XML declaration.

    Raises MessageError for no posts, for two that are one to the index, for an empty field, for a mostRecentContent
    that is not fourteen digits and for a character that XML cannot carry or the index cannot store.
    """
    if not transactions:
        raise MessageError("A call must hold at least one post")
    if not logical_address or _UNSAYABLE.search(logical_address):
        raise MessageError(
            "The logical address of the index is empty, or holds a character that XML or the index cannot carry"
        )
    parts = [_HEAD % _escaped(logical_address)]
    # Looked for once in all keys: a thousand posts are one search instead of a thousand.
    said = "".join(chain.from_iterable(key for key, _ in transactions))
    if not (said.isascii() and said.isprintable()) and _UNSAYABLE.search(said):
        raise _fault(transactions)
    escapes = _TO_ESCAPE.search(said)
    for key, content in transactions:
        if not all(key) or (content != ABSENT and not _is_content(content)):
            raise _fault(transactions)
        resident, unit, booking, system, controller = map(_escaped, key) if escapes else key
        flag = "true" if content == ABSENT else "false"
        moment = "" if content == ABSENT else f"<mostRecentContent>{content}</mostRecentContent>"
        parts.append(
            f"<u:engagementTransaction><deleteFlag>{flag}</deleteFlag><engagement>"
            f"<registeredResidentIdentification>{resident}</registeredResidentIdentification>{_CONSTANT}"
            f"<logicalAddress>{unit}</logicalAddress>"
            f"<businessObjectInstanceIdentifier>{booking}</businessObjectInstanceIdentifier>{_INTEREST}"
            f"{moment}<sourceSystem>{system}</sourceSystem><dataController>{controller}</dataController>"
            "</engagement></u:engagementTransaction>"
        )
    parts.append(_TAIL)
    _refuse_equal_keys(transactions)
    return "".join(parts).encode("utf-8")


def _is_content(text: str) -> bool:
    """Whether it is fourteen digits."""
    return len(text) == _CONTENT_LENGTH and text.isascii() and text.isdigit()


def _escaped(value: str) -> str:
    """The value as element text. A carriage return must be named, or a parser reads it as a line feed."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _refuse_equal_keys(transactions: Sequence[Transaction]) -> None:
    """R-11. The index would refuse the whole call. It compares keys as texts; of two of one text the first may go."""
    texts = [transaction.key.index_text() for transaction in transactions]
    if len(set(texts)) == len(texts):
        return
    first: dict[str, int] = {}
    for number, text in enumerate(texts):
        earlier = first.setdefault(text, number)
        if earlier == number:
            continue
        if transactions[earlier].key == transactions[number].key:
            raise MessageError(f"Posts {earlier + 1} and {number + 1} have the same key", (earlier, number))
        raise MessageError(f"Posts {earlier + 1} and {number + 1} are one post to the index", (number,))


def _fault(transactions: Sequence[Transaction]) -> MessageError:
    """The first post that no message can hold, and why."""
    for number, (key, content) in enumerate(transactions):
        fields = {
            "registeredResidentIdentification": key.resident_id,
            "logicalAddress": key.care_unit,
            "businessObjectInstanceIdentifier": key.booking_id,
            "sourceSystem": key.source_system,
            "dataController": key.data_controller,
        }
        for name, value in fields.items():
            if not value:
                return MessageError(f"Post {number + 1}: {name} is empty", (number,))
            if found := _UNSAYABLE.search(value):
                why = "XML cannot carry" if found[0] <= "\uffff" else "the index cannot store"
                return MessageError(f"Post {number + 1}: {name} holds a character that {why}", (number,))
        if content != ABSENT and not _is_content(content):
            return MessageError(f"Post {number + 1}: mostRecentContent is not fourteen digits", (number,))
    raise AssertionError("no post is at fault")
