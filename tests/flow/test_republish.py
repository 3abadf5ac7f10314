"""Republishing on both kinds of database: pages, statements, and what the source's row says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.booking import Policy
from relay.catalogue import CareUnit
from relay.flow.actions import move as move_flow
from relay.flow.publishing.republish import RulesChanged, plan, reevaluate, republish, republish_all
from relay.flow.publishing.rules import PublishingRules, retired, rules_in_force
from relay.store import bookings, sources
from relay.store.lanes import LaneName
from relay.store.sources import Held
from relay.store.transaction import Store, Transaction
from tests.made import CONTROLLER, OTHER_SYSTEM, SYSTEM, UNIT, booking, details
from tests.statements import recorded
from tests.store.conftest import SOURCE
from tests.store.steps import rows

EVERYWHERE = PublishingRules(SOURCE, Policy(CONTROLLER), "national")
NOWHERE = PublishingRules(SOURCE, Policy(CONTROLLER, units={}), "national")
PAGE_STATEMENTS = 6  # lanes, rules, bookings, held ones, posts, what is wanted; the clock of these tests costs none
ROW_STATEMENTS = 1  # how far it has come


@pytest.fixture
def many(store: Store, lane_ids: dict[LaneName, int], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two and a half pages of bookings, in the second lane the odd ones, and a removed one; their ids in order."""
    monkeypatch.setattr("relay.flow.publishing.republish.PAGE", 10)
    ids = [f"b-{number:02}" for number in range(25)]
    made = [replace(booking(details(), i), source_system=(SYSTEM, OTHER_SYSTEM)[n % 2]) for n, i in enumerate(ids)]
    store.transact(lambda tx: bookings.save(tx, SOURCE, [*made, booking(None, "b-99")]))
    store.transact(lambda tx: bookings.save(tx, "elsewhere", [booking(details(), "b-00")]))
    return ids


def begin(store: Store, rules: PublishingRules) -> None:
    store.transact(lambda tx: sources.begin_reevaluation(tx, SOURCE, rules.fingerprint))


def held(store: Store) -> Held:
    found = store.transact(lambda tx: sources.hold(tx, SOURCE))
    assert found is not None
    return found


def wanted(store: Store) -> list[str]:
    return sorted(row.booking_id for row in rows(store) if row.wanted)


def test_all_pages_are_gone_through_and_the_row_says_so(store: Store, many: list[str]) -> None:
    begin(store, EVERYWHERE)
    assert (held(store).evaluated_by, held(store).evaluated_to) == (EVERYWHERE.fingerprint, "")
    pages = list(republish_all(store, EVERYWHERE))
    assert [page.total.created for page in pages] == [10, 10, 5]
    assert wanted(store) == many
    assert all(row.bulk for row in rows(store))
    assert (held(store).evaluated_by, held(store).evaluated_to) == (EVERYWHERE.fingerprint, None)


def test_a_plan_says_the_same_and_changes_nothing(store: Store, many: list[str]) -> None:
    assert [page.units[UNIT].created for page in plan(store, EVERYWHERE)] == [10, 10, 5]
    assert rows(store) == []
    assert held(store).evaluated_by is None


def test_a_page_done_twice_changes_nothing_the_second_time(store: Store, many: list[str]) -> None:
    begin(store, EVERYWHERE)
    _, to = republish(store, EVERYWHERE, "")
    assert (to, held(store).evaluated_to) == ("b-09", "b-09")
    again, to = republish(store, EVERYWHERE, "")
    assert not again.changes
    assert (to, held(store).evaluated_to) == ("b-09", "b-09")


def test_a_page_by_other_rules_is_refused(store: Store, many: list[str]) -> None:
    begin(store, EVERYWHERE)
    with pytest.raises(RulesChanged, match="the bookings of tidbok-nord are being re-evaluated by other lists"):
        republish(store, NOWHERE, "")
    assert rows(store) == []


