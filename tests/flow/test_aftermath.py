from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.flow.delivery.aftermath import lane_after, posts_after
from relay.index.verdict import Kind, Verdict
from relay.post import ABSENT, UNKNOWN
from relay.store.posts import DuePost, Sent
from tests.made import key

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CONTENT = "20261224103000"
CALL = 7


@dataclass(frozen=True)
class Pace:
    retry_after_fault: timedelta = timedelta(minutes=5)
    retry_after_fault_max: timedelta = timedelta(minutes=15)
    bulk_call_interval: timedelta = timedelta(seconds=5)
    split_call_interval: timedelta = timedelta(seconds=6)
    key_spacing: timedelta = timedelta(minutes=5)
    least_posts: int = 1


@dataclass(frozen=True)
class Before:
    failures: int = 0
    blocked: bool = False
    say_again_at: datetime | None = None


def post(id: int, **said: object) -> DuePost:
    right = DuePost(id, key(booking_id=f"b-{id}"), CONTENT, NOW, ABSENT, bulk=False, suspect=None, attempts=0)
    return right._replace(**said)


def verdict(kind: Kind, **said: object) -> Verdict:
    return replace(Verdict(kind, "CODE", "text"), **said)  # type: ignore[arg-type]


def after_lane(due: DuePost, of: Verdict, failures: int = 0, blocked: bool = False) -> dict[str, object]:
    return lane_after([due], of, Before(failures, blocked), Pace(), NOW, jitter=0.0)


# --- posts


def test_an_accepted_call_makes_known_what_was_sent() -> None:
    due = [post(1), post(2, wanted=ABSENT, known=CONTENT), post(3, suspect=14, known=UNKNOWN)]
    assert posts_after(due, verdict(Kind.ACCEPTED), CALL, NOW) == [
        Sent(1, CONTENT, NOW, unconfirmed=0),
        Sent(2, ABSENT, NOW, unconfirmed=0),
        Sent(3, CONTENT, NOW, unconfirmed=0),
    ]


@pytest.mark.parametrize("kind", [Kind.TEMPORARY, Kind.UNKNOWN])
def test_a_call_in_doubt_leaves_its_posts_unknown_and_counted_as_sent(kind: Kind) -> None:
    """R-32 runs from the end of the call; an unknown post is pending, so it is sent again."""
    due = [post(1), post(2, wanted=ABSENT, known=CONTENT, suspect=14)]
    assert posts_after(due, verdict(kind, in_doubt=True), CALL, NOW) == [
        Sent(1, UNKNOWN, NOW),
        Sent(2, UNKNOWN, NOW, suspect=14),
    ]


def test_a_call_that_was_surely_never_sent_changes_nothing() -> None:
    due = [post(1, known="20260101000000"), post(2, suspect=14)]
    assert posts_after(due, verdict(Kind.TEMPORARY, sent=False), CALL, NOW) == [
        Sent(1, "20260101000000", None),
        Sent(2, ABSENT, None, suspect=14),
    ]


@pytest.mark.parametrize("kind", [Kind.TEMPORARY, Kind.CONFIGURATION])
def test_a_platform_that_refused_costs_a_post_nothing(kind: Kind) -> None:
    """No attempts burned, nothing parked, nothing forgotten."""
    assert posts_after([post(1, known="20260101000000")], verdict(kind), CALL, NOW) == [Sent(1, "20260101000000", NOW)]


def test_a_refusal_that_names_posts_parks_them_and_sends_the_rest_alone() -> None:
    """R-32: a call refused for its content counts as not sent."""
    of = verdict(Kind.CONTENT, code="EI005", text="reserved", named=(1, 9))
    assert posts_after([post(1), post(2), post(3)], of, CALL, NOW) == [
        Sent(2, ABSENT, None, None, "EI005", "reserved", refused=1),
        Sent(1, ABSENT, None, suspect=2 * CALL),
        Sent(3, ABSENT, None, suspect=2 * CALL),
    ]


