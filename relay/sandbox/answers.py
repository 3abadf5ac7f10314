"""Writes the index's answers: UpdateResponse, FindContentResponse, SOAP faults."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

from relay.sandbox.contract import CONTENT, CORE, ENGAGEMENT, FIND, KEY_FIELDS, OWNER, SOAP, UPDATE
from relay.sandbox.model import Key, Outcome, Refusal, Reply

_CODE: Final = re.compile(r"\s*([A-Za-z]{2}[0-9]{3})")
_CONTENT_CODES: Final = {"EI001", "EI002", "EI004", "EI005", "EI006"}
_XML: Final = {"Content-Type": "text/xml; charset=utf-8"}


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
    found = _CODE.match(text)
    code = found[1].upper() if found else "fault"
    outcome: Outcome = "content" if code in _CONTENT_CODES else "failed"
    return Reply(500, _envelope(xml), code, outcome, dict(_XML))


def refused(refusal: Refusal) -> Reply:
    """The fault for a call that was not taken."""
    return fault(refusal.faultstring)


def bare(status: int, headers: dict[str, str], body: str) -> Reply:
    """An answer of whoever stands in between: a status, and perhaps a page that is no SOAP."""
    outcome: Outcome = "content" if status == 413 else "failed"
    return Reply(
        status,
        body.encode(),
        f"HTTP {status}",
        outcome,
        {"Content-Type": "text/html; charset=utf-8", **headers},
    )


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