@pytest.mark.parametrize("rules", [NOWHERE, retired(SOURCE)])
def test_what_is_no_longer_published_is_removed(store: Store, many: list[str], rules: PublishingRules) -> None:
    begin(store, EVERYWHERE)
    list(republish_all(store, EVERYWHERE))
    begin(store, rules)
    assert sum(page.total.removed for page in republish_all(store, rules)) == len(many)
    assert wanted(store) == []


def test_another_index_moves_nothing_where_it_has_no_lane(store: Store, many: list[str]) -> None:
    """The lane is made at start from the configuration; without one a post has nowhere to be."""
    elsewhere = replace(EVERYWHERE, engagement_index="regional")
    assert not any(page.changes for page in plan(store, elsewhere))


@pytest.mark.parametrize("number", [1, 25])
def test_a_page_is_a_bounded_number_of_statements(
    store: Store, many: list[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("relay.flow.publishing.republish.PAGE", number)
    begin(store, EVERYWHERE)
    with recorded(store.engine) as statements:
        republish(store, EVERYWHERE, "")
    assert len(statements) == PAGE_STATEMENTS + ROW_STATEMENTS


def test_bookings_reevaluated_in_a_transaction_of_the_caller(store: Store, many: list[str]) -> None:
    def work(tx: Transaction) -> int:
        source = sources.hold(tx, SOURCE)
        assert source is not None
        removed = booking(None, "b-00")
        bookings.save(tx, SOURCE, [removed])
        return len(reevaluate(tx, rules_in_force(tx, EVERYWHERE, source), [removed]).changes)

    begin(store, EVERYWHERE)
    list(republish_all(store, EVERYWHERE))
    assert store.transact(work) == 1
    assert wanted(store) == many[1:]


def test_who_evaluates_by_other_rules_has_all_reevaluated(store: Store, lane_ids: dict[LaneName, int]) -> None:
    begin(store, EVERYWHERE)

    def rules(tx: Transaction) -> PublishingRules:
        source = sources.hold(tx, SOURCE)
        assert source is not None
        return rules_in_force(tx, NOWHERE, source)

    assert store.transact(rules) == NOWHERE
    assert (held(store).evaluated_by, held(store).evaluated_to) == (None, None)


def test_a_retired_source_is_evaluated_as_such(store: Store, lane_ids: dict[LaneName, int]) -> None:
    def rules(tx: Transaction) -> PublishingRules:
        sources.retire(tx, SOURCE, retired=True)
        source = sources.hold(tx, SOURCE)
        assert source is not None
        return rules_in_force(tx, EVERYWHERE, source)

    assert store.transact(rules).policy.retired


def test_bookings_are_moved_to_another_system(store: Store, many: list[str]) -> None:
    """R-10"""
    begin(store, EVERYWHERE)
    list(republish_all(store, EVERYWHERE))
    pages = list(move_flow.move(store, EVERYWHERE, OTHER_SYSTEM, SYSTEM))
    assert sum(page.total.moved for page in pages) == 12
    assert wanted(store) == many
    assert {row.lane_id for row in rows(store) if row.wanted} == {1}
    assert held(store).evaluated_by == EVERYWHERE.fingerprint


def test_a_fingerprint_is_of_what_decides() -> None:
    def of(**policy: object) -> str:
        return PublishingRules(SOURCE, Policy(**({"data_controller": CONTROLLER} | policy)), "national").fingerprint

    north, south = CareUnit("NORTH", name="Norr"), CareUnit("SOUTH", active=False)
    assert of(units={"NORTH": north, "SOUTH": south}) == of(units={"SOUTH": south, "NORTH": replace(north, name="x")})
    different = [
        of(), of(data_controller="x"), of(retired=True), of(units={}), of(residents=frozenset()),
        of(units={"NORTH": north}), of(units={"NORTH": replace(north, active=False)}),
        of(units={"NORTH": replace(north, data_controller="x")}), of(residents=frozenset({"191212121212"})),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert len(of()) == 32
