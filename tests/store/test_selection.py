from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from relay.post import ABSENT, DISCARDED
from relay.store import calls, selection
from relay.store.lanes import LaneName
from relay.store.posts import Sent
from relay.store.selection import Selection, count, pages
from relay.store.transaction import Store
from tests.clock import SetClock
from tests.made import OTHER_SYSTEM, OTHER_UNIT, UNIT, key
from tests.store.conftest import LANE, OTHER_LANE, SOURCE
from tests.store.steps import CONTENT, LENGTH, alter, record, want

Posts = dict[str, int]
NOON = datetime.fromisoformat("2026-11-02T12:00:00+00:00")


@pytest.fixture
def posts(store: Store, lane_ids: dict[LaneName, int], clock: SetClock) -> Posts:
    """One post in each state, at two units: {state: id}."""
    clock.at = NOON
    made = {}
    for state in ("indexed", "pending", "parked", "discarded", "absent"):
        unit = OTHER_UNIT if state == "pending" else UNIT
        (made[state],) = want(store, lane_ids[LANE], key(booking_id=state, care_unit=unit))
    call_id = store.transact(lambda tx: calls.begin(tx, lane_ids[LANE], "c", [made["indexed"]], LENGTH))
    store.transact(lambda tx: calls.end(tx, call_id, "accepted", "OK", ""))
    record(store, Sent(made["indexed"], CONTENT, NOON), call_id=call_id)
    alter(store, made["absent"], wanted=ABSENT, sent_at=NOON - timedelta(days=2))
    alter(store, made["parked"], parked_code="EI004", parked_at=NOON - timedelta(hours=1))
    alter(store, made["discarded"], parked_code=DISCARDED, parked_at=NOON - timedelta(hours=3))
    return made


@pytest.mark.parametrize(
    ("chosen", "states"),
    [
        (Selection(), {"indexed", "pending", "parked", "discarded", "absent"}),
        (Selection(source=SOURCE, state=("parked",)), {"parked"}),
        (Selection(state=("parked", "discarded")), {"parked", "discarded"}),
        (Selection(state=("indexed", "absent")), {"indexed", "absent"}),
        (Selection(source="another"), set()),
        (Selection(unit=OTHER_UNIT), {"pending"}),
        (Selection(booking="absent"), {"absent"}),
        (Selection(booking="absent", state=("parked",)), set()),
        (Selection(code="EI004"), {"parked"}),
        (Selection(code="OK"), {"indexed"}),
        (Selection(since=NOON - timedelta(hours=1)), {"indexed", "parked"}),
        (Selection(until=NOON), {"parked", "discarded", "absent"}),
        (Selection(since=NOON - timedelta(hours=3), until=NOON - timedelta(hours=1)), {"discarded"}),
        (Selection(keys=(10**9,)), set()),
    ],
    ids=lambda value: str(value) if isinstance(value, Selection) else "",  # a set's order differs from run to run
)
def test_all_that_is_asked_must_be_true(store: Store, posts: Posts, chosen: Selection, states: set[str]) -> None:
    found: list[int] = []

    def note(_tx: object, ids: list[int]) -> int:
        found.extend(ids)
        return len(ids)

    assert sum(size for size, _ in pages(store, chosen, note)) == len(states)
    assert {state for state, id in posts.items() if id in found} == states
    assert {state for _, state, _ in count(store, chosen)} == states


def test_a_key_names_its_post(store: Store, posts: Posts) -> None:
    chosen = Selection(keys=(posts["parked"], posts["absent"]))
    assert count(store, chosen) == {(SOURCE, "parked", "EI004"): 1, (SOURCE, "absent", None): 1}


@pytest.mark.parametrize("chosen", [Selection(state=("parked",)), Selection(source=SOURCE)], ids=str)
def test_many_posts_are_worked_on_page_by_page(
    store: Store, lane_ids: dict[LaneName, int], chosen: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether an index leads to them (the first case) or all posts are looked at in windows, of seven ids here."""
    monkeypatch.setattr(selection, "PAGE", 5)
    monkeypatch.setattr(selection, "WINDOW", 7)
    ids = want(store, lane_ids[LANE], *(f"b-{n}" for n in range(23)))
    want(store, lane_ids[OTHER_LANE], key(source_system=OTHER_SYSTEM))
    for post_id in ids:
        alter(store, post_id, parked_code="EI004")
    seen: list[list[int]] = []

    list(pages(store, chosen, lambda _tx, page: seen.append(page) or 0))

    assert max(map(len, seen)) == 5
    assert sorted(id for page in seen for id in page)[: len(ids)] == ids
    assert count(store, chosen)[SOURCE, "parked", "EI004"] == 23


def test_there_may_be_no_post_at_all(store: Store) -> None:
    assert list(pages(store, Selection(source=SOURCE), lambda _tx, ids: len(ids))) == []
    assert count(store, Selection(source=SOURCE)).total() == 0


def test_a_selection_tells_what_it_asks() -> None:
    chosen = Selection(source="tidbok", state=("parked", "absent"), since=NOON, keys=(1, 2))
    assert str(chosen) == "source=tidbok state=parked,absent since=2026-11-02T12:00:00Z keys=1,2"
    assert (str(Selection()), bool(Selection()), bool(chosen)) == ("all", False, True)
