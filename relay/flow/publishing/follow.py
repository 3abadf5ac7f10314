"""Following the lists: a source's bookings are re-evaluated when what decides over them has changed.

About every minute somebody looks (`CHECK`), and soon after intake has found other lists than those in force.

    only adds              comes into force at once: nothing can go by it
    anything else          must be found at two looks in a row, and no other worker's files may say something else
      │                    (a list caught half written; a host with yesterday's file)
      ▼
    what would it do?      all bookings are gone through and nothing is changed
      ├─ a few posts       it comes into force, and all bookings are re-evaluated by it
      └─ too many, or      it is held (`relay.store.changes`): what was in force stays so until somebody approves it,
         back and forth    or the lists are right again

From then on every look at what is to be done re-evaluates for a moment (`SPELL`), so that intake and calls get their
turn, until all bookings are re-evaluated. How far it has come is kept in the database; a crash costs a page.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from relay.catalogue import CatalogueError
from relay.difference import Tally
from relay.flow.publishing.republish import RulesChanged, plan, republish
from relay.flow.publishing.rules import PublishingRules, agree, kept, retired
from relay.flow.relay import Relay
from relay.identity import mask
from relay.store import changes, lanes, lease, posts, publishing_rules, sources, workers
from relay.store.sources import Held
from relay.store.transaction import Transaction
from relay.surge import Guard

log = logging.getLogger(__name__)

CHECK: Final = timedelta(minutes=1)
SPELL: Final = 0.5  # seconds
BACK_AND_FORTH: Final = "the lists go back and forth: these stood within the last day, and so did those before"
EMPTIED: Final = "a list names nobody any more, as when its file was cut: {goes} of {present} posts would go"
_UNITS_KEPT: Final = 50  # in a held change, for whoever decides


class _Found(NamedTuple):
    """What a look found: rules to re-evaluate by, the booking to go on after; whether others are to be considered."""

    reevaluate: tuple[PublishingRules, str] | None = None
    consider: bool = False


def follow_all(relay: Relay, names: Sequence[str]) -> list[str]:
    """Note of the sources whose lists are as they stand that they were looked at, all with one statement; the others,
    each of which is to be followed by itself."""
    found: dict[str, str] = {}
    for name in names if len(names) > 1 else ():
        policies = relay.source(name).policies
        with suppress(CatalogueError):
            rules = policies.rules()
            if policies.error is None:
                found[name] = rules.fingerprint
    calm = relay.store.transact(partial(sources.checked_alike, found=found, again=CHECK)) if found else set()
    return [name for name in names if name not in calm]


def follow(relay: Relay, source_name: str) -> None:
    """Look whether a source's lists have changed, where it is time to, and re-evaluate its bookings for a while."""
    policies = relay.source(source_name).policies
    try:
        rules = policies.rules()
    except CatalogueError as error:
        text = str(error)
        relay.store.transact(lambda tx: sources.checked(tx, source_name, None, text, tx.now + CHECK))
        return
    look = partial(_look, rules=rules, error=policies.error, instance=relay.instance)
    found = relay.store.transact(look)
    if found.consider and _consider(relay, rules):
        found = relay.store.transact(look)
    if found.reevaluate is not None:
        _reevaluate(relay, *found.reevaluate)


def _reevaluate(relay: Relay, rules: PublishingRules, after: str) -> None:
    ends = lease.steady_seconds() + SPELL
    to: str | None = after
    while to is not None and lease.steady_seconds() < ends:
        try:
            done, to = republish(relay.store, rules, to)
        except RulesChanged:
            return
        if done.changes:
            log.info("bookings re-evaluated", extra=_facts(rules.source, done.total))
    if to is None:
        log.info("all bookings have been re-evaluated by the lists as they are now", extra={"source": rules.source})


def _look(tx: Transaction, *, rules: PublishingRules, error: str | None, instance: str) -> _Found:
    held = sources.hold(tx, rules.source)
    if held is None:
        return _Found()
    in_force = _in_force(tx, rules, held)
    follows = in_force is not None and held.evaluated_by == in_force.fingerprint
    consider = False
    if held.next_check_at <= tx.now:
        is_new = not held.retired and held.agreed != rules.fingerprint
        sources.checked(tx, rules.source, rules.fingerprint if is_new else None, error, tx.now + CHECK)
        consider = is_new and _may_come_into_force(tx, rules, held, in_force, instance)
        if not held.retired:
            changes.withdraw_lists(tx, rules.source, but=rules.fingerprint if is_new else None)
        if in_force is not None and not follows and not consider:
            sources.begin_reevaluation(tx, rules.source, in_force.fingerprint)
            return _Found((in_force, ""))
    if in_force is None or not follows or held.evaluated_to is None:
        return _Found(consider=consider)
    return _Found((in_force, held.evaluated_to), consider)


