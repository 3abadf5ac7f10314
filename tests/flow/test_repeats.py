"""Answers that come again and again: narrowed, asked after with a smaller call, or taken for what they are (R-35)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.flow.delivery.aftermath import lane_after, posts_after
from relay.flow.delivery.repeats import FEW, LIMIT_LASTS, LONE, SMALL, most_posts, reconsider
from relay.flow.delivery.step import deliver
from relay.flow.relay import Relay
from relay.index.verdict import Kind, Verdict
from relay.post import ABSENT, UNKNOWN
from relay.settings import load
from relay.store.lanes import Seen
from relay.store.posts import DuePost
from tests.flow.site import LANE, FlowSite
from tests.flow.test_aftermath import Before, Pace
from tests.index.answers import index_fault, platform_fault
from tests.index.servers import OK, answering, http, serve
from tests.made import key

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AT_ONCE = dict.fromkeys(("key_spacing", "retry_after_fault", "retry_after_fault_max", "split_call_interval"), "0s")
ODD = index_fault("Something nobody has heard of")
DATE = index_fault('Unparseable date: "20261301093000"')
VP009 = platform_fault("VP009 [q] Fel", "https://index.example\njava.io.IOException: Broken pipe")
NOT_FOUND = http(b"", "404 Not Found")


class Index:
    """An index that answers as `say` does, given the bookings of a call; `calls` are those it got."""

    def __init__(self, say: Callable[[list[str]], bytes]) -> None:
        self.say = say
        self.calls: list[list[str]] = []

    def __call__(self, request: bytes) -> bytes:
        found = re.findall("Identifier>(b-[0-9]+)<", request.decode())
        self.calls.append(found)
        return self.say(found)


@contextmanager
def site_of(folder: Path, index: Index, **settings: str) -> Iterator[FlowSite]:
    with serve(answering(index)) as server:
        site = FlowSite(folder, url=server.url, **(AT_ONCE | settings))
        try:
            yield site
        finally:
            site.close()


def book(site: FlowSite, *numbers: int) -> None:
    for number in numbers:
        site.insert(f"b-{number}")
    site.take_in()


def deliver_all(site: FlowSite, most: int = 40) -> int:
    """Call until nothing is left to say; the number of calls."""
    for number in range(most):
        if deliver(site.relay, LANE) is None:
            return number
    raise AssertionError("there is no end to it")


def parked(site: FlowSite) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in site.ask("SELECT booking_id, parked_code FROM ei_post WHERE parked_code <> ''")]


@pytest.mark.parametrize(("answer", "code"), [(ODD, "FAULT"), (DATE, "DATE")], ids=["any text", "date"])
def test_a_bad_post_that_is_answered_without_a_code_is_parked_and_the_others_pass(
    tmp_path: Path, answer: bytes, code: str
) -> None:
    index = Index(lambda posts: answer if "b-3" in posts else OK)
    with site_of(tmp_path, index) as site:
        book(site, *range(1, 9))
        deliver_all(site)
        # Then the same call was made a few times before it was narrowed
        assert [len(call) for call in index.calls[: FEW + 1]] == [8, 8, 8, 4]
        assert parked(site) == [("b-3", code)]
        assert site.ask("SELECT count(*) FROM ei_post WHERE known = wanted") == [(7,)]
        assert len(index.calls) <= FEW + 12


def test_what_was_seen_survives_a_restart(tmp_path: Path) -> None:
    index = Index(lambda posts: DATE if "b-1" in posts else OK)
    with site_of(tmp_path, index) as site:
        book(site, 1, 2)
        for _ in range(FEW - 1):
            deliver(site.relay, LANE)
        assert site.ask("SELECT fault_count FROM ei_lane") == [(FEW - 1,)]
    with serve(answering(index)) as server:
        config = tmp_path / "relay.toml"
        config.write_text(re.sub("(?m)^url = .*$", f'url = "{server.url}"', config.read_text()))
        relay = Relay(load(str(config), {}))
        try:
            verdict = deliver(relay, LANE)
        finally:
            relay.close()
    assert verdict is not None
    assert (verdict.kind, verdict.narrowed) == (Kind.CONTENT, True)


def test_an_outage_with_words_of_its_own_parks_nothing_and_is_over_when_it_is_over(tmp_path: Path) -> None:
    index = Index(lambda _: ODD)
    with site_of(tmp_path, index) as site:
        book(site, 1, 2, 3)
        for _ in range(LONE + FEW):
            deliver(site.relay, LANE)
        assert parked(site) == []
        index.say = lambda _: OK
        deliver_all(site)
        assert parked(site) == []
        assert site.ask("SELECT count(*) FROM ei_post WHERE known = wanted") == [(3,)]


def test_a_lone_bad_post_is_parked_when_the_index_accepts_another(tmp_path: Path) -> None:
    index = Index(lambda posts: ODD if "b-1" in posts else OK)
    with site_of(tmp_path, index) as site:
        book(site, 1)
        for _ in range(FEW + 1):
            deliver(site.relay, LANE)
        assert parked(site) == []
        book(site, 2)
        deliver_all(site)
        assert parked(site) == [("b-1", "FAULT")]
        assert site.ask("SELECT booking_id FROM ei_post WHERE known = wanted") == [("b-2",)]


def test_a_lone_bad_post_is_not_repeated_for_ever(tmp_path: Path) -> None:
    index = Index(lambda _: ODD)
    with site_of(tmp_path, index) as site:
        book(site, 1)
        assert deliver_all(site) == FEW + LONE
        assert parked(site) == [("b-1", "FAULT")]


@pytest.mark.parametrize("text", ["No response received from remote server", "Channel closed while aggregating"])
def test_a_platform_that_gets_no_answer_is_never_the_posts_fault(tmp_path: Path, text: str) -> None:
    index = Index(lambda _: platform_fault(text))
    with site_of(tmp_path, index) as site:
        book(site, 1, 2)
        for _ in range(FEW + LONE):
            deliver(site.relay, LANE)
        assert all(len(call) == 2 for call in index.calls)
        assert parked(site) == []


def test_after_several_vp009_a_small_call_finds_out_whether_size_is_the_cause(tmp_path: Path) -> None:
    index = Index(lambda posts: VP009 if len(posts) > 5 else OK)
    with site_of(tmp_path, index) as site:
        book(site, *range(1, 21))
        deliver_all(site)
        sizes = [len(call) for call in index.calls]
        # Then three times all, then a small one; half of what failed fails and is halved again at once, and so it stays
        assert sizes[:8] == [20, 20, 20, SMALL, 10, 5, 5, 5]
        assert site.ask("SELECT count(*) FROM ei_post WHERE known = wanted") == [(20,)]


def test_while_the_index_is_away_calls_stay_small(tmp_path: Path) -> None:
    index = Index(lambda _: VP009)
    with site_of(tmp_path, index) as site:
        book(site, *range(1, 6))
        for _ in range(FEW + 2):
            deliver(site.relay, LANE)
        assert [len(call) for call in index.calls] == [5, 5, 5, SMALL, SMALL]
        assert parked(site) == []


def test_a_limit_ends() -> None:
    proven = Seen(limit=10, limit_until=NOW + LIMIT_LASTS, largest=20)
    assert most_posts(proven, 1000, NOW) == 10
    assert most_posts(proven, 5, NOW) == 5
    assert most_posts(proven, 1000, NOW + LIMIT_LASTS) == 1000
    assert most_posts(Seen(limit=SMALL), 1000, NOW + 9 * LIMIT_LASTS) == SMALL


def test_a_first_404_after_accepted_calls_is_a_platform_that_stops_and_a_second_one_blocks(tmp_path: Path) -> None:
    index = Index(lambda _: OK)
    with site_of(tmp_path, index) as site:
        book(site, 1)
        deliver_all(site)
        index.say = lambda _: NOT_FOUND
        book(site, 2)
        first, second = deliver(site.relay, LANE), deliver(site.relay, LANE)
        assert first is not None
        assert second is not None
        assert (first.kind, second.kind) == (Kind.TEMPORARY, Kind.CONFIGURATION)
        assert site.ask("SELECT blocked_code FROM ei_lane") == [("HTTP404",)]
        # And after an accepted one the next is a first one again
        index.say = lambda _: OK
        deliver_all(site)
        index.say = lambda _: NOT_FOUND
        book(site, 3)
        third = deliver(site.relay, LANE)
        assert third is not None
        assert third.kind is Kind.TEMPORARY


def test_a_404_before_any_call_was_accepted_is_a_wrong_address(tmp_path: Path) -> None:
    with site_of(tmp_path, Index(lambda _: NOT_FOUND)) as site:
        book(site, 1)
        verdict = deliver(site.relay, LANE)
        assert verdict is not None
        assert verdict.kind is Kind.CONFIGURATION


def test_the_detail_is_kept_with_the_call_and_shown_by_a_blocked_lane(tmp_path: Path) -> None:
    denied = platform_fault("VP007 [q] Ej behörig", "senderId SE2321000016-RLY1", "Server")
    with site_of(tmp_path, Index(lambda _: denied)) as site:
        book(site, 1)
        deliver(site.relay, LANE)
        assert site.ask("SELECT detail, routed, producer_ms FROM ei_call") == [("senderId SE2321000016-RLY1", 1, None)]
        assert site.ask("SELECT blocked_text FROM ei_lane") == [("VP007 [q] Ej behörig (senderId SE2321000016-RLY1)",)]


def due(*numbers: int, suspect: int | None = None) -> list[DuePost]:
    return [
        DuePost(n, key(booking_id=f"b-{n}"), "20261224103000", NOW, ABSENT, bulk=False, suspect=suspect, attempts=0)
        for n in numbers
    ]


ODD_FAULT = Verdict(Kind.TEMPORARY, "FAULT", "odd", in_doubt=True, likeness="FAULT 17")
ALMOST = Seen(like="FAULT 17", times=FEW - 1, since=NOW, call=6)


def test_narrowing_of_faults_keeps_the_spacing_and_the_pauses() -> None:
    """R-32, R-35: unlike a refusal it counts as sent, it leaves its posts in doubt, and the lane rests."""
    posts = due(1, 2)
    verdict = reconsider(ODD_FAULT, posts, ALMOST, True, False, 7, NOW).verdict
    assert [(s.known, s.sent_at, s.suspect) for s in posts_after(posts, verdict, 7, NOW)] == [
        (UNKNOWN, NOW, 14),
        (UNKNOWN, NOW, 15),
    ]
    after = lane_after(posts, verdict, Before(failures=2), Pace(), NOW, jitter=0.0)
    assert after["next_call_at"] == NOW + timedelta(minutes=5)
    assert "failures" not in after


@pytest.mark.parametrize(("seen", "same"), [(ALMOST, False), (ALMOST._replace(like="FAULT 18"), True), (Seen(), True)])
def test_faults_of_other_posts_or_other_words_are_counted_anew(seen: Seen, same: bool) -> None:
    found = reconsider(ODD_FAULT, due(1, 2), seen, same, False, 7, NOW)
    assert found.verdict == ODD_FAULT
    assert found.changes["fault_count"] == 1


def test_another_answer_in_between_is_not_in_a_row() -> None:
    timeout = Verdict(Kind.UNKNOWN, "TIMEOUT", "late", in_doubt=True)
    assert reconsider(timeout, due(1, 2), ALMOST, False, False, 7, NOW).changes["fault_count"] == 0
    assert reconsider(replace(timeout, kind=Kind.ACCEPTED), due(3), ALMOST, False, False, 7, NOW).changes == {}