def test_a_refusal_that_names_nobody_splits_the_call() -> None:
    after = posts_after([post(n) for n in range(1, 6)], verdict(Kind.CONTENT), CALL, NOW)
    assert [(s.id, s.suspect) for s in after] == [(1, 14), (2, 14), (3, 15), (4, 15), (5, 15)]
    assert all(s.sent_at is None and s.parked_code is None and s.refused == 0 for s in after)


def test_one_post_alone_is_the_culprit() -> None:
    assert posts_after([post(1, suspect=3)], verdict(Kind.CONTENT, named=(4,)), CALL, NOW) == [
        Sent(1, ABSENT, None, None, "CODE", "text", refused=1)
    ]


def narrow(number: int, bad: set[int]) -> tuple[set[int], set[int], int]:
    """Send `number` posts to an index that refuses a call with a bad one and names nobody, until none is pending;
    the posts parked, those accepted, and the calls it took."""
    pending = {n: post(n) for n in range(number)}
    parked: set[int] = set()
    accepted: set[int] = set()
    calls = 0
    while pending:
        calls += 1
        first = min(pending.values(), key=lambda p: (p.suspect is None, p.suspect, p.id))
        due = [p for p in pending.values() if p.suspect == first.suspect]
        kind = Kind.CONTENT if bad & {p.id for p in due} else Kind.ACCEPTED
        for sent in posts_after(due, verdict(kind), calls, NOW):
            if sent.parked_code is None and sent.known == ABSENT:
                pending[sent.id] = pending[sent.id]._replace(suspect=sent.suspect)
                continue
            del pending[sent.id]
            (parked if sent.parked_code else accepted).add(sent.id)
    return parked, accepted, calls


@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=6))
def test_narrowing_parks_every_bad_post_and_no_other(number: int, somewhere: set[int]) -> None:
    bad = {n for n in somewhere if n < number}
    parked, accepted, calls = narrow(number, bad)
    assert parked == bad
    assert accepted == set(range(number)) - bad
    assert calls <= 1 + 2 * len(bad) * (number - 1).bit_length()


def test_one_bad_post_in_a_thousand_costs_twenty_calls_more() -> None:
    parked, accepted, calls = narrow(1000, {617})
    assert (parked, len(accepted)) == ({617}, 999)
    assert calls <= 21


# --- posts that were only said again


def again(id: int, **said: object) -> DuePost:
    return post(id, known=CONTENT, again=True, **said)


def test_what_is_accepted_alone_is_unconfirmed_until_it_is_said_in_company() -> None:
    accepted = verdict(Kind.ACCEPTED)
    assert [s.unconfirmed for s in posts_after([post(1)], accepted, CALL, NOW, least=2)] == [1]
    assert [s.unconfirmed for s in posts_after([again(1, unconfirmed=1)], accepted, CALL, NOW, least=2)] == [2]
    both = [post(1), again(2, unconfirmed=2)]
    assert [s.unconfirmed for s in posts_after(both, accepted, CALL, NOW, least=2)] == [0, 0]


def test_a_delete_is_said_alone_twice_at_most() -> None:
    deleted = again(1, unconfirmed=1)._replace(wanted=ABSENT, known=ABSENT)
    assert posts_after([deleted], verdict(Kind.ACCEPTED), CALL, NOW, least=2) == [Sent(1, ABSENT, NOW, unconfirmed=0)]


@pytest.mark.parametrize("kind", [Kind.TEMPORARY, Kind.UNKNOWN, Kind.CONFIGURATION])
def test_a_call_that_brings_nothing_costs_company_nothing_but_its_spacing(kind: Kind) -> None:
    """R-32. The index holds the same of it, applied or not."""
    after = posts_after([post(1), again(2)], verdict(kind, in_doubt=kind is Kind.UNKNOWN), CALL, NOW, least=2)
    assert after[1] == Sent(2, None, NOW)