def _in_force(tx: Transaction, rules: PublishingRules, held: Held) -> PublishingRules | None:
    """The rules that bookings are to be evaluated by; None where none were agreed on yet."""
    if held.retired:
        return retired(rules.source)
    if held.agreed is None:
        return None
    return rules if held.agreed == rules.fingerprint else kept(tx, rules.source, held.agreed)


def _may_come_into_force(
    tx: Transaction, rules: PublishingRules, held: Held, in_force: PublishingRules | None, instance: str
) -> bool:
    """Whether the rules of our files are to be considered: none are in force yet, they only add or were found twice."""
    if changes.of_rules(tx, rules.source, rules.fingerprint) is not None:
        return False  # it waits for somebody's word, or has it
    if in_force is None:
        return True
    if others := _who_says_otherwise(tx, rules, instance):
        tx.tell(log.error, "the lists of the hosts differ; the earlier ones stay in force", extra=others)
        return False
    return held.seen == rules.fingerprint or rules.only_adds_to(in_force)


def _who_says_otherwise(tx: Transaction, rules: PublishingRules, instance: str) -> dict[str, object]:
    """The hosts at work whose files say something else of the source; empty where none's do."""
    mine, others = set(), set()
    for row in workers.alive(tx):
        said = workers.lists_of(row).get(rules.source)
        if row.instance == instance or said == rules.fingerprint:
            mine.add(row.host)
        elif said is not None:
            others.add(row.host)
    return {"source": rules.source, "hosts": sorted(mine), "other_hosts": sorted(others)} if others else {}


def _consider(relay: Relay, rules: PublishingRules) -> bool:
    """Find out what following `rules` would do, then put them in force, or hold them; whether they are in force."""
    guard = relay.guard
    units: dict[str, Tally] = {}
    if guard.enabled:
        for page in plan(relay.store, rules):
            for unit, tally in page.units.items():
                units.setdefault(unit, Tally())
                units[unit] += tally
    in_force = relay.store.transact(partial(_settle, rules=rules, units=units, guard=guard))
    if not in_force:
        text = "a change of the lists is held: it would change too many posts at once; see `ei-relay changes list`"
        log.error(text, extra=_facts(rules.source, _sum(units)))
    return in_force


def _settle(tx: Transaction, *, rules: PublishingRules, units: dict[str, Tally], guard: Guard) -> bool:
    held = sources.hold(tx, rules.source)
    if held is None or held.retired:
        return True
    names = lanes.of_source(tx, rules.source, hold=False)
    total, present = _sum(units), posts.present(tx, names.values())
    why = None
    goes, in_force = total.removed + total.moved, _in_force(tx, rules, held)
    is_emptied = in_force is not None and rules.has_emptied_a_list_of(in_force)
    if guard.stops(goes, present):
        most = guard.most(present)
        why = f"{total.removed} posts would be removed and {total.moved} moved, of {present}; {most} may without asking"
    elif guard.enabled and goes >= guard.least_of_emptied and is_emptied:
        why = EMPTIED.format(goes=goes, present=present)
    elif guard.enabled and publishing_rules.goes_back_and_forth(tx, rules.source, rules.fingerprint):
        why = BACK_AND_FORTH
    if why is None:
        tx.tell(log.info, "the lists have changed; re-evaluating the bookings", extra={"source": rules.source})
        agree(tx, rules)
        return True
    publishing_rules.note(tx, rules.source, rules.fingerprint, rules.text())
    changes.withdraw_lists(tx, rules.source, but=rules.fingerprint)
    if changes.of_rules(tx, rules.source, rules.fingerprint) is None:
        counts = {name: getattr(total, name) for name in changes.COUNTS}
        changes.hold(
            tx, rules.source, changes.LISTS, present, why,
            counts=counts, rules=rules.fingerprint, details=_details(units),
        )  # fmt: skip
    return False


def _sum(units: dict[str, Tally]) -> Tally:
    total = Tally()
    for tally in units.values():
        total += tally
    return total


def _details(units: dict[str, Tally]) -> str:
    most = sorted(units.items(), key=lambda item: -(item[1].removed + item[1].moved))[:_UNITS_KEPT]
    return json.dumps(
        [{"care_unit": mask(unit)} | {name: getattr(tally, name) for name in changes.COUNTS} for unit, tally in most]
    )


def _facts(source_name: str, total: Tally) -> dict[str, object]:
    return {
        "source": source_name,
        "posts_created": total.created,
        "posts_removed": total.removed,
        "posts_changed": total.changed,
        "posts_moved": total.moved,
    }
