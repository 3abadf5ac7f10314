from __future__ import annotations

from typing import Any

import pytest

from relay.settings import parse

Document = dict[str, Any]


@pytest.mark.parametrize("environment", ["qa", "production"])
@pytest.mark.parametrize(
    ("key", "value", "shown", "advice"),
    [
        ("url", "http://ei.example/Update", '"http://ei.example/Update"', "use https://"),
        ("max_posts_per_call", 1001, "1001", "at most 1000 posts a call (R-30)"),
        ("key_spacing", "299s", '"299s"', "at least 5m (R-32)"),
        ("retry_after_fault", "1s", '"1s"', "at least 5m (R-35)"),
        ("bulk_call_interval", "4.9s", '"4900ms"', "at least 5s (R-34)"),
        ("split_call_interval", "0s", '"0s"', "the default is 5s"),
        ("read_timeout", "74s", '"74s"', "the platform answers after up to 72 s"),
    ],
)
def test_what_is_allowed_but_warned_of(
    document: Document, index: Document, environment: str, key: str, value: object, shown: str, advice: str
) -> None:
    document["environment"] = environment
    document["source"][0]["test_residents"] = "*"
    index[key] = value

    (warning,) = parse(document).warnings

    assert warning.key == f"engagement_index.national.{key}"
    assert advice in warning.expected
    assert warning.value in (shown, '"4.9s"')


def test_two_sources_may_share_a_table_with_a_warning(document: Document, source: Document) -> None:
    document["source"].append({**source, "name": "b", "source_systems": ["SE2"]})

    (warning,) = parse(document).warnings

    assert (warning.key, warning.value) == ("source.b.outbox_table", '"ei_outbox"')
    assert "the same table as source.tidbok-nord's" in warning.expected


def test_two_users_of_what_may_be_one_table_are_warned_of(document: Document, source: Document) -> None:
    source["outbox_url"] = "postgresql+psycopg://a@bookings/booking"
    other = {"name": "b", "source_systems": ["SE2"], "outbox_url": "postgresql+psycopg://b@bookings/booking"}
    document["source"].append(source | other)

    (warning,) = parse(document).warnings

    assert warning.key == "source.b.outbox_table"
    assert "unless their users have schemas of their own" in warning.expected


def test_a_table_of_ones_own_is_not_warned_of(document: Document, source: Document) -> None:
    document["source"].append({**source, "name": "b", "source_systems": ["SE2"], "outbox_table": "booking.ei_outbox"})

    assert parse(document).warnings == ()
