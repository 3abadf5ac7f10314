"""What a step costs, in counts of statements and calls, which no busy machine changes.

A number here is the present one and may be lowered. Raising one, or letting it grow with the number of rows, is
to be a decision and not an accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import pytest
from sqlalchemy import event, insert

from relay.flow.delivery.step import deliver
from relay.flow.intake.step import BATCH, intake
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.outbox import ddl
from relay.outbox.table import outbox_table
from relay.sandbox.server import Sandbox
from relay.settings import parse
from tests.made import CONTROLLER, RESIDENT, SYSTEM, UNIT
from tests.statements import recorded

INTAKE: Final = 13  # statements for a batch: 1 to read, 11 to settle, 1 to mark
CALL: Final = 11  # statements for a call: 7 before it, 4 after
COMPANY: Final = 2  # more for a post that would go alone: who went alone before, and who goes along
SUMMARY: Final = 1  # statements for a look at what is due where nothing is
LOOK: Final = 3  # where something is, with one index: the summary, the clock, and which lanes


class Site:
    """A relay of one source and one lane, whose statements and calls are counted."""

    def __init__(self, relay: Relay, sandbox: Sandbox) -> None:
        self.relay = relay
        self._sandbox = sandbox

    def book(self, numbers: range) -> None:
        """Write a new booking for each number to the outbox."""
        engine = self.relay.store.engine
        starts_at = datetime(2040, 6, 1, 9, 30)
        said = {"operation": "upsert", "resident_id": RESIDENT, "care_unit": UNIT,
                "starts_at": starts_at.isoformat() if engine.dialect.name == "sqlite" else starts_at}  # fmt: skip
        rows = [said | {"booking_id": f"booking-{n}", "event_id": f"event-{n}"} for n in numbers]
        with engine.begin() as connection:
            connection.execute(insert(outbox_table(dialect=engine.dialect.name)), rows)

    def intake(self) -> int:
        """Take a batch from the outbox; how many statements that was."""
        return self._statements(lambda: intake(self.relay, "clinic"))

    def deliver(self) -> int:
        """Make a call, or find that there is none to make; how many statements that was."""
        (lane,) = self.relay.lane_names
        return self._statements(lambda: deliver(self.relay, lane))

    def look(self) -> int:
        """Ask what is due; how many statements that was."""
        return self._statements(lambda: due_work(self.relay))

    @property
    def calls(self) -> list[int]:
        """How many posts each call carried."""
        return [call["posts"] for call in self._sandbox.core.calls()]

    def _statements(self, step: Callable[[], object]) -> int:
        with recorded(self.relay.store.engine) as statements:
            step()
        return len(statements)


@pytest.fixture
def site(relay_url: str) -> Iterator[Site]:
    """A site that has been at work: what is asked only at start is not counted."""
    with Sandbox() as sandbox:
        relay = Relay(parse(_document(relay_url, sandbox.update_url)))
        ddl.create(relay.store.engine)
        relay.prepare()
        site = Site(relay, sandbox)
        for numbers in (range(-1, 0), range(-3, -1)):  # one alone, which is asked about when others go
            site.book(numbers)
            site.look()
            site.intake()
            site.deliver()
        sandbox.core.reset()
        yield site
        relay.close()


def _document(database_url: str, index_url: str) -> dict[str, Any]:
    return {
        "environment": "production",
        "database_url": database_url,
        "surge_guard": {"alike": 1_000_000},  # all bookings here are of one resident
        "engagement_index": {"practice": {"url": index_url, "logical_address": "5565594230"}},
        "source": [
            {
                "name": "clinic",
                "source_systems": [SYSTEM],
                "data_controller": CONTROLLER,
                "engagement_index": "practice",
            }
        ],
    }


@pytest.mark.parametrize("rows", [1, BATCH])
def test_intake_of_a_batch(site: Site, rows: int) -> None:
    site.book(range(rows))

    statements = site.intake()

    assert statements <= INTAKE


@pytest.mark.parametrize("posts", [1, 1000])
def test_a_call(site: Site, posts: int) -> None:
    site.book(range(posts))
    site.intake()

    statements = site.deliver()

    assert site.calls == [posts]
    assert statements <= CALL + (COMPANY if posts == 1 else 0)


def test_a_thousand_and_three_waiting_posts_are_two_calls(site: Site) -> None:
    """R-30"""
    site.book(range(1003))
    site.intake()
    site.intake()

    for _ in range(3):
        site.deliver()

    assert site.calls == [1000, 3]


def test_a_look_when_there_is_nothing_to_do(site: Site) -> None:
    assert site.look() <= SUMMARY


def test_a_look_when_much_is_to_be_done(site: Site) -> None:
    site.book(range(BATCH))
    site.intake()

    assert site.look() <= LOOK


def test_no_statement_is_compiled_twice(site: Site) -> None:
    """SQLAlchemy compiles a statement once, whatever the number of rows and their values."""
    compiled: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool) -> None:
        if not sql.startswith(("BEGIN", "COPY")) and context.cache_hit.name != "CACHE_HIT":
            compiled.append(sql)

    site.book(range(30))
    event.listen(site.relay.store.engine, "before_cursor_execute", note)

    site.look()
    site.intake()
    site.deliver()

    assert compiled == []
