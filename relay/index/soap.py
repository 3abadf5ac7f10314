"""The WSDL, through zeep: what its operation is called on the wire, its message, and what its answer is called.

zeep's message is the reference that the fast encoder is held to, and stands in for it where a region's own
WSDL asks for another. The built-in WSDL is known without it (`relay.index.built_in`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import zeep
import zeep.transports
from lxml import etree
from zeep.wsdl.bindings.soap import Soap11Binding

from relay.index.reading import Reply, read_as, result
from relay.post import (
    ABSENT,
    CATEGORIZATION,
    CLINICAL_PROCESS_INTEREST_ID,
    SERVICE_DOMAIN,
    Transaction,
)

BUILT_IN_WSDL: Final = Path(__file__).parent / "contract" / "update.wsdl"
FIND_WSDL: Final = Path(__file__).parent / "contract" / "findcontent.wsdl"
OPERATION: Final = "Update"


T = TypeVar("T")


class ContractError(Exception):
    """A WSDL cannot be used for Update."""


# zeep says that it is typed, but is so only here and there.
_Client: Any = zeep.Client


class _FilesOnly(zeep.transports.Transport):
    """Loads a WSDL and its schemas from files. A WSDL that pulls things from the network is refused."""

    def load(self, url: str) -> bytes:
        parts = urlsplit(str(url))
        if parts.scheme in ("http", "https"):
            raise ContractError(f"A WSDL is read from files only, not from {parts.hostname}")
        return Path(parts.path if parts.scheme == "file" else url).read_bytes()


class Soap:
    """An operation, Update unless told otherwise, as a WSDL describes it. Safe to share between threads."""

    def __init__(self, wsdl: str = "", operation: str = OPERATION) -> None:
        """Raises ContractError."""
        self._settings = zeep.Settings(
            strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False
        )
        self._transport: Any = cast(Any, _FilesOnly)()
        try:
            client = _Client(str(wsdl or BUILT_IN_WSDL), transport=self._transport, settings=self._settings)
            binding: Any = next(
                port.binding
                for service in client.wsdl.services.values()
                for port in service.ports.values()
                if isinstance(port.binding, Soap11Binding) and operation in cast(Any, port.binding).all()
            )
        except ContractError:
            raise
        except StopIteration:
            raise ContractError(f"The WSDL {wsdl} has no operation {operation} over SOAP 1.1") from None
        except Exception as error:  # zeep raises whatever its parsers raise
            raise ContractError(f"The WSDL {wsdl} cannot be loaded: {type(error).__name__}: {error}") from None
        finally:
            self._transport.session.close()
        self._operation = binding.get(operation)
        self._answer = str(self._operation.output.body.qname)

    @property
    def action(self) -> str:
        """The SOAPAction, unquoted."""
        return str(self._operation.soapaction)

    def encode(self, logical_address: str, transactions: Sequence[Transaction]) -> bytes:
        """The envelope as zeep makes it: the same infoset as message.encode, fifty times slower."""
        return self.message(
            logical_address, engagementTransaction=[_fields(transaction) for transaction in transactions]
        )

    def message(self, logical_address: str, **fields: object) -> bytes:
        """The envelope for a message of these fields."""
        message = self._operation.create(**fields, _soapheaders={"LogicalAddress": logical_address})
        return bytes(etree.tostring(message.content, xml_declaration=True, encoding="UTF-8"))

    def read(self, body: bytes) -> Reply:
        """The answer in a body. Raises UnreadableError, without a word of the body in it."""
        return read_as(body, self._answer, result)

    def read_as(self, body: bytes, take: Callable[[Any], T]) -> T | Reply:
        """What `take` makes of the answer in a body; of a fault, a Reply. Raises UnreadableError, as `read` does."""
        return read_as(body, self._answer, take)


def _fields(transaction: Transaction) -> dict[str, Any]:
    key, content = transaction
    engagement = {
        "registeredResidentIdentification": key.resident_id,
        "serviceDomain": SERVICE_DOMAIN,
        "categorization": CATEGORIZATION,
        "logicalAddress": key.care_unit,
        "businessObjectInstanceIdentifier": key.booking_id,
        "clinicalProcessInterestId": CLINICAL_PROCESS_INTEREST_ID,
        "sourceSystem": key.source_system,
        "dataController": key.data_controller,
    }
    if content != ABSENT:
        engagement["mostRecentContent"] = content
    return {"deleteFlag": content == ABSENT, "engagement": engagement}
