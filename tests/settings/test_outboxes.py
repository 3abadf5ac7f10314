from __future__ import annotations

from pathlib import Path

import pytest

from relay.settings.outboxes import place_of

WRITTEN = "postgresql+psycopg://reader:pw@Bookings/booking"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WRITTEN, "postgresql://reader:other@bookings:5432/booking"),
        ("mysql+pymysql://reader@db/booking", "mariadb+pymysql://reader@db:3306/booking"),
        ("sqlite:///relay.db", f"sqlite:///{Path.cwd()}/./relay.db"),
        (f"{WRITTEN}?sslmode=require&connect_timeout=3", f"{WRITTEN}?connect_timeout=3&sslmode=require"),
    ],
)
def test_the_same_table_is_the_same_however_it_is_written(one: str, other: str) -> None:
    assert place_of(one, "ei_outbox") == place_of(other, "ei_outbox")


@pytest.mark.parametrize(
    ("url", "table"),
    [
        (WRITTEN, "other.ei_outbox"),
        (WRITTEN.replace("Bookings", "elsewhere"), "ei_outbox"),
        (WRITTEN.replace("Bookings", "bookings:5433"), "ei_outbox"),
        (WRITTEN.replace("/booking", "/other"), "ei_outbox"),
        (f"{WRITTEN}?options=-csearch_path%3Dother", "ei_outbox"),
    ],
)
def test_another_table_is_another_for_whoever_reads_it(url: str, table: str) -> None:
    assert place_of(url, table).for_any_user != place_of(WRITTEN, "ei_outbox").for_any_user


def test_another_user_may_read_another_table() -> None:
    other = place_of(WRITTEN.replace("reader", "nord"), "ei_outbox")
    assert other != place_of(WRITTEN, "ei_outbox")
    assert other.for_any_user == place_of(WRITTEN, "ei_outbox").for_any_user
