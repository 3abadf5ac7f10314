"""Answers of the index and of the platform in the shapes that were measured, with values of our own."""

from __future__ import annotations

from typing import Final, NamedTuple

from relay.index.verdict import Kind
from tests.index.servers import http, update_response

_HTML: Final = b"<html><body>Sorry</body></html>"
ROUTED: Final = "x-skltp-correlation-id: c-1\r\nx-skltp-prt: 217\r\n"


class Measured(NamedTuple):
    """An answer as it comes over the wire, and what it means."""

    answer: bytes
    kind: Kind
    code: str
    in_doubt: bool
    says: str = ""  # what text and detail hold


def index_fault(text: str, code: str = "soap:Server") -> bytes:
    """A fault as the index writes it."""
    body = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>{text}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    )
    return http(body.encode(), "500 Internal Server Error", ROUTED, "text/xml;charset=utf-8")


def platform_fault(text: str, detail: str = "", side: str = "Server", prefix: str = "SOAP-ENV") -> bytes:
    """A fault as the platform writes it."""
    more = f"<detail><detailString>{detail}</detailString></detail>" if detail else ""
    body = (
        f'<{prefix}:Envelope xmlns:{prefix}="http://schemas.xmlsoap.org/soap/envelope/"><{prefix}:Body>'
        f"<{prefix}:Fault><faultcode>{prefix}:{side}</faultcode><faultstring>{text}</faultstring>{more}"
        f"</{prefix}:Fault></{prefix}:Body></{prefix}:Envelope>"
    )
    return http(body.encode(), "500 Internal Server Error", "x-skltp-correlation-id: c-1\r\n")


def _refused_by_platform(code: str, text: str, detail: str, side: str = "Client") -> Measured:
    return Measured(
        platform_fault(f"{code} [platform-qa-2] {text}", detail, side), Kind.CONFIGURATION, code, False, detail
    )


_REACHED: Final = "https://index.example:8443/update"
_DATE: Final = 'Unparseable date: "20261301093000"'

