"""Reads an Update as the index does: no schema. Order and missing elements do not matter, unknown ones do.

A deleteFlag other than `true` and `1` is false, and so is none at all: a delete that is written `TRUE` is a create.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from relay.sandbox.contract import CONTENT, CORE, ENGAGEMENT, FORBIDDEN, KEY_FIELDS, UPDATE
from relay.sandbox.envelope import Envelope
from relay.sandbox.model import Key, Refusal, Transaction, Update

_UPDATE: Final = f"{{{UPDATE}}}Update"
_TRANSACTION: Final = f"{{{UPDATE}}}engagementTransaction"
_FLAG: Final = f"{{{CORE}}}deleteFlag"
_ENGAGEMENT: Final = f"{{{CORE}}}engagement"
_FIELDS: Final = {f"{{{CORE}}}{name}": name for name in ENGAGEMENT}
_OURS: Final = ("{" + UPDATE, "{" + CORE)


class _UnexpectedError(Exception):
    def __init__(self, element: etree._Element) -> None:
        name = etree.QName(element)
        what = f'(uri:"{name.namespace or ""}", local:"{name.localname}")'
        super().__init__(f"Unmarshalling Error: unexpected element {what}")


def read(envelope: Envelope) -> tuple[Update, Refusal | None]:
    """The call, and why the index could not make anything of it."""
    update = Update(envelope.logical_address, encoding=envelope.encoding)
    root = envelope.payload
    if root is None:
        return update, Refusal("", 'Cannot invoke "Object.getClass()" because "body" is null', "R-01")
    if root.tag != _UPDATE:
        text = f"Message part {root.tag} was not recognized.  (Does it exist in service WSDL?)"
        return update, Refusal("", text, "R-01", faultcode="Client")
    try:
        transactions = tuple(_transaction(child) for child in root if _known(child, (_TRANSACTION,)))
    except _UnexpectedError as error:
        return update, Refusal("", str(error), "R-03", faultcode="Client")
    except _NoEngagementError:
        return update, Refusal("", 'Cannot invoke "EngagementType.getOwner()" because "engagement" is null', "R-03")
    forbidden = frozenset(name for each in transactions for name in each.extra)
    return Update(envelope.logical_address, transactions, None, forbidden, envelope.encoding), None


class _NoEngagementError(Exception):
    pass


def _transaction(element: etree._Element) -> Transaction:
    delete, engagement = False, None
    for child in element:
        if not _known(child, (_FLAG, _ENGAGEMENT)):
            continue
        if child.tag == _FLAG:
            delete = _text(child).strip() in ("true", "1")
        else:
            engagement = child
    if engagement is None:
        raise _NoEngagementError
    values = {_FIELDS[str(field.tag)]: _text(field) for field in engagement if _known(field, _FIELDS)}
    key = Key(*(values.get(name, "") for name in KEY_FIELDS))
    extra: dict[str, str] = {name: values[name] for name in FORBIDDEN if name in values}
    return Transaction(key, delete, values.get(CONTENT), extra)


def _known(element: etree._Element, known: object) -> bool:
    """Whether it is one of these; one of another namespace is passed over, any other is unexpected."""
    tag = str(element.tag)
    if tag in known:  # type: ignore[operator]
        return True
    if tag.startswith("{") and not tag.startswith(_OURS):
        return False
    raise _UnexpectedError(element)


def _text(element: etree._Element) -> str:
    for child in element:
        raise _UnexpectedError(child)
    return element.text or ""
