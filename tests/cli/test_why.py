"""`why`: what it finds by booking, row, event and person; its last line, its JSON and its exit codes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.flow.site import FlowSite
from tests.made import RESIDENT

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FlowSite]:
    site = FlowSite(tmp_path, url="http://127.0.0.1:9/Update")
    site.insert("b-1")
    site.take_in()
    site.insert("b-2")
    yield site
    site.close()


@pytest.mark.parametrize(
    ("asked", "booking"),
    [
        (["--booking", "b-1"], "b-1"),
        (["--booking", "b-1", "--source", "tidbok"], "b-1"),
        (["--booking", "b-2"], "b-2"),  # its row waits unread
        (["--row", "1"], "b-1"),
        (["--row", "2"], "b-2"),
    ],
)
def test_a_booking_is_found_and_the_last_line_is_the_answer(run: Run, asked: list[str], booking: str) -> None:
    text = run("why", *asked).stdout
    told = json.loads(run("why", *asked, "--json").stdout)

    assert text.startswith(f"booking {booking} of tidbok\n")
    assert text.splitlines()[-1].startswith("It is not in the index, because ")
    assert "no worker has looked at this source yet" in text.splitlines()[-1]
    assert text.splitlines()[-1] == told["answer"]
    assert (told["in_index"], told["reason"], told["booking_id"]) == (False, "no_worker", booking)
    assert {"row"} <= {event["kind"] for event in told["events"]}
    assert told["events"][0]["at"].endswith("+00:00")


def test_it_is_told_in_swedish_to_whoever_asks_for_that(run: Run) -> None:
    text = run("why", "--booking", "b-1", "--language", "sv").stdout
    assert text.startswith("bokning b-1 från tidbok\n")
    assert text.splitlines()[-1].startswith(
        "Den finns inte i indexet, eftersom ingen arbetsprocess har tittat på källan ännu"
    )


def test_an_event_leads_to_the_booking(run: Run, site: FlowSite) -> None:
    site.ask("UPDATE ei_outbox SET event_id = 'e-2' WHERE id = 2")
    assert json.loads(run("why", "--event", "e-2", "--json").stdout)["booking_id"] == "b-2"


def test_a_person_is_asked_for_with_an_entry_in_the_audit_log(run: Run, site: FlowSite) -> None:
    # given two bookings of one person that were taken
    site.take_in()
    # when somebody asks for the person
    told = json.loads(run("why", "--resident", RESIDENT, "--reason", "she called", "--json").stdout)
    # then both are told of, and who asked is kept without whom for
    assert {story["booking_id"] for story in told["stories"]} == {"b-1", "b-2"}
    assert told["reason"] == "several"
    (entry,) = json.loads(run("audit", "list", "--json").stdout)
    assert (entry["who"], entry["command"], entry["subject"], entry["reason"]) == (
        "anna", "why --resident", "every source", "she called",
    )  # fmt: skip
    assert "Of 2 bookings 0 are in the index" in run("why", "--resident", RESIDENT).stdout.splitlines()[-1]


def test_nothing_known_says_so(run: Run, site: FlowSite) -> None:
    assert "nothing is known of it; see that the id" in run("why", "--booking", "b-3", code=3).stderr
    assert "inget är känt om den; kontrollera" in run("why", "--booking", "b-3", "--language", "sv", code=3).stderr
    told = json.loads(run("why", "--booking", "b-3", "--json", code=3).stdout)
    assert (told["in_index"], told["reason"], told["events"]) == (None, "nothing_known", [])
    assert "no source is called nope" in run("why", "--booking", "b-1", "--source", "nope", code=3).stderr
    assert "did you mean tidbok?" in run("why", "--booking", "b-1", "--source", "tidbo", code=3).stderr
    assert "no booking of this resident" in run("why", "--resident", "201212121212", code=3).stderr


def test_an_outbox_that_is_away_is_said_where_nothing_is_known(run: Run, site: FlowSite, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "relay.db") as database:
        database.execute("ALTER TABLE ei_outbox RENAME TO gone")
    database.close()
    said = run("why", "--booking", "b-3", code=3).stderr
    assert "a row may wait in the outbox of tidbok, which cannot be read: the table ei_outbox is not there" in said


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--booking", "b-1", "--row", "1"],
        ["--booking", ""],
        ["--row", "0"],
        ["--resident", "191212121213"],
        ["--resident", ""],
    ],
)
def test_wrong_usage_is_2(run: Run, wrong: list[str]) -> None:
    assert "191212121213" not in run("why", *wrong, code=2).output
