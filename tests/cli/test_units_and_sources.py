"""`ei-relay units apply` and `ei-relay sources`: shown before it is done, noted, and then waiting as bulk."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli import bulk
from relay.cli.sources import sources
from relay.cli.status import status
from relay.cli.units import units
from relay.difference import Tally
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox import ddl
from relay.settings import load
from relay.store.migrate import upgrade
from tests.made import RESIDENT

_CONFIGURATION = """
environment = "production"
database_url = "sqlite:///{folder}/relay.db"
[engagement_index.practice]
url = "http://127.0.0.1:1/Update"
logical_address = "5565594230"
[[source]]
name = "tidbok"
source_systems = ["SYSTEM-OLD"]
data_controller = "SE232100-0016"
engagement_index = "practice"
care_units = "units.csv"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with bookings at two units, of which one is connected; the folder of its files."""
    file = tmp_path / "relay.toml"
    file.write_text(_CONFIGURATION.format(folder=tmp_path))
    (tmp_path / "units.csv").write_text("hsa_id,active\nNORTH,true\nSOUTH,false\n")
    monkeypatch.setenv("EI_RELAY_CONFIG", str(file))
    monkeypatch.setenv("EI_RELAY_WHO", "anna")
    relay = Relay(load())
    upgrade(relay.store.engine)
    ddl.create(relay.store.engine)
    relay.prepare()
    with sqlite3.connect(tmp_path / "relay.db") as connection:
        for booking_id, unit in (("B-1", "NORTH"), ("B-2", "SOUTH"), ("B-3", "SOUTH")):
            connection.execute(
                "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at)"
                " VALUES ('upsert', ?, '191212121212', ?, '2040-12-24 10:00')",
                (booking_id, unit),
            )
    intake(relay, "tidbok")
    relay.close()
    return tmp_path


def run(*arguments: str, answer: str = "") -> Result:
    group = units if arguments[0] == "apply" else sources
    return CliRunner().invoke(group, arguments, input=answer, catch_exceptions=False)


def ask(site: Path, question: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(site / "relay.db") as connection:
        return list(connection.execute(question))


def wanted(site: Path) -> set[object]:
    return {booking for (booking,) in ask(site, "SELECT booking_id FROM ei_post WHERE wanted <> ''")}


def audited(site: Path) -> list[tuple[object, ...]]:
    return ask(site, "SELECT who, command, subject, reason FROM ei_audit")


def connect_the_south(site: Path) -> None:
    file = site / "units.csv"
    file.write_text(file.read_text().replace("false", "true"))


def test_apply_shows_what_it_will_do_and_asks(site: Path) -> None:
    connect_the_south(site)
    result = run("apply", answer="n\n")
    assert result.exit_code == 1
    assert "tidbok: 2 posts created, 0 removed, 0 changed, 0 moved" in result.output
    assert re.search(r"^SOUTH +2 +0 +0 +0$", result.output, re.MULTILINE)
    assert (wanted(site), audited(site)) == ({"B-1"}, [])


def test_an_identity_where_a_unit_belongs_is_not_shown() -> None:
    assert [row["care_unit"] for row in bulk.facts({RESIDENT: Tally(created=1)})] == ["[identity]"]


def test_apply_publishes_in_bulk_and_is_audited(site: Path) -> None:
    connect_the_south(site)
    result = run("apply", "--source", "tidbok", "--reason", "order 7", answer="y\n")
    assert result.exit_code == 0
    assert "tidbok: done, 2 posts created" in result.output
    assert wanted(site) == {"B-1", "B-2", "B-3"}
    assert ask(site, "SELECT booking_id FROM ei_post WHERE bulk ORDER BY booking_id") == [("B-2",), ("B-3",)]
    assert audited(site) == [
        ("anna", "units apply", "tidbok: 2 posts created, 0 removed, 0 changed, 0 moved", "order 7")
    ]
    # And again there is nothing to do, and nothing to ask
    assert "tidbok: 0 posts created, 0 removed, 0 changed, 0 moved" in run("apply").output


def test_a_dry_run_only_shows(site: Path) -> None:
    connect_the_south(site)
    result = run("apply", "--dry-run", "--json")
    assert json.loads(result.stdout) == [
        {
            "source": "tidbok",
            "units": [{"care_unit": "SOUTH", "created": 2, "removed": 0, "changed": 0, "moved": 0}],
        }
    ]
    assert (wanted(site), audited(site)) == ({"B-1"}, [])


def test_json_and_yes_leave_one_document_on_stdout(site: Path) -> None:
    connect_the_south(site)
    result = run("apply", "--json", "--yes")
    assert json.loads(result.stdout)[0]["source"] == "tidbok"
    assert "tidbok: done" in result.stderr
    assert wanted(site) == {"B-1", "B-2", "B-3"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--source", "unknown"),
        ("retire", "unknown", "--reason", "x"),
        ("restore", "unknown", "--reason", "x"),
        ("move", "tidbok", "--from", "SYSTEM-OTHER", "--to", "SYSTEM-OLD", "--reason", "x"),
    ],
)
def test_what_is_not_there_is_nothing_matched(site: Path, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 3


def test_a_reason_is_required(site: Path) -> None:
    assert run("retire", "tidbok", "--yes").exit_code == 2
    assert run("retire", "tidbok", "--yes", "--reason", " ").exit_code == 2
    assert wanted(site) == {"B-1"}


def test_a_source_is_retired_and_restored(site: Path) -> None:
    result = run("retire", "tidbok", "--reason", "closed", "--yes")
    assert "tidbok: 0 posts created, 1 removed, 0 changed, 0 moved" in result.output
    assert wanted(site) == set()
    (listed,) = json.loads(run("list", "--json").output)
    assert listed["configured"] is True
    assert listed["retired_at"]
    assert "tidbok is retired: it has no posts" in run("apply", "--yes").output
    assert wanted(site) == set()

    run("restore", "tidbok", "--reason", "back", "--yes")

    assert wanted(site) == {"B-1"}
    assert [(command, reason) for _, command, _, reason in audited(site)] == [
        ("sources retire", "closed"),
        ("sources restore", "back"),
    ]


def test_a_source_is_retired_after_it_left_the_configuration(site: Path) -> None:
    file = site / "relay.toml"
    file.write_text(file.read_text().replace("tidbok", "nytt").replace("SYSTEM-OLD", "SYSTEM-OTHER"))
    assert run("retire", "tidbok", "--reason", "closed", "--yes").exit_code == 0
    assert wanted(site) == set()


def test_a_source_that_left_the_configuration_is_wrong_until_it_is_retired(site: Path) -> None:
    """`sources retire`: it may stand in the configuration still, or not any more."""
    file = site / "relay.toml"
    file.write_text(file.read_text().replace("tidbok", "nytt").replace("SYSTEM-OLD", "SYSTEM-OTHER"))
    assert told_wrong() == ["source tidbok: is no longer in the configuration"]

    run("retire", "tidbok", "--reason", "closed", "--yes")
    assert told_wrong() == []


def told_wrong() -> list[str]:
    said: list[str] = json.loads(CliRunner().invoke(status, ["--json"]).stdout)["wrong"]
    return said


def test_a_source_gets_another_hsa_id(site: Path) -> None:
    file = site / "relay.toml"
    file.write_text(file.read_text().replace("SYSTEM-OLD", "System-New"))
    command = ("move", "tidbok", "--from", "system-old", "--to", "SYSTEM-NEW", "--reason", "new id")

    assert "tidbok: 0 posts created, 0 removed, 0 changed, 1 moved" in run(*command, "--dry-run").output
    assert ask(site, "SELECT count(*) FROM ei_post") == [(1,)]
    assert run(*command, "--yes").exit_code == 0

    stands = "SELECT source_system, wanted <> '', bulk FROM ei_post JOIN ei_lane ON ei_lane.id = lane_id ORDER BY 1"
    assert ask(site, stands) == [("SYSTEM-OLD", 0, 0), ("System-New", 1, 1)]  # the old one waited live
    assert ask(site, "SELECT DISTINCT source_system FROM ei_booking") == [("System-New",)]
    assert audited(site)[0][1:] == (
        "sources move",
        "tidbok SYSTEM-OLD to System-New: 0 posts created, 0 removed, 0 changed, 1 moved",
        "new id",
    )


def test_status_tells_of_posts_under_another_spelling_of_a_source_system(site: Path) -> None:
    """R-08 and R-52: new changes go out as it is spelt now, and what stands stays under what it was."""

    def told() -> list[str]:
        said: list[str] = json.loads(CliRunner().invoke(status, ["--json"]).stdout)["look_at"]
        return [line for line in said if "spells" in line]

    assert told() == []
    file = site / "relay.toml"
    file.write_text(file.read_text().replace("SYSTEM-OLD", "System-Old"))
    assert told() == [
        "source tidbok: posts stand in the index under source system SYSTEM-OLD, which the configuration now spells "
        "System-Old: `ei-relay sources move tidbok --from SYSTEM-OLD --to System-Old`"
    ]
    assert run("move", "tidbok", "--from", "SYSTEM-OLD", "--to", "System-Old", "--reason", "x", "--yes").exit_code == 0
    assert told() == []


@pytest.mark.parametrize("old", ["SYSTEM-OLD", "system-old"])
def test_a_source_moves_to_its_hsa_id_in_another_case(site: Path, old: str) -> None:
    """R-08: the index compares byte by byte, so each post is deleted in one spelling and created in the other."""
    file = site / "relay.toml"
    file.write_text(file.read_text().replace("SYSTEM-OLD", "System-Old"))

    moved = run("move", "tidbok", "--from", old, "--to", "System-Old", "--reason", "as in the order (R-52)", "--yes")

    assert "tidbok: done, 0 posts created, 0 removed, 0 changed, 1 moved" in moved.output
    stands = "SELECT source_system, wanted <> '' FROM ei_post JOIN ei_lane ON ei_lane.id = lane_id ORDER BY 1"
    assert ask(site, stands) == [("SYSTEM-OLD", 0), ("System-Old", 1)]


def test_a_source_moves_to_its_own_systems_only(site: Path) -> None:
    command = ("move", "tidbok", "--from", "SYSTEM-OLD", "--reason", "x", "--to")
    assert run(*command, "SYSTEM-OTHER").exit_code == 2
    assert run(*command, "system-old").exit_code == 2
