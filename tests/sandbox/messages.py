"""Sample calls for the sandbox's tests: made-up bookings of official test identities, as XML text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

from relay.sandbox.contract import NATIONAL_OWNER, UPDATE_ACTION
from relay.sandbox.core import Core
from relay.sandbox.model import Reply

TOLVAN = "191212121212"
LATE, EARLY = "20270110101500", "20270105080000"
HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{UPDATE_ACTION}"'}


@dataclass(frozen=True)
class Post:
    """One engagementTransaction to send; None leaves an element out."""

    booking: str = "b-1"
    content: str | None = LATE
    delete: bool = False
    resident: str = TOLVAN
    unit: str = "SE2321000016-1HZ5"
    system: str = "SE2321000016-84GX"
    controller: str = "SE232100-0016"
    domain: str = "riv:crm:scheduling"
    category: str = "NA"
    extra: str = ""  # XML between sourceSystem and dataController, where the forbidden times stand

    def xml(self) -> str:
        """The element."""
        fields = [
            ("registeredResidentIdentification", self.resident),
            ("serviceDomain", self.domain),
            ("categorization", self.category),
            ("logicalAddress", self.unit),
            ("businessObjectInstanceIdentifier", self.booking),
            ("clinicalProcessInterestId", "NA"),
            ("mostRecentContent", self.content),
            ("sourceSystem", self.system),
        ]
        children = "".join(f"<c:{n}>{escape(v)}</c:{n}>" for n, v in fields if v is not None)
        children += f"{self.extra}<c:dataController>{escape(self.controller)}</c:dataController>"
        flag = str(self.delete).lower()
        return (
            f"<u:engagementTransaction><c:deleteFlag>{flag}</c:deleteFlag>"
            f"<c:engagement>{children}</c:engagement></u:engagementTransaction>"
        )


def gone(post: Post) -> Post:
    """The delete of a post."""
    return replace(post, delete=True, content=None)


def payload(*posts: Post | str) -> str:
    """The Update element."""
    inner = "".join(post if isinstance(post, str) else post.xml() for post in posts)
    return (
        '<u:Update xmlns:u="urn:riv:itintegration:engagementindex:UpdateResponder:1"'
        f' xmlns:c="urn:riv:itintegration:engagementindex:1">{inner}</u:Update>'
    )


def envelope(body: str, address: str | None = NATIONAL_OWNER) -> bytes:
    """Any body in a SOAP envelope."""
    header = (
        f'<r:LogicalAddress xmlns:r="urn:riv:itintegration:registry:1">{address}</r:LogicalAddress>'
        if address is not None
        else ""
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def call(*posts: Post | str, address: str | None = NATIONAL_OWNER) -> bytes:
    """A whole Update call."""
    return envelope(payload(*posts), address)


def find_content(**criteria: str) -> bytes:
    """A whole FindContent call; criteria in the order they shall stand in."""
    inner = "".join(f"<f:{name}>{value}</f:{name}>" for name, value in criteria.items())
    space = "urn:riv:itintegration:engagementindex:FindContentResponder:1"
    return envelope(f'<f:FindContent xmlns:f="{space}">{inner}</f:FindContent>')


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


def send(core: Core, *posts: Post | str, **headers: str) -> Reply:
    """One Update call at one instant, with headers as they should be unless given."""
    return core.receive(call(*posts), HEADERS | headers)


def held(core: Core) -> dict[str, Any]:
    """mostRecentContent by booking id."""
    return {post["business_object_instance_identifier"]: post["most_recent_content"] for post in core.posts()}


def rules(core: Core) -> set[str]:
    """The rules that the referee has seen broken."""
    return {breach["rule"] for breach in core.breaches()}
