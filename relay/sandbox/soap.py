"""Reads the SOAP calls that the index gets: quickly, and as strictly as the schema does.

The schema is checked in code, in the same walk that fetches the values: one comparison of tag lists settles
the shape of a well-made engagement; only one that differs is looked at closely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Final

from lxml import etree

from relay.sandbox.contract import (
    BOOLEANS,
    CONTENT,
    CORE,
    CRITERIA,
    ENGAGEMENT,
    FIND,
    FORBIDDEN,
    KEY_FIELDS,
    PATTERNS,
    RESIDENT,
    UPDATE,
)
from relay.sandbox.envelope import Envelope
from relay.sandbox.model import FindContent, Key, Refusal, Transaction, Update

_TAGS: Final = {f"{{{CORE}}}{name}": name for name in ENGAGEMENT}
_FULL: Final = [tag for tag, name in _TAGS.items() if name not in FORBIDDEN]
_NO_CONTENT: Final = [tag for tag in _FULL if _TAGS[tag] != CONTENT]
_CONTENT_AT: Final = _FULL.index(f"{{{CORE}}}{CONTENT}")
_TRANSACTION: Final = f"{{{UPDATE}}}engagementTransaction"
_TRANSACTION_CHILDREN: Final = [f"{{{CORE}}}deleteFlag", f"{{{CORE}}}engagement"]
_RESIDENT_PATTERN: Final = PATTERNS[RESIDENT][0]
_CONTENT_PATTERN: Final = PATTERNS[CONTENT][0]

# What the walks do not see: attributes, text between elements, elements inside a text field.
_ATTRIBUTE: Final = (
    "@*[namespace-uri() != 'http://www.w3.org/2001/XMLSchema-instance' or not(local-name() = 'type'"
    " or local-name() = 'schemaLocation' or local-name() = 'noNamespaceSchemaLocation')]"
)
_STRAY_IN_UPDATE: Final = etree.XPath(
    f"boolean({_ATTRIBUTE} | text()[normalize-space()]"
    f" | u:engagementTransaction/{_ATTRIBUTE} | u:engagementTransaction/text()[normalize-space()]"
    f" | u:engagementTransaction/c:*/{_ATTRIBUTE} | u:engagementTransaction/c:deleteFlag/*"
    " | u:engagementTransaction/c:engagement/text()[normalize-space()]"
    f" | u:engagementTransaction/c:engagement/c:*/{_ATTRIBUTE} | u:engagementTransaction/c:engagement/c:*/*)",
    namespaces={"u": UPDATE, "c": CORE},
)
_STRAY_IN_FIND: Final = etree.XPath(
    f"boolean({_ATTRIBUTE} | text()[normalize-space()] | f:*/{_ATTRIBUTE} | f:*/*)", namespaces={"f": FIND}
)


def read_update(envelope: Envelope) -> Update:
    """The Update call in this envelope, with the first breach of the schema if there is one."""
    root = envelope.payload
    if root is None or root.tag != f"{{{UPDATE}}}Update":
        return Update(envelope.logical_address, flaw=_invalid("the body is not an Update", "R-01"))
    flaw = _stray(_STRAY_IN_UPDATE, root)
    transactions: list[Transaction] = []
    forbidden: set[str] = set()
    extended = False
    for child in root:
        if child.tag == _TRANSACTION and not extended:
            transaction, error, extras = _transaction(child)
            if transaction is not None:
                transactions.append(transaction)
            forbidden |= extras
            flaw = flaw or error
        elif _foreign(child.tag, UPDATE):
            extended = True  # by other namespaces, which the schema lets stand last
        else:
            flaw = flaw or _invalid("Update holds an element where the schema allows none")
    return Update(envelope.logical_address, tuple(transactions), flaw, frozenset(forbidden), envelope.encoding)


def read_find_content(envelope: Envelope) -> FindContent:
    """The FindContent call in this envelope, with the first breach of the schema if there is one."""
    root = envelope.payload
    if root is None or root.tag != f"{{{FIND}}}FindContent":
        return FindContent(envelope.logical_address, flaw=_invalid("the body is not a FindContent", "R-01"))
    names = {f"{{{FIND}}}{name}": name for name in CRITERIA}
    found = [(_name(child.tag, names), child.text or "") for child in root]
    flaw = (
        _stray(_STRAY_IN_FIND, root)
        or _order_error([name for name, _ in found], CRITERIA, FIND)
        or _pattern_error(found)
    )
    return FindContent(envelope.logical_address, dict(found), flaw)


def _transaction(element: etree._Element) -> tuple[Transaction | None, Refusal | None, set[str]]:
    """One engagementTransaction: what it says (None: it cannot be told), its flaw, its forbidden fields."""
    children = list(element)
    shape = [child.tag for child in children]
    if shape[:2] != _TRANSACTION_CHILDREN or not all(_foreign(tag, CORE) for tag in shape[2:]):
        return None, _invalid("engagementTransaction does not hold deleteFlag and engagement alone"), set()
    flag, engagement = children[:2]
    delete = BOOLEANS.get((flag.text or "").strip())
    error = None if delete is not None else _invalid("deleteFlag is not a boolean")
    fields = list(engagement)
    tags = [field.tag for field in fields]
    texts = [field.text or "" for field in fields]
    content: str | None = None
    if tags == _FULL:
        content = texts.pop(_CONTENT_AT)
        if _CONTENT_PATTERN.fullmatch(content) is None:
            error = error or _pattern_error([(CONTENT, content)])
    elif tags != _NO_CONTENT:
        return _unusual(bool(delete), tags, texts, error)
    if _RESIDENT_PATTERN.fullmatch(texts[0]) is None:
        error = error or _pattern_error([(RESIDENT, texts[0])])
    return Transaction(_key(texts), bool(delete), content), error, set()


def _unusual(
    delete: bool, tags: list[str], texts: list[str], error: Refusal | None
) -> tuple[Transaction | None, Refusal | None, set[str]]:
    """An engagement of another shape than usual: perhaps wrong, perhaps with fields that few send."""
    names = [_name(tag, _TAGS) for tag in tags]
    found = [(name, text) for name, text in zip(names, texts, strict=True) if name in ENGAGEMENT]
    error = error or _order_error(names, ENGAGEMENT, CORE) or _pattern_error(found)
    values = dict(found)
    key = _key([values.get(name, "") for name in KEY_FIELDS])
    extra: dict[str, str] = {name: values[name] for name in FORBIDDEN if name in values}
    return Transaction(key, delete, values.get(CONTENT), extra), error, set(extra)


def _key(texts: Sequence[str]) -> Key:
    """The key of these texts. All but resident and booking recur, so one copy of each is kept."""
    resident, domain, category, address, booking, process, system, controller = texts
    return Key(
        resident,
        intern(domain),
        intern(category),
        intern(address),
        booking,
        intern(process),
        intern(system),
        intern(controller),
    )


def _stray(search: etree.XPath, root: etree._Element) -> Refusal | None:
    if search(root):
        return _invalid("an attribute, a text or an element stands where the schema allows none")
    return None


def _order_error(names: Sequence[str], expected: Mapping[str, bool], home: str) -> Refusal | None:
    """The first place where a sequence of elements leaves the schema's; None if it keeps to it."""
    left = iter(expected.items())
    for position, name in enumerate(names):
        if name not in expected:
            if all(_foreign(other, home) for other in names[position:]):
                break  # extensions of other namespaces, which the schema lets stand last
            return _invalid("an element is not known here")
        for candidate, required in left:
            if candidate == name:
                break
            if required:
                return _invalid(f"'{candidate}' is expected before '{name}'")
        else:
            return _invalid(f"'{name}' is out of order")
    missing = [name for name, required in left if required]
    return _invalid(f"'{missing[0]}' is missing") if missing else None


def _pattern_error(fields: Sequence[tuple[str, str]]) -> Refusal | None:
    for name, text in fields:
        pattern, rule = PATTERNS.get(name, (None, ""))
        if pattern is not None and pattern.fullmatch(text) is None:
            return _invalid(f"'{name}' breaks its pattern", rule, text)
    return None


def _name(tag: str, names: Mapping[str, str]) -> str:
    """The schema's name for a tag. One it does not know stays as it is, so that it can be told foreign."""
    return names.get(tag, tag if tag.startswith("{") else "")


def _foreign(tag: str, home: str) -> bool:
    """Whether a tag is of some other namespace than the schema's own (xs:any ##other)."""
    return tag.startswith("{") and not tag.startswith(f"{{{home}}}")


def _invalid(text: str, rule: str = "R-03", value: str | None = None) -> Refusal:
    return Refusal("EI001", f"The request is invalid according to the XML schema: {text}", rule, value)
