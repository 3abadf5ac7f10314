"""The comparison with a booking system's own tables by hand, and what `status` and `config check` say of it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli.main import cli
from relay.database import connect
from relay.flow.maintenance.nightly_lists import compare_now
from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.settings import load
from relay.store.migrate import upgrade
from tests.cli.configuration import RIGHT

DONE, FAILED, WRONG_USAGE, NOTHING_MATCHED = range(4)
QUERY = "SELECT id AS booking_id, resident AS resident_id, unit AS care_unit, at AS starts_at FROM appointment"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """A booking system's table with twenty bookings, of which the relay knows nothing."""
    settings = tmp_path / "relay.toml"
    settings.write_text(
        RIGHT.format(folder=tmp_path) + f'full_list_query = "{QUERY}"\noutbox_url = "sqlite:///{tmp_path}/vendor.db"\n'
    )
    monkeypatch.setenv("EI_RELAY_CONFIG", str(settings))
    monkeypatch.setenv("EI_RELAY_WHO", "the night shift")
    for name, make in (("relay.db", upgrade), ("vendor.db", create)):
        engine = connect(f"sqlite:///{tmp_path}/{name}")
        make(engine)  # type: ignore[operator]
        engine.dispose()
    there = sqlite3.connect(tmp_path / "vendor.db", isolation_level=None)
    there.execute("CREATE TABLE appointment (id, resident, unit, at)")
    rows = [(f"b-{n}", "191212121212", "SE2321000016-1HZ5", "2040-06-01 10:30") for n in range(20)]
    there.executemany("INSERT INTO appointment VALUES (?, ?, ?, ?)", rows)
    return there


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["snapshot", "query", "--source", "tidbok-nord", *arguments], input=answer)


def status() -> dict[str, object]:
    told: dict[str, object] = json.loads(CliRunner().invoke(cli, ["status", "--json"]).output)
    return told


def test_what_differs_is_shown_then_done(vendor: sqlite3.Connection) -> None:
    shown = run("--dry-run")
    assert (shown.exit_code, "created           20" in shown.output) == (DONE, True)
    told = status()["full_lists"]
    assert isinstance(told, list)
    assert (told[0]["source"], told[0]["compared_at"], told[0]["listed"]) == ("tidbok-nord", None, None)

    done = run("--reason", "a first list", answer="y\n")
    assert (done.exit_code, "20 bookings changed" in done.output) == (DONE, True)
    vendor.execute("DELETE FROM appointment WHERE id = 'b-7'")
    vendor.execute("UPDATE appointment SET unit = 'no unit' WHERE id = 'b-8'")
    again = json.loads(run("--json", "--yes", "--reason", "a trigger was off").output)
    assert (again["gone"], again["created"], again["changed"], again["rejected"]) == (1, 0, 0, 1)
    assert again["rejected_rows"][0]["booking_id"] == "b-8"
    assert again["applied"] == {"changed": 1, "held": 0}

    audit = json.loads(CliRunner().invoke(cli, ["audit", "list", "--json"]).output)
    assert [(e["who"], e["command"], e["reason"]) for e in audit] == [
        ("the night shift", "full list", "a trigger was off"), ("the night shift", "full list", "a first list"),
    ]  # fmt: skip


def test_what_is_not_believed_is_done_only_when_somebody_says_so(vendor: sqlite3.Connection) -> None:
    run("--yes", "--reason", "a first list")
    vendor.execute("DELETE FROM appointment WHERE id <> 'b-7'")
    refused = run("--yes", "--reason", "at night")
    assert (refused.exit_code, "lacks 19 of 20" in refused.output) == (FAILED, True)
    assert json.loads(run("--json", "--dry-run").output)["refused"]
    done = run("--yes", "--allow-removals", "--reason", "they closed")
    assert (done.exit_code, "19 bookings changed" in done.output) == (DONE, True)


def test_wrong_usage(vendor: sqlite3.Connection) -> None:
    assert run().exit_code == WRONG_USAGE
    assert run("--json", "--reason", "x").exit_code == WRONG_USAGE
    assert CliRunner().invoke(cli, ["snapshot", "query", "--source", "x", "--dry-run"]).exit_code == NOTHING_MATCHED
    vendor.execute("ALTER TABLE appointment RENAME TO away")
    assert "a table or view that it names is not there" in run("--dry-run").output


def test_status_says_what_is_wrong_with_the_list_and_when_it_was_compared(
    vendor: sqlite3.Connection, tmp_path: Path
) -> None:
    relay = Relay(load(str(tmp_path / "relay.toml")))
    relay.prepare()
    vendor.execute("UPDATE appointment SET at = NULL WHERE id = 'b-3'")
    assert compare_now(relay, "tidbok-nord")
    told = status()
    wrong = told["wrong"]
    assert isinstance(wrong, list)
    assert wrong[-1] == (
        "source tidbok-nord: its full list has 1 rows that cannot be read, the first: booking b-3: starts_at: is "
        "missing, it is required for a booking"
    )
    before = told["full_lists"]
    vendor.execute("ALTER TABLE appointment RENAME TO away")
    assert not compare_now(relay, "tidbok-nord")
    told = status()
    wrong, lists = told["wrong"], told["full_lists"]
    assert isinstance(wrong, list)
    assert isinstance(lists, list)
    assert isinstance(before, list)
    assert wrong[-2].startswith("source tidbok-nord: its full list was not compared: the query failed: a table or view")
    assert (lists[0]["compared_at"], lists[0]["created"]) == (before[0]["compared_at"], 19)
    relay.close()


def test_config_check_tries_the_query(vendor: sqlite3.Connection) -> None:
    def said() -> str:
        told = json.loads(CliRunner().invoke(cli, ["config", "check", "--connect", "--json"]).output)
        (probe,) = [each for each in told["connections"] if each["target"].endswith("full_list_query")]
        return str(probe["text"])

    assert said() == "the query runs, and has the right columns"
    vendor.execute("ALTER TABLE appointment RENAME COLUMN unit TO ward")
    assert "a column that it names is not there" in said()
