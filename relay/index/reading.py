"""How an answer is read: an answer of the operation, or a fault.

Reading is hardened: no document type, no entities, nothing fetched, no huge trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from lxml import etree

from relay.index.message import SOAP

T = TypeVar("T")

_LONGEST_TEXT: Final = 20_000  # characters of a fault or a comment that anybody looks at


class UnreadableError(Exception):
    """An answer's body is neither an UpdateResponse nor a fault."""


class Reply(NamedTuple):
    """The texts of an answer, "" where it has none. A fault always has a code or a string."""

    fault_code: str = ""
    fault_string: str = ""
    result_code: str = ""
    comment: str = ""
    fault_detail: str = ""


def read_as(body: bytes, answer: str, take: Callable[[Any], T]) -> T | Reply:
    """What `take` makes of the element called `answer` in a body (None: there is none); of a fault, a Reply.

    Raises UnreadableError, without a word of the body in it.
    """
    try:
        document = _parsed(body)
        fault = document.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
        if fault is not None:
            return _fault(fault)
        return take(document.find(f"{{{SOAP}}}Body/{answer}"))
    except Exception as error:  # a hostile body can make a parser raise anything; none of it is for a log
        raise UnreadableError(type(error).__name__) from None


def _parsed(body: bytes) -> Any:
    """The document in a body, where it has no document type: so no entity is ever declared in it."""
    parser = etree.XMLParser(
        remove_comments=True, resolve_entities=False, load_dtd=False, no_network=True, recover=False, huge_tree=False
    )
    document: Any = etree.fromstring(body, parser=parser)
    if document.getroottree().docinfo.doctype:
        raise UnreadableError("DocumentType")
    return document


def result(response: Any) -> Reply:
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