def test_a_refused_call_with_company_puts_the_others_under_suspicion() -> None:
    after = posts_after([post(1), again(2)], verdict(Kind.CONTENT), CALL, NOW, least=2)
    assert after == [Sent(1, ABSENT, None, suspect=2 * CALL), Sent(2, None, None, refused=1)]


def test_company_that_an_answer_names_is_parked_and_the_rest_goes_alone() -> None:
    of = verdict(Kind.CONTENT, code="EI004", text="long", named=(1,))
    assert posts_after([post(1), again(2), again(3)], of, CALL, NOW, least=3) == [
        Sent(2, None, None, None, "EI004", "long", refused=1),
        Sent(1, ABSENT, None, suspect=2 * CALL),
        Sent(3, None, None),
    ]


def test_a_refused_call_of_nothing_else_is_narrowed_in_bulk() -> None:
    after = posts_after([again(1), again(2)], verdict(Kind.CONTENT), CALL, NOW, least=2)
    assert after == [
        Sent(1, UNKNOWN, None, suspect=2 * CALL, unsettled=True),
        Sent(2, UNKNOWN, None, suspect=2 * CALL + 1, unsettled=True),
    ]


# --- the lane


def test_an_answer_that_says_done_opens_the_lane() -> None:
    assert after_lane(post(1), verdict(Kind.ACCEPTED), failures=3, blocked=True) == {
        "failures": 0,
        "next_call_at": NOW,
        "blocked_code": None,
        "blocked_text": None,
        "blocked_since": None,
        "last_success_at": NOW,
    }


def test_a_content_refusal_opens_the_lane_and_spaces_the_narrowing_calls() -> None:
    after = after_lane(post(1), verdict(Kind.CONTENT), failures=3, blocked=True)
    assert (after["failures"], after["next_call_at"], after["blocked_code"]) == (0, NOW, None)
    assert after["next_split_at"] == NOW + timedelta(seconds=6)
    assert "last_success_at" not in after


@pytest.mark.parametrize("kind", list(Kind))
def test_narrowing_calls_are_spaced_whatever_came_of_them(kind: Kind) -> None:
    assert after_lane(post(1, suspect=14), verdict(kind))["next_split_at"] == NOW + timedelta(seconds=6)


@pytest.mark.parametrize("kind", list(Kind))
def test_bulk_calls_are_spaced_whatever_came_of_them(kind: Kind) -> None:
    """R-34"""
    assert after_lane(post(1, bulk=True), verdict(kind))["next_bulk_at"] == NOW + timedelta(seconds=5)
    assert "next_bulk_at" not in after_lane(post(1), verdict(kind))


@pytest.mark.parametrize("kind", [Kind.TEMPORARY, Kind.UNKNOWN])
def test_a_lane_rests_longer_with_each_failure(kind: Kind) -> None:
    """R-35"""
    rests = [after_lane(post(1), verdict(kind), failures=n) for n in range(3)]
    assert [r["failures"] for r in rests] == [1, 2, 3]
    assert {r["failed_at"] for r in rests} == {NOW}
    assert [r["next_call_at"] for r in rests] == [NOW + timedelta(minutes=n) for n in (5, 10, 15)]


def test_a_longer_pause_is_granted_where_the_peer_asks_for_it() -> None:
    asked = {minutes: verdict(Kind.TEMPORARY, retry_after=timedelta(minutes=minutes)) for minutes in (1, 30)}
    assert after_lane(post(1), asked[1])["next_call_at"] == NOW + timedelta(minutes=5)
    assert after_lane(post(1), asked[30])["next_call_at"] == NOW + timedelta(minutes=30)


def test_a_wrong_configuration_blocks_the_lane_and_remembers_since_when() -> None:
    first = after_lane(post(1), verdict(Kind.CONFIGURATION))
    assert first == {
        "blocked_code": "CODE",
        "blocked_text": "text",
        "blocked_since": NOW,
        "next_call_at": NOW + timedelta(minutes=15),
        "failures": 0,
        "failed_at": NOW,
    }
    assert "blocked_since" not in after_lane(post(1), verdict(Kind.CONFIGURATION), blocked=True)
