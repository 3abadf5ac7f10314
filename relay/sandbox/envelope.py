"""From the bytes of a call to its SOAP envelope: safely, and by the charset that the HTTP header says.

The index reads a body whose Content-Type names no charset as ISO-8859-1, whatever the XML declaration says.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from email.message import Message
from typing import Any, Final, Literal

from lxml import etree

from relay.sandbox.contract import REGISTRY, SOAP

SOAP_12: Final = "http://www.w3.org/2003/05/soap-envelope"
_LOGICAL_ADDRESS: Final = f"{{{REGISTRY}}}LogicalAddress"
_MUST_UNDERSTAND: Final = f"{{{SOAP}}}mustUnderstand"
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")

Trouble = Literal["packed", "xml", "soap", "version", "header"]


class UnreadableError(Exception):
    """The body is no SOAP 1.1 call.

    packed: compressed · xml: not well-formed, in another charset than it says, or with a document type · soap: XML
    of another kind · version: SOAP 1.2 · header: one that must be understood and is not
    """

    def __init__(self, trouble: Trouble, text: str) -> None:
        """`text`: what is wrong, in words."""
        super().__init__(text)
        self.trouble: Trouble = trouble


class Envelope:
    """A SOAP 1.1 envelope: the address it names, the element of its body if it has one, its declared encoding."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Parse without entities, network or document types: what comes in is not to be trusted.

        `headers` have their names in lower case. Raises UnreadableError.
        """
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnreadableError("packed", "the body is compressed")
        declared = _DECLARED.match(body.removeprefix(codecs.BOM_UTF8))
        self.encoding = declared[1].decode() if declared else "UTF-8"
        root = _parse(body, charset_of(headers))
        if root.tag == f"{{{SOAP_12}}}Envelope":
            raise UnreadableError("version", "a SOAP 1.2 message")
        if root.tag != f"{{{SOAP}}}Envelope":
            raise UnreadableError("soap", "not a SOAP 1.1 envelope")
        for header in root.iterfind(f"{{{SOAP}}}Header/*"):
            if header.tag != _LOGICAL_ADDRESS and header.get(_MUST_UNDERSTAND) in ("1", "true"):
                raise UnreadableError("header", str(header.tag))
        self.logical_address: str | None = root.findtext(f"{{{SOAP}}}Header/{_LOGICAL_ADDRESS}")
        self.payload: etree._Element | None = root.find(f"{{{SOAP}}}Body/*")


def charset_of(headers: Mapping[str, str]) -> str:
    """The charset that the index reads a body in."""
    said = Message()
    said["Content-Type"] = headers.get("content-type", "")
    return said.get_content_charset() or "iso-8859-1"


def _parse(body: bytes, charset: str) -> etree._Element:
    try:
        codec = codecs.lookup(charset).name
        if codec not in ("utf-8", "iso8859-1"):
            body = body.decode(codec).removeprefix("\ufeff").encode()
            codec = "utf-8"
    except (LookupError, UnicodeError):
        raise UnreadableError("xml", f"not in the charset {charset!r}") from None
    parser = etree.XMLParser(
        encoding="utf-8" if codec == "utf-8" else "iso-8859-1",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise UnreadableError("xml", f"not well-formed XML, at [row,col]:[{line},{column}]") from None
    document: Any = root.getroottree().docinfo  # its type stub knows less than it has
    if document.doctype:
        raise UnreadableError("xml", "a document type is not allowed")
    return root
