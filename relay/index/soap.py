"""The WSDL, through zeep: what its operation is called on the wire, its message, and how an answer is read.

zeep's message is the reference that the fast encoder is held to, and stands in for it where a region's own
WSDL asks for another. Reading is hardened: no document type, no entities, nothing fetched, no huge trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import zeep.loader
import zeep.transports
from lxml import etree
from zeep.wsdl.bindings.soap import Soap11Binding

from relay.index.message import SOAP
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
_LONGEST_TEXT: Final = 20_000  # characters of a fault or a comment that anybody looks at


T = TypeVar("T")


class ContractError(Exception):
    """A WSDL cannot be used for Update."""


class UnreadableError(Exception):
    """An answer's body is neither an UpdateResponse nor a fault."""


class Reply(NamedTuple):
    """The texts of an answer, "" where it has none. A fault always has a code or a string."""

    fault_code: str = ""
    fault_string: str = ""
    result_code: str = ""
    comment: str = ""
    fault_detail: str = ""


# zeep says that it is typed, but is so only here and there.
_Client: Any = zeep.Client
_parse_xml: Any = zeep.loader.parse_xml


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
        return self.read_as(body, _result)

    def read_as(self, body: bytes, take: Callable[[Any], T]) -> T | Reply:
        """What `take` makes of the answer in a body; of a fault, a Reply. Raises UnreadableError, as `read` does."""
        try:
            document = _parse_xml(body, self._transport, settings=self._settings)
            fault = document.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
            if fault is not None:
                return _fault(fault)
            return take(document.find(f"{{{SOAP}}}Body/{self._answer}"))
        except Exception as error:  # a hostile body can make zeep raise anything; none of it is for a log
            raise UnreadableError(type(error).__name__) from None


def _result(response: Any) -> Reply:
    """An UpdateResponse. Its children are read by their names: zeep would refuse one whose comment comes first."""
    texts = texts_of(response)
    return Reply(result_code=texts["ResultCode"], comment=texts.get("comment", ""))


def _fault(fault: Any) -> Reply:
    """A SOAP 1.1 fault. Its children have no namespace, but some peers give them the envelope's."""
    texts = texts_of(fault)
    code, string, detail = (texts.get(name, "") for name in ("faultcode", "faultstring", "detail"))
    return Reply(
        fault_code=code, fault_string=string or ("" if code else "A fault without a text"), fault_detail=detail
    )


def texts_of(parent: Any) -> dict[str, str]:
    """{local name of a child: what is written in it}."""
    children = parent.iterchildren("*")
    return {etree.QName(each).localname: _text(each)[:_LONGEST_TEXT] for each in children}


def _text(element: Any) -> str:
    """What is written in an element; what is written in elements in it, each in a line of its own."""
    between = "" if next(element.iterchildren("*"), None) is None else "\n"
    return between.join(element.itertext()).strip()


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
