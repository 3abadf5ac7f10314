"""Asking an index what it holds: FindContent 1.0, where the index allows it (R-39).

One call asks for all posts of one resident from one source system.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, Final

from relay.index.endpoint import Endpoint
from relay.index.found import FindError, Found
from relay.index.reading import Reply, UnreadableError, texts_of
from relay.index.soap import FIND_WSDL, Soap
from relay.index.transport import NoAnswerError, Transport
from relay.index.verdict import Answer, classify
from relay.post import CATEGORIZATION, CLINICAL_PROCESS_INTEREST_ID, SERVICE_DOMAIN, PostKey

_OPERATION: Final = "FindContent"


class Finder:
    """Asks one index; any number of threads may use it at once."""

    def __init__(self, endpoint: Endpoint, url: str) -> None:
        """`url` is that of FindContent; all else is as for Update. Raises ValueError for one that no call could use."""
        self._address = endpoint.logical_address
        self._transport = Transport(replace(endpoint, url=url))
        self._soap = Soap(str(FIND_WSDL), _OPERATION)

    def encode(self, resident_id: str, source_system: str) -> bytes:
        """The envelope of a question."""
        return self._soap.message(
            self._address,
            registeredResidentIdentification=resident_id,
            serviceDomain=SERVICE_DOMAIN,
            sourceSystem=source_system,
        )

    def find(self, resident_id: str, source_system: str) -> list[Found]:
        """The resident's posts from that system. Raises FindError."""
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{self._soap.action}"',
            "x-skltp-correlation-id": str(uuid.uuid4()),
        }
        try:
            got = self._transport.post(self.encode(resident_id, source_system), headers, lambda _seconds: None)
        except NoAnswerError as error:
            raise FindError(str(error)) from None
        try:
            said = self._soap.read_as(got.body or b"", _engagements)
        except UnreadableError:
            said = Reply()
        if isinstance(said, Reply) or got.status != 200:
            reply = said if isinstance(said, Reply) else Reply()
            detail = "without an answer to FindContent in it"
            raise FindError(classify(Answer(status=got.status, **reply._asdict(), detail=detail)).told)
        return [
            found for found in said if found.key.resident_id == resident_id and found.key.source_system == source_system
        ]

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()


def _engagements(response: Any) -> list[Found]:
    """The posts of our service domain in a FindContentResponse."""
    return [_found(texts) for texts in map(texts_of, response.iterchildren("{*}engagement")) if _is_booking(texts)]


def _is_booking(texts: dict[str, str]) -> bool:
    return texts.get("serviceDomain") == SERVICE_DOMAIN


def _found(texts: dict[str, str]) -> Found:
    key = PostKey(
        resident_id=texts["registeredResidentIdentification"],
        care_unit=texts["logicalAddress"],
        booking_id=texts["businessObjectInstanceIdentifier"],
        source_system=texts["sourceSystem"],
        data_controller=texts["dataController"],
    )
    named = texts.get("categorization"), texts.get("clinicalProcessInterestId")
    return Found(key, texts.get("mostRecentContent", ""), named == (CATEGORIZATION, CLINICAL_PROCESS_INTEREST_ID))
