"""`ei-relay changes`: what is held is listed, shown, approved or rejected with a reason that is kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from relay.cli.changes import changes
from relay.cli.status import status
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox import ddl
from relay.settings import load
from relay.store.migrate import upgrade
from tests.cli.test_units_and_sources import _CONFIGURATION
from tests.made import RESIDENT


def write(folder: Path, operation: str, numbers: range) -> None:
    with sqlite3.connect(folder / "relay.db") as outbox:
        outbox.executemany(
            "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at) VALUES (?, ?, ?, ?, ?)",
            [(operation, f"B-{n}", RESIDENT, "NORTH", f"2099-06-01 {8 + n // 60:02}:{n % 60:02}:00") for n in numbers],
        )
    outbox.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A source of 80 posts in the index, all of which were cancelled at once."""
    file = tmp_path / "relay.toml"
    file.write_text(_CONFIGURATION.format(folder=tmp_path))
    (tmp_path / "units.csv").write_text("hsa_id,active\nNORTH,true\n")
    monkeypatch.setenv("EI_RELAY_CONFIG", str(file))
    monkeypatch.setenv("EI_RELAY_WHO", "anna")
    relay = Relay(load())
    upgrade(relay.store.engine)
    ddl.create(relay.store.engine)
    relay.prepare()
    write(tmp_path, "upsert", range(80))
    intake(relay, "tidbok")
    with sqlite3.connect(tmp_path / "relay.db") as database:
        database.execute("UPDATE ei_post SET known = wanted")
    database.close()
    write(tmp_path, "remove", range(80))
    intake(relay, "tidbok")
    yield relay
    relay.close()


def run(*arguments: str, command: Any = changes) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def removed(folder: Path) -> int:
    with sqlite3.connect(folder / "relay.db") as database:
        number: int = database.execute("SELECT count(*) FROM ei_post WHERE wanted = '' AND bulk").fetchone()[0]
    database.close()
    return number


def test_what_is_held_is_listed_and_shown(site: Relay) -> None:
    (change,) = json.loads(run("list", "--json").output)
    assert (change["source"], change["kind"], change["status"], change["removed"]) == ("tidbok", "removals", "held", 80)
    shown = json.loads(run("show", "1", "--json").output)
    assert (shown["bookings_held"], shown["present"]) == (80, 80)
    assert "80 posts of 80 would be removed" in run("show", "1").output
    assert RESIDENT not in run("show", "1").output
    # And status says so
    told = json.loads(run("--json", command=status).output)
    assert not told["ok"]
    assert any("change 1 of many posts is held (80 removed" in line for line in told["wrong"])


def test_a_word_needs_a_reason(site: Relay, tmp_path: Path) -> None:
    assert run("approve", "1").exit_code == 2
    assert run("reject", "1", "--reason", " ").exit_code == 2
    assert removed(tmp_path) == 0


def test_what_is_approved_is_done_and_noted(site: Relay, tmp_path: Path) -> None:
    done = run("approve", "1", "--reason", "the clinic closes")
    assert done.exit_code == 0
    assert "change 1 is approved: 80 bookings are followed now" in done.output
    assert removed(tmp_path) == 80
    assert run("list").exit_code == 3
    assert run("approve", "1", "--reason", "again").exit_code == 1
    with sqlite3.connect(tmp_path / "relay.db") as database:
        noted = database.execute("SELECT who, command, reason FROM ei_audit").fetchall()
    database.close()
    assert noted == [("anna", "changes approve", "the clinic closes")]


def test_what_is_rejected_changes_nothing(site: Relay, tmp_path: Path) -> None:
    assert run("reject", "1", "--reason", "a bug").exit_code == 0
    assert removed(tmp_path) == 0
    assert json.loads(run("list", "--json").output)[0]["status"] == "rejected"


def test_an_unknown_change(site: Relay) -> None:
    assert run("show", "99").exit_code == 3
    assert run("approve", "99", "--reason", "x").exit_code == 3
