"""What a page costs at a hundred thousand posts: rows looked at are counted, and no table that grows is read whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import create_engine, text

from relay.console.app import ROWS
from relay.console.bookings import NEAR, stories_of
from relay.console.desk import Desk
from relay.console.lists import LISTS, MOST_WINDOWS
from relay.database import reading
from relay.demo.postgres import Postgres
from relay.flow.inquiry.found import Inquiry
from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.report.survey import look_again
from relay.settings import parse
from relay.store.figures import EXACTLY
from relay.store.selection import WINDOW
from tests.grown import WAITING, cost, explaining
from tests.statements import recorded
from tests.test_query_plans import GROWN, MANY, new_database

# what is asked, and how many rows may be looked at for it: a page of each list, wherever it begins
PAGE: Final = 12 * (ROWS + 1)
ASKED: Final[dict[str, int]] = {
    "calls": PAGE, "calls?before=5000": PAGE, "calls?since=2h": PAGE, "posts": PAGE, "posts?after=50000": PAGE,
    "posts?source=source-3": PAGE, "posts?booking=booking-77": PAGE, "posts?since=2h": PAGE,
    "posts?state=pending": 4 * WAITING, "posts?state=parked": PAGE, "posts?state=discarded": PAGE,
    "parked": PAGE, "parked?code=EI009": PAGE, "rejected": PAGE, "rejected?since=1h": PAGE,
    "rejected?source=source-2": PAGE, "changes": PAGE, "runs": PAGE, "workers": PAGE, "audit": PAGE,
    "lanes": 4 * WAITING,
}  # fmt: skip
_SETTLED_ROWS: Final = """
    INSERT INTO ei_outbox (operation, booking_id, relayed_at, outcome)
    SELECT 'upsert', 'booking-' || i, now(), 'taken' FROM generate_series(1, :rows) i"""
SEARCHED: Final = ("posts?state=absent", "posts?unit=SE2321000016-XX")


@pytest.fixture(scope="module")
def desk(postgres: Postgres) -> Iterator[Desk]:
    """The console of a relay with a hundred thousand posts, of which a few wait or are parked."""
    new_database(postgres, "pages", MANY).dispose()
    index = {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}
    sources = [
        {
            "name": f"source-{n}", "source_systems": [f"system-{n}"], "data_controller": "D",
            "engagement_index": "national", "test_residents": "*",
        }
        for n in range(1, 5)
    ]  # fmt: skip
    document = {
        "environment": "qa", "database_url": postgres.url("pages"), "engagement_index": {"national": index},
        "source": sources,
    }  # fmt: skip
    relay = Relay(parse(document, Path("/tmp")))
    relay.prepare()
    create(relay.store.engine)
    with relay.store.engine.begin() as connection:
        connection.execute(text(_SETTLED_ROWS), {"rows": MANY})
        connection.execute(text("ANALYZE ei_outbox"))
    yield Desk(relay)
    relay.close()
    administrator = create_engine(postgres.url())
    with reading(administrator) as connection:
        connection.execute(text("DROP DATABASE pages WITH (FORCE)"))
    administrator.dispose()


def read(desk: Desk, asked: str) -> Any:
    name, _, query = asked.partition("?")
    return LISTS[name].read(desk, dict(part.split("=") for part in query.split("&") if part), ROWS)


@pytest.mark.parametrize("asked", ASKED)
def test_a_page_looks_at_about_as_many_rows_as_it_shows(desk: Desk, asked: str) -> None:
    with explaining(desk.store.engine) as plans, recorded(desk.store.engine) as statements:
        read(desk, asked)
    whole = [table for table in GROWN if f"Seq Scan {table}" in cost(plans).plan]
    assert whole == []
    assert cost(plans).rows <= ASKED[asked], cost(plans)
    assert not [each for each in statements if "OFFSET" in each]


@pytest.mark.parametrize("asked", SEARCHED)
def test_what_no_index_leads_to_is_searched_for_a_part_at_a_time(desk: Desk, asked: str) -> None:
    """Else the page of ten million posts would come after half a minute, or never."""
    with explaining(desk.store.engine) as plans:
        page = read(desk, asked)
    assert cost(plans).rows <= MOST_WINDOWS * WINDOW + PAGE
    assert page.rows == []


def test_the_start_page_asks_a_fixed_number_of_questions_through_the_engine_that_it_has(desk: Desk) -> None:
    look_again(desk.store, desk.relay)
    with explaining(desk.store.engine) as plans, recorded(desk.store.engine) as statements:
        seen = look_again(desk.store, desk.relay)
    assert [source["unread"] for source in seen.sources] == [0] * 4
    asked = [each for each in statements if not each.startswith("SET")]
    assert 10 < len(asked) <= 30  # over the engine that the page has: a new one would not be seen here
    assert [table for table in GROWN if f"Seq Scan {table}" in cost(plans).plan] == []
    assert cost(plans).rows <= EXACTLY + 10 * WAITING  # of the posts in the index: as many as are counted


@pytest.mark.parametrize(("booking", "there"), [("booking-77", 1), ("nobody-knows", 0)])
def test_a_search_looks_through_a_part_of_the_outboxes(desk: Desk, booking: str, there: int) -> None:
    assert NEAR.rows is not None
    inquiry = Inquiry(desk.relay, None, NEAR)
    with explaining(desk.store.engine) as plans:
        stories = stories_of(inquiry, booking, NEAR)
    assert len(stories) == there
    assert inquiry.back_to or any("back_to" in each.facts for each in stories[0].events)
    assert "Seq Scan ei_outbox" not in cost(plans).plan
    assert cost(plans).rows <= 2 * (1 + there) * NEAR.rows + PAGE  # to find a window's beginning, and what is in it


def test_a_search_goes_on_where_it_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a post that is alone with its unit, and pages that look through a few posts each
    monkeypatch.setattr("relay.store.selection.WINDOW", 10_000)
    last = MANY - 5
    with desk.store.engine.begin() as connection:
        connection.execute(text("UPDATE ei_post SET care_unit = 'SE2321000016-ALONE' WHERE id = :id"), {"id": last})
    # when a page says that it was not looked any further, then the next ones find it
    page, seen, pages = read(desk, "posts?unit=SE2321000016-ALONE"), [], 1
    while page.more is not None:
        assert page.searched
        seen += page.rows
        after = next(iter(page.more.values()))
        page, pages = read(desk, f"posts?unit=SE2321000016-ALONE&after={after}"), pages + 1
    assert [row["key"] for row in [*seen, *page.rows]] == [last]
    assert pages == -(-MANY // (MOST_WINDOWS * 10_000))
