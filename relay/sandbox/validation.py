"""Decides whether the index takes a call: the checks behind EI000 to EI006, in the order they are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from relay.sandbox.contract import CONTENT, KEY_FIELDS, MAX_TRANSACTIONS, NATIONAL_OWNER
from relay.sandbox.model import Key, Refusal, Transaction, Update


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
    named = "null" if logical_address is None else logical_address
    return Refusal("EI003", f"Logical address is {named} but the owner is {owner}", "R-02")


def _refusals(update: Update, own: Ownership) -> Iterator[Refusal]:
    transactions = update.transactions
    if len(transactions) > own.max_transactions:
        yield Refusal("EI000", f"The request contains more than {own.max_transactions} engagements", "R-30")
    if not transactions and update.flaw is None:
        yield Refusal("EI000", "The request contains less than 1 engagement", "R-03")
    if update.flaw is not None:
        yield update.flaw
    if address := wrong_address(update.logical_address, own.owner):
        yield address
    yield from _field_refusals(transactions)
    yield from _reserved(transactions, own)
    yield from _same_key(transactions)


def _field_refusals(transactions: tuple[Transaction, ...]) -> Iterator[Refusal]:
    """EI004. It names the field but not the post, as the index does; so each text is looked at but once."""
    columns = zip(*(t.key for t in transactions), strict=True)
    for (name, longest), column in zip(KEY_FIELDS.items(), columns, strict=False):
        for value in dict.fromkeys(column):
            if not value:
                yield Refusal("EI004", f'mandatory field "{name}" is missing', "R-03")
            if value.strip() != value:
                yield Refusal("EI004", f'"{name}" contains white space in beginning or end', "R-03")
            if len(value) > longest:
                yield Refusal("EI004", f'"{name}" is to long', "R-03")
    for content in dict.fromkeys(t.content for t in transactions):
        if content is not None and not _is_time(content):
            yield Refusal("EI004", f'"{CONTENT}" is not a date and time', "R-05")


def _is_time(content: str) -> bool:
    """Whether the calendar has the time that fourteen digits name; the schema lets 31 February pass."""
    try:
        datetime.fromisoformat(f"{content[:8]}T{content[8:]}")
    except ValueError:
        return False
    return True


def _reserved(transactions: tuple[Transaction, ...], own: Ownership) -> Iterator[Refusal]:
    """EI005 and EI006: the platform's own ids cannot hold or send posts."""
    if not own.reserved_addresses and not own.reserved_systems:
        return
    for number, (key, _, _) in enumerate(transactions, 1):
        if key.logical_address in own.reserved_addresses:
            yield Refusal("EI005", f"The logicalAddress in EngagementTransaction #{number} is reserved")
        if key.source_system in own.reserved_systems:
            yield Refusal("EI006", f"The sourceSystem in EngagementTransaction #{number} is reserved")


def _same_key(transactions: tuple[Transaction, ...]) -> Iterator[Refusal]:
    """EI002, with the first pair that share a key, counted from 1."""
    if len({t.key for t in transactions}) == len(transactions):
        return
    seen: dict[Key, int] = {}
    for number, transaction in enumerate(transactions, 1):
        first = seen.setdefault(transaction.key, number)
        if first != number:
            yield Refusal("EI002", f"EngagementTransaction #{first} and #{number} have the same key", "R-11")
