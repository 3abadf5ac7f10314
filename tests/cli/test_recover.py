"""`ei-relay recover`: what it asks for, what a dry run says, what it does, and its exit codes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from relay.cli.audit import audit
from relay.cli.recover import recover
from relay.cli.status import status
from relay.flow.delivery.step import begin
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox import ddl
from relay.settings import load
from relay.store.lanes import LaneName
from relay.store.migrate import upgrade
from tests.cli.configuration import RIGHT
from tests.made import RESIDENT

SOURCE = "tidbok-nord"
LANE = LaneName("practice", "SE2321000016-84GX")


def write(folder: Path, operation: str, *bookings: str) -> None:
    with closing(sqlite3.connect(folder / "outbox.db")) as outbox, outbox:
        outbox.executemany(
            "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at) VALUES (?, ?, ?, ?, ?)",
            [(operation, booking, RESIDENT, "NORTH", "2099-06-01 08:00:00") for booking in bookings],
        )


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


def new_relay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Relay:
    file = folder / "relay.toml"
    file.write_text(RIGHT.format(folder=folder) + f'outbox_url = "sqlite:///{folder}/outbox.db"\n')
    monkeypatch.setenv("EI_RELAY_CONFIG", str(file))
    monkeypatch.setenv("EI_RELAY_WHO", "anna")
    relay = Relay(load())
    upgrade(relay.store.engine)
    ddl.create(relay.source(SOURCE).reader.engine)
    relay.prepare()
    return relay


@pytest.fixture
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two bookings and a backup a day ago; then one booking was cancelled and one made; the backup was restored."""
    relay = new_relay(tmp_path, monkeypatch)
    write(tmp_path, "upsert", "A", "B")
    intake(relay, SOURCE)
    relay.close()
    execute(tmp_path / "relay.db", "UPDATE ei_receipt SET settled_at = '2026-01-01T00:00:00.000000+00:00'")
    execute(tmp_path / "relay.db", "UPDATE ei_post SET known = wanted")
    with closing(sqlite3.connect(tmp_path / "relay.db")) as database, closing(sqlite3.connect(tmp_path / "old")) as old:
        database.backup(old)
    relay = Relay(load())
    write(tmp_path, "remove", "A")
    write(tmp_path, "upsert", "C")
    intake(relay, SOURCE)
    relay.close()
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"relay.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "old", tmp_path / "relay.db")
    return tmp_path  # type: ignore[return-value]


def run(*arguments: str, command: Any = recover) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def pending(folder: Path) -> set[tuple[str, str, bool]]:
    with closing(sqlite3.connect(folder / "relay.db")) as database:
        asked = "SELECT booking_id, wanted, bulk FROM ei_post WHERE wanted <> known"
        return {(booking, wanted, bool(bulk)) for booking, wanted, bulk in database.execute(asked)}


def notice() -> None:
    relay = Relay(load())
    relay.prepare()
    intake(relay, SOURCE)
    relay.close()


def test_a_dry_run_needs_no_reason_and_changes_nothing(restored: Path) -> None:
    told = run("--since", "2026-01-01T00:00Z", "--dry-run", "--json")
    assert told.exit_code == 0
    (source,) = json.loads(told.stdout)["sources"]
    counts = {name: source[name] for name in ("rows", "lost", "bookings", "keys", "deletes", "calls", "minutes")}
    assert counts == {"rows": 4, "lost": 2, "bookings": 3, "keys": 3, "deletes": 1, "calls": 1, "minutes": 1}
    assert pending(restored) == set()
    assert json.loads(run("--json", command=status).stdout)["sources"][0]["restore_suspected_at"] is None


def test_a_restore_is_noticed_told_of_and_ended_by_a_recovery(restored: Path) -> None:
    # Given workers that began again
    notice()
    told = json.loads(run("--json", command=status).stdout)
    assert not told["ok"]
    assert "`ei-relay recover --source tidbok-nord`" in told["wrong"][0]
    # When it is recovered, from the time that was found
    done = run("--source", SOURCE, "--reason", "the disk died")
    # Then what is wanted by now is sent in bulk, what is not known included, and the reason is kept
    assert done.exit_code == 0, done.output
    assert "2 of them unknown here" in done.stdout
    assert "rows read again" in done.stderr
    assert pending(restored) == {("A", "", True), ("B", "20990601080000", True), ("C", "20990601080000", True)}
    assert not any("recover" in line for line in json.loads(run("--json", command=status).stdout)["wrong"])
    noted = json.loads(run("list", "--json", command=audit).stdout)
    assert {(each["command"], each["reason"]) for each in noted} >= {
        ("recover", "the disk died"),
        ("recover ended", "the disk died"),
    }
    # And done again, it does no harm
    assert run("--since", "2026-01-01T00:00Z", "--reason", "to be sure").exit_code == 0


def test_what_stands_can_be_trusted(restored: Path) -> None:
    notice()
    assert run("--trust", "--source", SOURCE, "--reason", "the outbox is a copy").exit_code == 0
    notice()
    assert json.loads(run("--json", command=status).stdout)["sources"][0]["restore"] is None
    assert pending(restored) == set()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--since", "2h"), 2),  # no reason
        (("--since", "soon", "--dry-run"), 2),
        (("--trust", "--reason", "so"), 2),  # of which source?
        (("--trust", "--since", "2h", "--source", SOURCE, "--reason", "so"), 2),
        (("--source", "nobody", "--since", "2h", "--dry-run"), 3),
    ],
)
def test_wrong_usage(restored: Path, arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments).exit_code == code


def test_nothing_is_recovered_where_nothing_speaks_for_a_restore_and_no_time_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = new_relay(tmp_path, monkeypatch)
    write(tmp_path, "upsert", "A")
    intake(relay, SOURCE)
    relay.close()
    assert run("--reason", "so").exit_code == 2


def test_a_relay_that_begins_on_a_table_of_an_earlier_one_says_so_and_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an outbox that another relay has marked
    relay = new_relay(tmp_path, monkeypatch)
    write(tmp_path, "upsert", "A")
    execute(
        tmp_path / "outbox.db", "UPDATE ei_outbox SET outcome = 'taken', relayed_at = '2026-01-01T00:00:00.000000Z'"
    )
    write(tmp_path, "upsert", "B")
    # When this one begins
    intake(relay, SOURCE)
    # Then it says so, until somebody trusts it, and sends
    told = json.loads(run("--json", command=status).stdout)
    assert any("an earlier relay took" in line for line in told["wrong"])
    assert told["sources"][0]["restore_suspected_at"] is None
    assert begin(relay, LANE, relay.index_of(LANE)) is not None
    relay.close()
    assert run("--trust", "--source", SOURCE, "--reason", "we changed hosts").exit_code == 0
    assert not any("an earlier relay" in line for line in json.loads(run("--json", command=status).stdout)["wrong"])


def test_a_database_that_has_not_compared_for_long_sends_nothing_before_it_has(restored: Path) -> None:
    # Given a backup with something to send, that is an hour old
    execute(restored / "relay.db", "UPDATE ei_post SET known = '?'")
    execute(restored / "relay.db", "UPDATE ei_source SET outbox_compared_at = '2026-01-01T00:00:00.000000+00:00'")
    relay = Relay(load())
    relay.prepare()
    # When a worker begins with a call
    assert begin(relay, LANE, relay.index_of(LANE)) is None
    # Then it waits for the comparison, which holds it
    intake(relay, SOURCE)
    assert begin(relay, LANE, relay.index_of(LANE)) is None
    relay.close()
