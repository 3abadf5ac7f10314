"""Decides whether the index takes a call: its checks, in the order in which they were measured.

whose index · how many posts · all dates · then post by post: the same key as an earlier one, white space,
the platform's own ids, missing fields, lengths, the dates that nobody should send · at last, where the
sandbox is strict, the schema
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from relay.sandbox.contract import CONTENT, KEY_FIELDS, MAX_TRANSACTIONS, NATIONAL_OWNER, OWNER
from relay.sandbox.dates import read_time
from relay.sandbox.model import Refusal, Transaction, Update

_BLANKS: Final = "".join(map(chr, range(0x21)))  # what the index takes for white space, and nothing beyond
_BOOKING: Final = "businessObjectInstanceIdentifier"
_TIME_LENGTH: Final = 14


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose index this is, how much it takes in one call, and which ids it keeps for itself."""

    owner: str = NATIONAL_OWNER
    max_transactions: int = MAX_TRANSACTIONS
    reserved_addresses: frozenset[str] = frozenset()
    reserved_systems: frozenset[str] = frozenset()


def refusal(update: Update, own: Ownership) -> Refusal | None:
    """The first reason to refuse the whole call, or None. One bad post refuses all."""
    return next(_refusals(update, own), None)


def wrong_address(logical_address: str | None, owner: str) -> Refusal | None:
    """EI003: a call to somebody else's index."""
    if logical_address == owner:
        return None
    return Refusal("EI003", f"Logical address is {logical_address or 'missing'} but the owner is {owner}", "R-02")


def _refusals(update: Update, own: Ownership) -> Iterator[Refusal]:
    transactions = update.transactions
    if address := wrong_address(update.logical_address, own.owner):
        yield address
    if len(transactions) > own.max_transactions:
        yield Refusal("EI000", f"The request contains more than {own.max_transactions} engagements", "R-30")
    if not transactions:
        yield Refusal("EI000", "The request contains less than 1 engagement", "R-03")
    for content in dict.fromkeys(each.content for each in transactions):
        if content is not None and read_time(content) is None:
            yield Refusal("", "The date is not of the form YYYYMMDDhhmmss:", "R-05", content)
    if _in_doubt(transactions, own):
        yield from _one_by_one(transactions, own)
    if update.flaw is not None:
        yield update.flaw


def _in_doubt(transactions: tuple[Transaction, ...], own: Ownership) -> bool:
    """Whether the posts must be looked at one by one. Most calls are good, and each text in them recurs."""
    if len({each.key.text(each.owner) for each in transactions}) < len(transactions):
        return True
    if own.reserved_addresses or own.reserved_systems or any(each.extra for each in transactions):
        return True
    columns = zip(*(each.key for each in transactions), strict=True)
    if any(
        not value or value[0] in _BLANKS or value[-1] in _BLANKS or _length(value) > longest
        for longest, column in zip(KEY_FIELDS.values(), columns, strict=False)
        for value in set(column)
    ):
        return True
    return any(each.content is not None and len(each.content) > _TIME_LENGTH for each in transactions)


def _one_by_one(transactions: tuple[Transaction, ...], own: Ownership) -> Iterator[Refusal]:
    seen: dict[str, int] = {}
    for number, post in enumerate(transactions, 1):
        # The sender's own word for the owner counts here; it is overwritten later.
        first = seen.setdefault(post.key.text(post.owner), number)
        if first != number:
            yield Refusal("EI002", f"EngagementTransaction #{first} and #{number} have the same key", "R-11")
        fields = list(zip(KEY_FIELDS.items(), post.key, strict=True))
        for (name, _), value in fields:
            inner = value.strip(_BLANKS)
            if inner != value and (inner or name != _BOOKING):  # a booking of blanks alone came in
                yield Refusal("EI004", f'mandatory field "{name}" contains white space in beginning or end', "R-03")
        if post.key.logical_address in own.reserved_addresses:
            yield Refusal("EI005", f"The logicalAddress in EngagementTransaction #{number} is reserved")
        if post.key.source_system in own.reserved_systems:
            yield Refusal("EI006", f"The sourceSystem in EngagementTransaction #{number} is reserved")
        for (name, _), value in fields:
            if not value:
                yield Refusal("EI004", f'mandatory field "{name}" is missing', "R-03")
        for (name, longest), value in fields:
            if _length(value) > longest:
                yield Refusal("EI004", f'Field "{name}" is to long', "R-03")
        times = {CONTENT: post.content or ""} | {name: text for name, text in post.extra.items() if name != OWNER}
        for name, text in times.items():
            if len(text) > _TIME_LENGTH:
                yield Refusal("EI004", f'Field "{name}" is to long', "R-03")
        for name, text in times.items():
            if text and read_time(text) is None:
                yield Refusal("EI004", f'Field "{name}": the date is not of the form YYYYMMDDhhmmss', "R-03")


def _length(text: str) -> int:
    """In UTF-16 units, as the index counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
