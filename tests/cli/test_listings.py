"""The commands that list and that show the state of things: JSON, paging, exit codes, and no identity in any of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from relay.store import workers
from relay.store.workers import Report
from tests.cli.conftest import Run
from tests.flow.site import LANE, FlowSite
from tests.made import RESIDENT, SYSTEM, UNIT

pytestmark = pytest.mark.usefixtures("site")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FlowSite]:
    site = FlowSite(tmp_path, url="http://127.0.0.1:9/Update")
    yield site
    site.close()


def told(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def reject(site: FlowSite, *bookings: str) -> None:
    for booking in bookings:
        site.insert(booking)
    site.ask("UPDATE ei_outbox SET care_unit = 'a b', resident_id = resident_id || '0' WHERE outcome IS NULL")
    site.take_in()


def test_rejected_rows_are_listed_the_latest_first(run: Run, site: FlowSite) -> None:
    assert told_nothing(run("rows", "rejected", code=3))
    reject(site, "b-1", f"b-{RESIDENT}")
    site.insert("b-3")
    site.take_in()

    rows = told(run, "rows", "rejected")

    assert [(row["row"], row["booking_id"], row["fields"]) for row in rows] == [
        (2, "b-[identity]", "resident_id,care_unit"),
        (1, "b-1", "resident_id,care_unit"),
    ]
    assert "HSA-id" in rows[0]["write_it_as"]
    assert [row["row"] for row in told(run, "rows", "rejected", "--limit", "1")] == [2]
    assert "there are more" in run("rows", "rejected", "--limit", "1").stderr
    run("rows", "rejected", "--until", "1h", code=3)
    run("rows", "rejected", "--since", "lately", code=2)


def test_rejected_rows_are_exported_for_the_vendor(run: Run, site: FlowSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.rejected.PAGE", 2)
    reject(site, "b-1", "=b-2", "b-3", "b-4", "b-5")
    exported = list(csv.DictReader(io.StringIO(run("rows", "rejected", "--export").stdout)))
    assert [row["row"] for row in exported] == ["5", "4", "3", "2", "1"]
    assert exported[3]["booking_id"] == "'=b-2", "no spreadsheet takes it for a formula"


def told_nothing(result: Result) -> bool:
    return "no row was rejected" in result.stderr


def test_posts_are_listed_by_what_they_are_and_where_they_go(run: Run, site: FlowSite) -> None:
    for booking in ("b-1", "b-2", "b-3"):
        site.insert(booking)
    site.take_in()
    site.ask("UPDATE ei_post SET known = wanted WHERE id = 1")
    site.ask("UPDATE ei_post SET parked_code = 'EI004', parked_at = wanted_since WHERE id = 2")

    def keys(*asked: str) -> list[int]:
        return [post["key"] for post in told(run, "posts", "list", *asked)]

    assert keys() == [1, 2, 3]
    assert keys("--state", "indexed") == [1]
    assert keys("--state", "parked") == [2]
    assert keys("--state", "pending") == [3]
    assert keys("--unit", UNIT.lower(), "--source", "tidbok", "--lane", str(LANE)) == [1, 2, 3]
    assert keys("--limit", "2") == [1, 2]
    assert keys("--limit", "2", "--after", "2") == [3]
    assert "--after 2" in run("posts", "list", "--limit", "2").stderr
    run("posts", "list", "--lane", "national:other", code=3)
    run("posts", "list", "--state", "stuck", code=2)


def test_units_are_listed_with_their_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has no list" in run("units", "list", code=3).stderr
    units = tmp_path / "units.csv"
    units.write_text(f"hsa_id,name,active\n{UNIT},Norr,true\nSE2321000016-2222,Syd,false\n", encoding="utf-8")
    monkeypatch.setenv("EI_RELAY_SOURCE__TIDBOK__CARE_UNITS", str(units))

    listed = told(run, "units", "list")

    assert [(unit["hsa_id"], unit["connected"]) for unit in listed] == [(UNIT, True), ("SE2321000016-2222", False)]
    assert [unit["name"] for unit in told(run, "units", "list", "--unit", UNIT.lower())] == ["Norr"]
    assert listed[0]["list"] == str(units)


def test_workers_are_listed_with_their_clocks_and_lists(run: Run, site: FlowSite) -> None:
    run("workers", "list", code=3)

    def work(tx: Any) -> None:
        for n, print_ in enumerate(("aaaa", "aaaa", "bbbb")):
            workers.report(tx, Report(f"w{n}", f"host-{n}", "0.3.0", tx.now, 12 * n, {"tidbok": print_ * 8}))

    site.relay.store.transact(work)
    long_ago = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="microseconds")
    site.ask("UPDATE ei_worker SET seen_at = ? WHERE instance = 'w0'", long_ago)

    listed = {each["instance"]: each for each in told(run, "workers", "list")}

    assert (listed["w0"]["alive"], listed["w1"]["alive"]) == (False, True)
    assert listed["w1"]["clock_difference_ms"] == 12
    assert (listed["w1"]["host"], listed["w1"]["lists"]) == ("host-1", "tidbok=aaaaaaaa")


def test_the_database_says_what_it_is(run: Run, site: FlowSite) -> None:
    status = told(run, "db", "status")
    assert status["ok"]
    assert status["schema_version"] == status["expected_version"]
    assert (status["dialect"], status["encoding"]) == ("sqlite", "UTF-8")
    assert status["size_bytes"] > 0
    site.ask("UPDATE ei_relay_version SET version_num = '0001'")
    assert "ei-relay db upgrade" in run("db", "status", code=1).stderr


def test_the_configuration_is_shown_with_where_it_came_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("redis://:hunter2@broker:6379/0", encoding="utf-8")
    monkeypatch.setenv("EI_RELAY_BROKER_URL_FILE", str(secret))
    monkeypatch.setenv("EI_RELAY_ENGAGEMENT_INDEX__NATIONAL__CLIENT_KEY_PASSWORD", "hunter2")
    shown = {each["key"]: each for each in told(run, "config", "show")}

    assert "hunter2" not in run("config", "show").output + json.dumps(shown)
    assert shown["environment"] == {"key": "environment", "value": '"qa"', "origin": "file"}
    assert shown["poll_interval"]["origin"] == "default"
    assert shown["broker_url"]["origin"] == "EI_RELAY_BROKER_URL_FILE"
    assert shown["engagement_index.national.client_key_password"]["value"] == "***"
    assert shown["source.tidbok.source_systems"]["value"] == f'["{SYSTEM}"]'
    assert shown["retention.calls"]["value"] == '"90d"'


def rest(site: FlowSite, failed_ago: timedelta, rests: timedelta) -> datetime:
    failed = datetime.now(UTC) - failed_ago
    site.ask(
        "UPDATE ei_lane SET failures = 3, failed_at = ?, next_call_at = ?",
        failed.isoformat(timespec="microseconds"), (failed + rests).isoformat(timespec="microseconds"),
    )  # fmt: skip
    return failed


def test_a_resting_lane_is_resumed_as_soon_as_the_rule_allows(run: Run, site: FlowSite) -> None:
    """R-35."""
    failed = rest(site, timedelta(minutes=1), timedelta(minutes=15))
    (resumed,) = told(run, "lanes", "resume", "--all")
    assert resumed["was"] == "resting"
    assert abs(datetime.fromisoformat(resumed["next_call_at"]) - failed - timedelta(minutes=5)) < timedelta(seconds=1)
    assert "rested after 3 failed calls: it may call at " in resumed["done"]

    rest(site, timedelta(minutes=6), timedelta(minutes=15))
    assert "it may call\n" in run("lanes", "resume", "--all").stdout


def test_a_resting_lane_is_forced_only_with_a_reason(run: Run, site: FlowSite) -> None:
    rest(site, timedelta(minutes=1), timedelta(minutes=15))
    assert "R-35" in run("lanes", "resume", "--all", "--force", code=2).stderr
    (resumed,) = told(run, "lanes", "resume", str(LANE), "--force", "--reason", "our firewall, mended")
    assert resumed["next_call_at"] is None
    assert told(run, "audit", "list")[0]["command"] == "lanes resume --force"


def test_a_resume_says_what_each_lane_does(run: Run, site: FlowSite) -> None:
    assert f"{LANE} was not held" in run("lanes", "resume", "--all").stdout
    run("lanes", "pause", str(LANE).lower())  # HSA-ids are read without regard to case
    assert f"{LANE} was paused: it may call" in run("lanes", "resume", "--all").stdout
    site.ask("UPDATE ei_lane SET blocked_code = 'VP007'")
    assert "is blocked by VP007: a probe goes out now" in run("lanes", "resume", "--all").stdout


def test_a_resting_lane_says_what_its_last_call_ended_with(run: Run, site: FlowSite) -> None:
    failed = rest(site, timedelta(minutes=1), timedelta(minutes=15)).isoformat(timespec="microseconds")
    site.ask(
        "INSERT INTO ei_call (lane_id, correlation_id, started_at, lease_until, ended_at, posts, verdict, code, text)"
        " VALUES (1, 'c-1', ?, ?, ?, 1, 'unknown', 'TIMEOUT', 'no answer in time')", failed, failed, failed,
    )  # fmt: skip
    (lane,) = told(run, "lanes", "list")
    assert (lane["state"], lane["code"], lane["text"]) == ("resting", "TIMEOUT", "no answer in time")


def test_posts_that_wait_with_no_worker_are_wrong(run: Run, site: FlowSite) -> None:
    site.insert("b-1")
    site.take_in()
    ten_minutes_ago = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="microseconds")
    site.ask("UPDATE ei_source SET next_check_at = ?", ten_minutes_ago)
    (line,) = [line for line in told(run, "status")["wrong"] if "worker" in line]
    assert line.startswith("source tidbok: 0 rows and 1 posts wait, and no worker has checked it for 11 minutes")
    assert line.endswith("start the workers and their beat")

    site.relay.store.transact(lambda tx: workers.report(tx, Report("w", "h", "0.3.0", tx.now, 0, {})))
    assert any("1 workers are alive: start their beat" in line for line in told(run, "status")["wrong"])


def test_runs_are_listed_and_cancelled(run: Run, site: FlowSite) -> None:
    run("reprocess", "list", code=3)
    site.insert("b-1")
    site.take_in()
    site.ask("UPDATE ei_post SET known = wanted")
    assert told(run, "reprocess", "--source", "tidbok", "--reason", "restored")["run"] == 1
    (listed,) = told(run, "reprocess", "list")
    assert (listed["state"], listed["resent"], listed["waiting"]) == ("sending", 1, 1)
    assert told(run, "reprocess", "cancel", "1") == {"run": 1, "given_back": 1}
    assert told(run, "reprocess", "list")[0]["state"] == "cancelled"
    run("reprocess", "cancel", "9", code=3)


@pytest.mark.parametrize(
    "command",
    [
        ["outbox", "check", "--source"],
        ["outbox", "create", "--source"],
        ["units", "apply", "--dry-run", "--source"],
        ["units", "list", "--source"],
        ["rows", "rejected", "--source"],
        ["posts", "list", "--source"],
        ["posts", "show", "--booking", "b-1", "--source"],
        ["parked", "list", "--source"],
        ["parked", "retry", "--source"],
        ["reprocess", "--dry-run", "--source"],
        ["why", "--booking", "b-1", "--source"],
        ["onboarding", "steps", "--source"],
        ["onboarding", "units", "--source"],
        ["onboarding", "declaration", "--source"],
    ],
)
def test_a_source_that_is_not_there_gets_one_answer_everywhere(run: Run, command: list[str]) -> None:
    assert "no source is called tidbk; did you mean tidbok?" in run(*command, "tidbk", code=3).stderr


def test_a_mistyped_command_is_guessed(run: Run) -> None:
    assert "Did you mean 'status'?" in run("statsu", code=2).stderr
    assert "Did you mean 'list'?" in run("lanes", "lst", code=2).stderr


@pytest.mark.parametrize("command", [["sources", "retire"], ["sources", "restore"]])
def test_a_dry_run_asks_for_no_reason(run: Run, command: list[str]) -> None:
    assert "0 posts created" in run(*command, "tidbok", "--dry-run").stdout
    assert "say why with --reason" in run(*command, "tidbok", "--yes", code=2).stderr


def test_long_work_is_not_silent(run: Run, site: FlowSite, monkeypatch: pytest.MonkeyPatch) -> None:
    for booking in ("b-1", "b-2", "b-3"):
        site.insert(booking)
    site.take_in()
    monkeypatch.setattr("relay.flow.publishing.republish.PAGE", 1)
    monkeypatch.setattr("relay.cli.bulk.QUIET_SECONDS", 0.0)
    assert "tidbok: 2 of 3 bookings after 0 s" in run("units", "apply", "--dry-run").stderr
