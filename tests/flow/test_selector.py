from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.flow.actions.selector import SelectionError, selection
from relay.store.selection import Selection

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_what_is_typed_is_read() -> None:
    said = selection(NOW, unit="se2321000016-1hz5", state="parked", since="2h", until="2026-11-23T12:30:00+01:00")
    assert said == Selection(
        unit="SE2321000016-1HZ5",
        state=("parked",),
        since=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
        until=datetime(2026, 11, 23, 11, 30, tzinfo=UTC),
    )


def test_a_time_without_a_zone_is_utc() -> None:
    assert selection(NOW, since="2026-11-23 10:00").since == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_empty_texts_and_lists_ask_nothing() -> None:
    assert not selection(NOW, source="", unit="", booking="", state=(), code="", since="", until="", keys=())


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"unit": "no unit"}, "the unit is no HSA-id"),
        ({"state": "stuck"}, "there is no state stuck: expected indexed, pending"),
        ({"since": "yesterday"}, "since is no time"),
        ({"until": "191212121212"}, "until is no time"),
        ({"keys": (1, 2**63)}, "no post has the number 9223372036854775808"),
        ({"keys": (0,)}, "no post has the number 0"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_a_sentence(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(SelectionError, match=text) as refused:
        selection(NOW, **wrong)
    assert "191212121212" not in str(refused.value)
