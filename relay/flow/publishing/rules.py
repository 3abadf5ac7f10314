"""Publishing rules: all that decides which posts a source's bookings should have, but the bookings and the time.

A worker reads rules from its files, but bookings are evaluated by the rules *in force*: these were agreed on
(`relay.flow.publishing.follow`) and are kept in the database, so that all workers use the same, whatever their own
files say. Rules have a fingerprint; the source's row says which are in force and by which its bookings were evaluated
(`relay.store.sources`).
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock
from typing import Any, Final

from relay.booking import Policy
from relay.store import changes, publishing_rules, sources
from relay.store.sources import Held
from relay.store.transaction import Transaction

VERSION: Final = 2  # raised when the same lists and bookings come to mean other posts, so that all are evaluated again


@dataclass(frozen=True, slots=True)
class PublishingRules:
    """What a source's bookings are evaluated by. `fingerprint`: 32 hex digits, the same for what decides the same."""

    source: str
    policy: Policy
    engagement_index: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "fingerprint", blake2b(f"{VERSION} {self.text()}".encode(), digest_size=16).hexdigest()
        )

    def text(self) -> str:
        """All of it, as `from_text` reads it."""
        p = self.policy
        said = (
            self.engagement_index,
            p.data_controller,
            p.retired,
            p.local_identities.pattern if p.local_identities is not None else None,
            sorted(p.residents) if p.residents is not None else None,
            sorted((name, u.active, u.data_controller) for name, u in p.units.items()) if p.units is not None else None,
        )
        return json.dumps(said)

    def only_adds_to(self, other: PublishingRules) -> bool:
        """Whether every booking that `other` gives a post gets the same one here: then nothing can go by it."""
        mine, theirs = self.policy, other.policy
        same = (self.engagement_index, mine.data_controller, mine.retired, _pattern(mine)) == (
            other.engagement_index, theirs.data_controller, theirs.retired, _pattern(theirs),
        )  # fmt: skip
        return same and _all_residents(mine, theirs) and _all_units(mine, theirs)

    def has_emptied_a_list_of(self, other: PublishingRules) -> bool:
        """Whether one of its lists is empty, where `other` has somebody in it: as when a file was cut to its header."""
        mine, theirs = self.policy, other.policy
        return any(
            now is not None and not now and bool(then)
            for now, then in ((mine.units, theirs.units), (mine.residents, theirs.residents))
        )


@dataclass(frozen=True, slots=True)
class _Unit:
    active: bool
    data_controller: str | None


def from_text(source: str, text: str) -> PublishingRules:
    """The rules that `PublishingRules.text` was written of."""
    index, controller, is_retired, pattern, residents, units = json.loads(text)
    policy = Policy(
        data_controller=controller,
        units={name: _Unit(active, of) for name, active, of in units} if units is not None else None,
        residents=frozenset(residents) if residents is not None else None,
        local_identities=re.compile(pattern) if pattern is not None else None,
        retired=is_retired,
    )
    return PublishingRules(source, policy, index)


def retired(source: str) -> PublishingRules:
    """The rules of a source that has left, whether or not it still is in the configuration: no booking has a post."""
    return PublishingRules(source, Policy(data_controller="", retired=True), engagement_index="")


def rules_in_force(tx: Transaction, found: PublishingRules, held: Held) -> PublishingRules:
    """What bookings are evaluated by in this transaction, which holds their source; `found` is what our files say.

    Where our files say something else, a check of the lists is asked for. Where the other bookings were evaluated by
    other rules, all will be re-evaluated.
    """
    in_force = _in_force(tx, found, held)
    if in_force.fingerprint != found.fingerprint and not held.retired and held.seen != found.fingerprint:
        sources.check_soon(tx, found.source)
    if held.evaluated_by not in (None, in_force.fingerprint):
        sources.reevaluate_again(tx, found.source)
    return in_force


def agree(tx: Transaction, rules: PublishingRules) -> None:
    """Put `rules` in force, and have all bookings of their source evaluated by them where they are not yet."""
    publishing_rules.note(tx, rules.source, rules.fingerprint, rules.text())
    publishing_rules.agree(tx, rules.source, rules.fingerprint)
    changes.withdraw_lists(tx, rules.source)
    if sources.evaluated_by(tx, rules.source) != rules.fingerprint:
        sources.begin_reevaluation(tx, rules.source, rules.fingerprint)


def _in_force(tx: Transaction, found: PublishingRules, held: Held) -> PublishingRules:
    if held.retired:
        return retired(found.source)
    if held.agreed in (None, found.fingerprint):
        return found
    assert held.agreed is not None
    return kept(tx, found.source, held.agreed) or found


def kept(tx: Transaction, source: str, fingerprint: str) -> PublishingRules | None:
    """The rules of that fingerprint as the database keeps them; None where it does not."""
    key = (source, fingerprint)
    with _lock:
        if key in _kept:
            return _kept[key]
    text = publishing_rules.said(tx, source, fingerprint)
    if text is None:
        return None
    rules = from_text(source, text)
    with _lock:
        _kept[key] = rules
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return rules


_MOST_KEPT: Final = 64  # some hundred kilobytes each, at most
_kept: OrderedDict[tuple[str, str], PublishingRules] = OrderedDict()  # what a fingerprint stands for never changes
_lock = Lock()


def _pattern(policy: Policy) -> str | None:
    return policy.local_identities.pattern if policy.local_identities is not None else None


def _all_residents(mine: Policy, theirs: Policy) -> bool:
    if mine.residents is None:
        return True
    return theirs.residents is not None and theirs.residents <= mine.residents


def _all_units(mine: Policy, theirs: Policy) -> bool:
    if mine.units is None:
        return theirs.units is None or all(u.data_controller is None for u in theirs.units.values() if u.active)
    if theirs.units is None:
        return False
    return all(_facts(mine.units.get(name)) == _facts(unit) for name, unit in theirs.units.items() if unit.active)


def _facts(unit: Any) -> tuple[bool, str | None] | None:
    return (unit.active, unit.data_controller) if unit is not None else None
