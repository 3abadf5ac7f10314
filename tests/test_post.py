from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from relay.post import ABSENT, PostKey, StoredPost, WantedChange, WantedPost, reconcile
from tests.made import OTHER_SYSTEM, OTHER_UNIT, SYSTEM, key

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
EXPIRES = datetime(2026, 12, 24, 9, 30, tzinfo=UTC)
LANES = {SYSTEM: 1, OTHER_SYSTEM: 2}
CONTENT = "20261224103000"
WANTED = WantedPost(key(), CONTENT, EXPIRES)


def stored(of: PostKey, wanted: str = CONTENT, parked: bool = False) -> StoredPost:
    return StoredPost(LANES[of.source_system], of, wanted, EXPIRES if wanted else None, parked)


def test_a_new_booking_is_wanted_present() -> None:
    assert reconcile([], WANTED, LANES, NOW) == [WantedChange(1, key(), CONTENT, NOW, EXPIRES)]


def test_a_booking_that_is_as_it_should_be_changes_nothing() -> None:
    """Repeats change nothing, whenever they come."""
    assert reconcile([stored(key())], WANTED, LANES, NOW) == []
    assert reconcile([stored(key(), ABSENT)], None, LANES, NOW) == []
    assert reconcile([], None, LANES, NOW) == []


def test_a_new_time_is_an_update_of_the_same_post() -> None:
    """R-10: only mostRecentContent can be updated."""
    later = WantedPost(key(), "20261231103000", EXPIRES + timedelta(days=7))
    assert reconcile([stored(key())], later, LANES, NOW) == [
        WantedChange(1, key(), "20261231103000", NOW, EXPIRES + timedelta(days=7))
    ]


def test_another_expiry_alone_is_written_down() -> None:
    longer = WantedPost(key(), CONTENT, None)
    assert reconcile([stored(key())], longer, LANES, NOW) == [WantedChange(1, key(), CONTENT, NOW, None)]


def test_a_booking_that_should_have_no_post_is_wanted_absent() -> None:
    """R-22"""
    assert reconcile([stored(key())], None, LANES, NOW) == [WantedChange(1, key(), ABSENT, NOW, None)]


def test_a_change_of_anything_in_the_key_is_a_delete_and_a_create() -> None:
    """R-10"""
    for moved in (
        key(care_unit=OTHER_UNIT),
        key(resident_id="200001010009"),
        key(data_controller="SE0"),
        key(source_system=OTHER_SYSTEM),
    ):
        assert reconcile([stored(key())], WantedPost(moved, CONTENT, EXPIRES), LANES, NOW) == [
            WantedChange(1, key(), ABSENT, NOW, None),
            WantedChange(LANES[moved.source_system], moved, CONTENT, NOW, EXPIRES),
        ]


def test_a_booking_that_moves_back_revives_its_old_post() -> None:
    there, back = key(care_unit=OTHER_UNIT), key()
    assert reconcile([stored(back, ABSENT), stored(there)], WANTED, LANES, NOW) == [
        WantedChange(1, back, CONTENT, NOW, EXPIRES),
        WantedChange(1, there, ABSENT, NOW, None),
    ]


def test_a_parked_post_gets_a_new_chance_even_if_it_is_wanted_as_before() -> None:
    assert reconcile([stored(key(), parked=True)], WANTED, LANES, NOW) == [
        WantedChange(1, key(), CONTENT, NOW, EXPIRES)
    ]
    assert reconcile([stored(key(), ABSENT, parked=True)], None, LANES, NOW) == [
        WantedChange(1, key(), ABSENT, NOW, None)
    ]


_KEYS = st.builds(
    lambda unit, system: key(care_unit=unit, source_system=system),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(list(LANES)),
)
_STANDING = st.lists(
    st.builds(stored, _KEYS, st.sampled_from([ABSENT, CONTENT, "20270101000000"]), st.booleans()),
    unique_by=lambda post: post.key,
)
_WANTED = st.none() | st.builds(WantedPost, _KEYS, st.just(CONTENT), st.just(EXPIRES))


@given(_STANDING, _WANTED)
def test_of_all_keys_a_booking_ever_had_exactly_the_wanted_one_is_wanted_present(
    posts: list[StoredPost], wanted: WantedPost | None
) -> None:
    """R-20: exactly one post, whatever came before; and doing it again changes nothing more."""
    state = {post.key: post for post in posts}
    for change in reconcile(posts, wanted, LANES, NOW):
        assert change.lane_id == LANES[change.key.source_system]
        state[change.key] = StoredPost(change.lane_id, change.key, change.wanted, change.expires_at, parked=False)

    present = {post.key: (post.wanted, post.expires_at) for post in state.values() if post.wanted != ABSENT}
    assert present == ({wanted.key: (wanted.content, wanted.expires_at)} if wanted else {})
    assert not any(post.parked for post in state.values())
    assert reconcile(state.values(), wanted, LANES, NOW) == []
