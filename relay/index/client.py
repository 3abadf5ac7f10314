"""The index as the rest of the relay sees it: posts go in, a verdict comes out."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import canonicalize

from relay.index.built_in import BuiltIn
from relay.index.endpoint import Endpoint
from relay.index.message import encode
from relay.index.reading import Reply, UnreadableError
from relay.index.transport import LARGEST_BODY, HttpAnswer, NoAnswerError, Transport
from relay.index.verdict import Answer, Verdict, classify, parse_retry_after
from relay.post import ABSENT, PostKey, Transaction

if TYPE_CHECKING:  # zeep comes with it, which only a WSDL of one's own needs
    from relay.index.soap import Soap

__all__ = ["IndexClient"]  # docs/api.md

logger = logging.getLogger(__name__)

_SAMPLE: Final = (
    Transaction(PostKey("190000000000", "UNIT", "one", "SYSTEM", "controller"), "20300101120000"),
    Transaction(PostKey("190000000000", "UNIT", "two", "SYSTEM", "controller"), ABSENT),
)

_MILLISECONDS: Final = re.compile(r"[0-9]{1,7}", re.ASCII)  # no call lasts longer
# What servers say where somebody speaks plain HTTP to a port for TLS: nginx, Apache, Tomcat and Jetty.
_WANTS_TLS: Final = re.compile(rb"https port|requires tls|ssl-enabled server port", re.IGNORECASE)
_CONTENT_TYPE: Final = re.compile(r"\s*[a-z]{1,20}/[a-z0-9.+-]{1,40}\s*(;|$)", re.IGNORECASE | re.ASCII)


class IndexClient:
    """Calls one index; any number of threads may use one client at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises ContractError for a WSDL, and ValueError for an address or proxy, that no call could use."""
        self._endpoint = endpoint
        theirs = _of_their_own(endpoint.wsdl)
        self._soap = theirs or BuiltIn()
        self._transport = Transport(endpoint)
        self._plain = endpoint.url.lower().startswith("http:")
        self._by_zeep = theirs if theirs is not None and _differs(theirs, endpoint) else None

    def encode(self, transactions: Sequence[Transaction]) -> bytes:
        """The envelope for these posts, apart from sending so that the last look at a lease comes after it.

        Raises MessageError, which names the posts that cannot be sent.
        """
        address = self._endpoint.logical_address
        envelope = encode(address, transactions)  # also for zeep: these are the checks, and their errors
        return self._by_zeep.encode(address, transactions) if self._by_zeep is not None else envelope

    def send(self, envelope: bytes, *, correlation_id: str, before_first_byte: Callable[[float], None]) -> Verdict:
        """Send an envelope and judge what comes of it. All that can go wrong is a verdict, too.

        before_first_byte runs when the connection stands, right before the first byte of the request; it is
        given the seconds that the call may still take. If it raises, nothing is sent and its exception comes
        through unchanged.
        """
        try:
            got = self._transport.post(envelope, self._headers(correlation_id), before_first_byte)
        except NoAnswerError as error:
            return classify(Answer(failure=error.failure, detail=str(error), sent=error.sent))
        return classify(self._read(got))

    def update(
        self,
        transactions: Sequence[Transaction],
        *,
        correlation_id: str,
        before_first_byte: Callable[[float], None],
    ) -> Verdict:
        """encode and send in one."""
        envelope = self.encode(transactions)
        return self.send(envelope, correlation_id=correlation_id, before_first_byte=before_first_byte)

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _headers(self, correlation_id: str) -> dict[str, str]:
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{self._soap.action}"',
            "x-skltp-correlation-id": correlation_id,
            "x-rivta-original-serviceconsumer-hsaid": self._endpoint.original_consumer,
            "x-rivta-acting-on-behalf-of-hsaid": self._endpoint.on_behalf_of,
        }
        return {name: value for name, value in headers.items() if value}

    def _read(self, got: HttpAnswer) -> Answer:
        said = got.headers.get("Content-Type", "")
        kind = said.partition(";")[0].strip() if _CONTENT_TYPE.match(said) else "no known content type"
        size = f"{len(got.body)} bytes" if got.body is not None else f"incomplete, or over {LARGEST_BODY} bytes"
        detail = f"without an answer of the index in it ({kind}, {size})"
        if got.status == 400 and self._plain and _WANTS_TLS.search(got.body or b""):
            detail = "the port speaks TLS: url must begin with https://"
        reply = Reply()
        if got.body:
            with suppress(UnreadableError):  # then the status alone speaks
                reply = self._soap.read(got.body)
        return Answer(
            status=got.status,
            **reply._asdict(),
            retry_after=parse_retry_after(got.headers.get("Retry-After", ""), datetime.now(UTC)),
            detail=detail,
            routed="x-skltp-correlation-id" in got.headers,
            producer_ms=_milliseconds(got.headers.get("x-skltp-prt", "")),
        )


def _of_their_own(wsdl: str) -> Soap | None:
    """What a WSDL of the region's own says; None where there is none. Raises ContractError."""
    if not wsdl:
        return None
    from relay.index.soap import Soap

    return Soap(wsdl)


def _differs(theirs: Soap, endpoint: Endpoint) -> bool:
    """Whether a WSDL of the region's own asks for another message than the fast encoder makes; of the built-in one a
    test says that they agree. Raises ContractError."""
    from relay.index.soap import ContractError

    address = endpoint.logical_address
    try:
        said = canonicalize(theirs.encode(address, _SAMPLE), rewrite_prefixes=True)
    except Exception as error:  # zeep raises whatever its types raise; the sample holds no personal data
        raise ContractError(f"The WSDL {endpoint.wsdl} does not take a post: {type(error).__name__}: {error}") from None
    if said == canonicalize(encode(address, _SAMPLE), rewrite_prefixes=True):
        return False
    logger.warning("The WSDL %s asks for another message; using zeep's slower encoder", endpoint.wsdl)
    return True


def _milliseconds(said: str) -> int | None:
    """The platform's figure, where it is one: headers of an answer may be anybody's."""
    return int(said) if _MILLISECONDS.fullmatch(said) else None