MEASURED: Final = {
    # The index
    "accepted": Measured(http(update_response("OK"), headers=ROUTED), Kind.ACCEPTED, "OK", False),
    "remark": Measured(http(update_response("INFO", "noted"), headers=ROUTED), Kind.ACCEPTED, "INFO", False, "noted"),
    "logical error": Measured(
        http(update_response("ERROR", "EngagementTransaction 1 and 2 have the same unique key"), headers=ROUTED),
        Kind.CONTENT, "ERROR", False, "unique key",
    ),
    "too many": Measured(
        index_fault("EI000: The request contains more than 1000 engagements"), Kind.CONFIGURATION, "EI000", False
    ),
    "none": Measured(
        index_fault("EI000: The request contains less than 1 engagement"), Kind.CONFIGURATION, "EI000", False
    ),
    "technical": Measured(index_fault("EI000: Technical error"), Kind.TEMPORARY, "EI000", True),
    "one key twice": Measured(
        index_fault("EI002: EngagementTransaction #1 and #2 have the same key"), Kind.CONTENT, "EI002", False
    ),
    "another owner": Measured(
        index_fault("EI003: Logical address is 5565594230 but the owner is SE2321000016-REGI"),
        Kind.CONFIGURATION, "EI003", False,
    ),
    "field": Measured(
        index_fault('EI004: mandatory field "sourceSystem" is missing'), Kind.CONTENT, "EI004", False
    ),
    "own address": Measured(
        index_fault("EI005: logicalAddress in EngagementTransaction #1 is reserved"), Kind.CONTENT, "EI005", False
    ),
    "own system": Measured(
        index_fault("ei006: sourceSystem in EngagementTransaction #1 is reserved"), Kind.CONTENT, "EI006", False
    ),
    "date": Measured(index_fault(_DATE), Kind.TEMPORARY, "DATE", False, "20261301093000"),
    "unmarshalling": Measured(
        index_fault("Unmarshalling Error: unexpected element engagements", "soap:Client"), Kind.TEMPORARY, "XML", False
    ),
    "stream": Measured(index_fault("Error reading XMLStreamReader.", "soap:Client"), Kind.TEMPORARY, "XML", False),
    "version": Measured(
        index_fault("A SOAP 1.2 message is not valid here", "soap:VersionMismatch"), Kind.TEMPORARY, "XML", False
    ),
    "must understand": Measured(
        index_fault("MustUnderstand headers: [{urn:x}y] are not understood.", "soap:MustUnderstand"),
        Kind.TEMPORARY, "XML", False,
    ),
    "packed": Measured(index_fault("Couldn't parse stream."), Kind.TEMPORARY, "XML", False),
    "null": Measured(
        index_fault('Cannot invoke "Engagement.getOwner()" because "e" is null'), Kind.TEMPORARY, "FAULT", True
    ),
    "header": Measured(
        index_fault("Header x-skltp-correlation-id is missing"), Kind.CONFIGURATION, "HEADER", False
    ),
    "broker away": Measured(
        index_fault("Uncategorized exception occurred during JMS processing"), Kind.TEMPORARY, "BROKER", True
    ),
    # The platform
    "certificate": _refused_by_platform("VP002", "Fel i klientcertifikat", "Certificate subject CN=relay.example"),
    "no address": _refused_by_platform("VP003", "Ingen logisk adressat", "No receiverId in the call"),
    "no route": _refused_by_platform("VP004", "Ingen tjänst finns", "receiverId 5565594239, Whitespace detected"),
    "profile": _refused_by_platform("VP005", "Fel profil", "profile rivtabp20"),
    "several": _refused_by_platform("VP006", "Flera producenter", "receiverId 5565594230", "Server"),
    "not authorised": _refused_by_platform("VP007", "Ej behörig", "senderId SE2321000016-RLY1, 192.0.2.7", "Server"),
    "small letters": Measured(platform_fault("vp007 [q] Ej behörig"), Kind.CONFIGURATION, "VP007", False),
    "another prefix": Measured(platform_fault("VP007 [q] x", prefix="s"), Kind.CONFIGURATION, "VP007", False),
    "starting": Measured(
        platform_fault("VP008 [platform-qa-2] Kontakt saknas", "is starting"),
        Kind.TEMPORARY, "VP008", False, "starting",
    ),
    "producer away": Measured(
        platform_fault(
            "VP009 [platform-qa-2] Fel vid kontakt",
            f"{_REACHED}\njava.net.ConnectException: Cannot connect to index.example:8443",
        ),
        Kind.TEMPORARY, "VP009", True, "ConnectException: Cannot connect",
    ),
    "producer denies": Measured(
        platform_fault(
            "VP009 [platform-qa-2] Fel vid kontakt",
            f"{_REACHED}\norg.example.HttpOperationFailedException: refused\nVP_PRODUCER_EXCEPTION_HTTP_STATUS=403",
        ),
        Kind.TEMPORARY, "VP009", True, "(producer status 403; org.example.HttpOperationFailedException: refused; ",
    ),
    "no producer address": _refused_by_platform("VP010", "Adress saknas", "no address for the route", "Server"),
    "address": _refused_by_platform("VP011", "Ej tillåten adress", "caller 192.0.2.7 is not allowed"),
    "rewriting": _refused_by_platform("VP012", "Fel vid omskrivning", "the XML is broken", "Server"),
    "consumer header": _refused_by_platform("VP013", "Ej tillåtet", "SE2321000016-RLY1 may not set the header"),
    "loop": _refused_by_platform("VP014", "Slinga", "the call came here before", "Server"),
    "malformed": _refused_by_platform("VP015", "Felaktigt anrop", "ParseError at [row,col]:[1,5]"),
    "no response": Measured(
        platform_fault("No response received from remote server: index.example:8443"),
        Kind.TEMPORARY, "NOANSWER", True,
    ),
    "closed": Measured(
        platform_fault("Channel closed while still aggregating message"), Kind.TEMPORARY, "NOANSWER", True
    ),
    "too large an answer": Measured(
        platform_fault("Response entity too large: 1000001"), Kind.TEMPORARY, "NOANSWER", True
    ),
    "code in the detail": Measured(
        platform_fault("Ett fel", "VP007: senderId SE2321000016-RLY1"), Kind.CONFIGURATION, "VP007", False
    ),
    "a host is no code": Measured(
        platform_fault("Ett fel", "https://vp007.platform.example/vp002"), Kind.TEMPORARY, "FAULT", True
    ),
    # Without the platform's routing
    "stops": Measured(http(b"", "503 Service Unavailable"), Kind.TEMPORARY, "HTTP503", True, "never came to"),
    "stops, a moment later": Measured(http(b"", "404 Not Found"), Kind.CONFIGURATION, "HTTP404", False),
    "headers too large": Measured(http(b"", "400 Bad Request"), Kind.CONFIGURATION, "HTTP400", False),
    "body too large": Measured(http(b"", "413 Content Too Large"), Kind.CONTENT, "HTTP413", False),
    "allow-list": Measured(http(_HTML, "403 Forbidden"), Kind.CONFIGURATION, "HTTP403", False, "never came to"),
    "a status of nobody's": Measured(http(b"", "599 Odd"), Kind.TEMPORARY, "HTTP599", True),
    # 200 is no answer
    "cut": Measured(http(update_response("OK")[:-20], headers=ROUTED), Kind.UNKNOWN, "NONSENSE", True),
    "cut, and said to be longer": Measured(
        http(update_response("OK"), headers=ROUTED)[:-20], Kind.UNKNOWN, "LOST", True
    ),
    "a page": Measured(http(_HTML, headers=ROUTED), Kind.UNKNOWN, "NONSENSE", True),
    "nothing": Measured(http(b"", headers=ROUTED), Kind.UNKNOWN, "NONSENSE", True),
}  # fmt: skip
