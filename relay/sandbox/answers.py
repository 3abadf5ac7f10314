"""Writes the index's answers: UpdateResponse, FindContentResponse, SOAP faults."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

from relay.sandbox.contract import CONTENT, CORE, ENGAGEMENT, FIND, KEY_FIELDS, OWNER, SOAP, UPDATE
from relay.sandbox.model import Key, Outcome, Refusal, Reply
from relay.sandbox.platform import INSTANCE, MEANINGS

_CODE: Final = re.compile(r"\s*([A-Za-z]{2}[0-9]{3})")
_CONTENT_CODES: Final = {"EI001", "EI002", "EI004", "EI005", "EI006"}
# Faults without a code that the message itself has caused.
_CONTENT_TEXTS: Final = re.compile("YYYYMMDDhhmmss|Unmarshalling Error|XMLStreamReader|Cannot invoke")
_XML: Final = {"Content-Type": "text/xml;charset=utf-8"}


def update_response(code: str, comment: str | None = None) -> Reply:
    """HTTP 200 with OK, INFO or ERROR."""
    said = f"<comment>{_text(comment)}</comment>" if comment is not None else ""
    outcome: Outcome = "content" if code == "ERROR" else "accepted"
    xml = f'<UpdateResponse xmlns="{UPDATE}"><ResultCode>{_text(code)}</ResultCode>{said}</UpdateResponse>'
    return Reply(200, _envelope(xml), code, outcome, dict(_XML))


def fault(text: str, faultcode: str = "Server", detail: str | None = None) -> Reply:
    """HTTP 500 with a SOAP 1.1 fault; what it means for the sender lies in the code the text begins with."""
    more = f"<detail>{_text(detail)}</detail>" if detail is not None else ""
    xml = (
        f"<soap:Fault><faultcode>soap:{_text(faultcode)}</faultcode>"
        f"<faultstring>{_text(text)}</faultstring>{more}</soap:Fault>"
    )
    code, outcome = _meaning(text)
    return Reply(500, _envelope(xml), code, outcome, dict(_XML))


def platform_fault(code: str, detail: str) -> Reply:
    """HTTP 500 with a fault of the platform, as it writes them."""
    faultcode, sentence, _ = MEANINGS[code]
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}"><SOAP-ENV:Header/><SOAP-ENV:Body><SOAP-ENV:Fault>'
        f"<faultcode>SOAP-ENV:{faultcode}</faultcode><faultstring>{code} [{INSTANCE}] {_text(sentence)}</faultstring>"
        f"<detail><detailString>{_text(detail)}</detailString></detail>"
        "</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    return Reply(500, xml.encode(), code, "failed", dict(_XML), passed_on=False)


def refused(refusal: Refusal) -> Reply:
    """The fault for a call that was not taken."""
    if refusal.code in MEANINGS:
        return platform_fault(refusal.code, refusal.text)
    return fault(refusal.faultstring, refusal.faultcode)


def _meaning(text: str) -> tuple[str, Outcome]:
    """The code that a fault's text begins with, and what it means for its sender."""
    if found := _CODE.match(text):
        code = found[1].upper()
        return code, "content" if code in _CONTENT_CODES else "failed"
    return "fault", "content" if _CONTENT_TEXTS.search(text) else "failed"


def bare(status: int, headers: dict[str, str], body: str) -> Reply:
    """An answer of whoever stands in between: a status, and perhaps a page that is no SOAP."""
    outcome: Outcome = "content" if status == 413 else "failed"
    return Reply(
        status,
        body.encode(),
        f"HTTP {status}",
        outcome,
        {"Content-Type": "text/html; charset=utf-8", **headers},
        routed=False,
        passed_on=False,
    )


def nonsense(headers: dict[str, str], body: str) -> Reply:
    """HTTP 200 with something else than SOAP: the platform passes it on, and labels it as XML."""
    return Reply(200, body.encode(), "not an answer", "failed", {**_XML, **headers})


def find_content_response(posts: Iterable[tuple[Key, str | None]], owner: str) -> Reply:
    """HTTP 200 with the posts that were found, fields in the schema's order."""
    found = []
    for key, content in posts:
        values = dict(zip(KEY_FIELDS, key, strict=True)) | {OWNER: owner}
        if content is not None:
            values[CONTENT] = content
        fields = "".join(f"<c:{name}>{_text(values[name])}</c:{name}>" for name in ENGAGEMENT if name in values)
        found.append(f"<engagement>{fields}</engagement>")
    xml = f'<FindContentResponse xmlns="{FIND}" xmlns:c="{CORE}">{"".join(found)}</FindContentResponse>'
    return Reply(200, _envelope(xml), "OK", "accepted", dict(_XML))


def _envelope(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{body}</soap:Body></soap:Envelope>'
    ).encode()


def _text(text: str) -> str:
    """Escaped, and without the control characters that XML cannot hold."""
    return escape("".join(c if c >= " " or c in "\t\n" else "?" for c in text))
