"""The command: what it shows, asks, refuses and does."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect as sqlite

import pytest
from click.testing import CliRunner, Result

from relay.cli.main import cli
from relay.database import connect
from relay.store.migrate import upgrade
from tests.cli.configuration import RIGHT

HEADER = "booking_id,resident_id,care_unit,starts_at\n"
DONE, FAILED, WRONG_USAGE, NOTHING_MATCHED = range(4)


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list's file; the relay's own database beside it is empty and up to date."""
    settings = tmp_path / "relay.toml"
    settings.write_text(RIGHT.format(folder=tmp_path))
    monkeypatch.setenv("EI_RELAY_CONFIG", str(settings))
    monkeypatch.setenv("EI_RELAY_WHO", "the night shift")
    engine = connect(f"sqlite:///{tmp_path}/relay.db")
    upgrade(engine)
    engine.dispose()
    file = tmp_path / "list.csv"
    write(file, *range(20))
    return file


def write(file: Path, *numbers: int) -> None:
    lines = [f"b-{n},191212121212,SE2321000016-1HZ5,2040-06-01 10:30\n" for n in numbers]
    file.write_text(HEADER + "".join(lines))


def run(file: Path, *options: str, stdin: str = "") -> Result:
    command = ["snapshot", "apply", str(file), "--source", "tidbok-nord", *options]
    return CliRunner().invoke(cli, command, input=stdin, catch_exceptions=False)


def apply(file: Path, *options: str) -> Result:
    return run(file, "--reason", "the outbox was away", "--yes", *options)


def database(file: Path, question: str) -> list[tuple[object, ...]]:
    with sqlite(file.parent / "relay.db") as connection:
        answer = connection.execute(question).fetchall()
    connection.close()
    return answer


def test_it_shows_and_then_does_what_it_has_shown(listed: Path) -> None:
    result = apply(listed)

    assert result.exit_code == DONE
    lines = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert "created           20  on the list, and not known or removed before" in result.stdout
    assert "gone               0" in result.stdout
    assert lines[-1] == "20 bookings changed; what differs is sent behind live changes"
    audit = database(listed, "SELECT who, command, subject, reason FROM ei_audit")
    subject = "tidbok-nord: 20 created, 0 changed, 0 gone"
    assert audit == [("the night shift", "snapshot apply", subject, "the outbox was away")]
    assert database(listed, "SELECT count(*), min(bulk) FROM ei_post") == [(20, 1)]


def test_a_dry_run_changes_nothing_and_needs_no_reason(listed: Path) -> None:
    result = run(listed, "--dry-run")

    assert result.exit_code == DONE
    assert "created           20" in result.stdout
    for table in ("ei_booking", "ei_post", "ei_audit", "ei_snapshot"):
        assert database(listed, f"SELECT count(*) FROM {table}") == [(0,)], table


@pytest.mark.parametrize(("answer", "bookings"), [("y\n", 20), ("n\n", 0), ("", 0)])
def test_it_asks_first(listed: Path, answer: str, bookings: int) -> None:
    result = run(listed, "--reason", "why not", stdin=answer)

    assert "change 20 bookings of tidbok-nord? [y/N]" in result.output
    assert result.exit_code == (DONE if bookings else FAILED)
    assert database(listed, "SELECT count(*) FROM ei_booking") == [(bookings,)]
    assert database(listed, "SELECT count(*) FROM ei_snapshot") == [(0,)]


def test_a_list_that_lacks_much_is_refused(listed: Path) -> None:
    apply(listed)
    write(listed, *range(17))

    result = apply(listed)
    assert result.exit_code == FAILED
    assert "gone               3" in result.stdout
    assert "Error: the list lacks 3 of 20 upcoming bookings, more than 10%" in result.stderr
    assert database(listed, "SELECT sum(removed) FROM ei_booking") == [(0,)]

    # The bookings are known as of the first list, and the second is from the same hour.
    assert apply(listed, "--allow-removals").exit_code == DONE
    assert database(listed, "SELECT sum(removed) FROM ei_booking") == [(3,)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        (HEADER, "the list has no bookings"),
        (HEADER + "b-1,191212121212,SE2321000016-1H", "the file was cut short"),
    ],
)
def test_a_truncated_file_is_refused(listed: Path, content: str, says: str) -> None:
    apply(listed)
    listed.write_text(content)
    result = apply(listed)
    assert result.exit_code == FAILED
    assert says in result.stderr
    assert database(listed, "SELECT sum(removed) FROM ei_booking") == [(0,)]


def test_rejected_lines_are_told_of_and_the_rest_waits_for_a_word(listed: Path) -> None:
    with listed.open("a") as file:
        file.write("b-20,19121212-1213,SE2321000016-1HZ5,soon\n")

    result = apply(listed)
    assert result.exit_code == FAILED
    first = result.stdout.splitlines()[0]
    assert first.startswith('line 22: resident_id: was "99999999-9999", expected a right check digit')
    assert 'starts_at: was "soon", expected a time' in first
    assert "rejected lines: 1" in result.stderr
    assert "1213" not in result.output
    assert database(listed, "SELECT count(*) FROM ei_booking") == [(0,)]

    assert apply(listed, "--skip-rejected").exit_code == DONE
    assert database(listed, "SELECT count(*) FROM ei_booking") == [(20,)]


def test_json_is_one_object(listed: Path) -> None:
    with listed.open("a") as file:
        file.write("b-20,1\n")

    result = apply(listed, "--json", "--skip-rejected")
    assert result.exit_code == DONE
    facts = json.loads(result.stdout)
    assert (facts["created"], facts["gone"], facts["refused"]) == (20, 0, None)
    assert facts["applied"] == {"changed": 20, "newer": 0}
    assert facts["rejected_lines"] == [
        {"line": 22, "reason": "expected 4 fields as in the header, it has 2"},
    ]

    refused = apply(listed, "--json")
    assert refused.exit_code == FAILED
    assert json.loads(refused.stdout)["refused"].startswith("rejected lines: 1")


@pytest.mark.parametrize(
    "options",
    [
        ("--yes",),
        ("--yes", "--reason", " "),
        ("--reason", "x", "--json"),
        ("--dry-run", "--taken-at", "yesterday"),
        ("--dry-run", "--taken-at", "2099-01-01 12:00"),
        ("--dry-run", "--taken-at", "0001-01-01T00:00Z"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_read(listed: Path, options: tuple[str, ...]) -> None:
    listed.write_text("")
    assert run(listed, *options).exit_code == WRONG_USAGE


def test_an_unknown_source_matches_nothing(listed: Path) -> None:
    result = CliRunner().invoke(cli, ["snapshot", "apply", str(listed), "--source", "tidbok-syd", "--dry-run"])
    assert result.exit_code == NOTHING_MATCHED
    assert result.stderr == "no source is called tidbok-syd; did you mean tidbok-nord?\n"


@pytest.mark.parametrize(
    ("options", "age", "taken_at"),
    [
        ((), timedelta(hours=5), timedelta(hours=6)),
        ((), timedelta(hours=-5), timedelta(hours=1)),  # a file from the future is from now
        (("--taken-at", "2026-01-15 12:00"), timedelta(0), datetime(2026, 1, 15, 10, 59, tzinfo=UTC)),
        (("--taken-at", "2026-01-15T12:00:00+00:00"), timedelta(0), datetime(2026, 1, 15, 11, 59, tzinfo=UTC)),
        # The night the clocks go back: rather the earlier of the two.
        (("--taken-at", "2025-10-26 02:30"), timedelta(0), datetime(2025, 10, 26, 0, 29, tzinfo=UTC)),
    ],
)
def test_a_list_is_held_for_older_rather_than_newer(
    listed: Path, options: tuple[str, ...], age: timedelta, taken_at: timedelta | datetime
) -> None:
    now = datetime.now(UTC)
    os.utime(listed, ((now - age).timestamp(),) * 2)
    told = datetime.fromisoformat(json.loads(run(listed, "--dry-run", "--json", *options).stdout)["taken_at"])
    expected = now - taken_at if isinstance(taken_at, timedelta) else taken_at
    assert abs(told - expected) < timedelta(seconds=60 if isinstance(taken_at, timedelta) else 1)


def test_progress_is_told_beside_the_output(listed: Path) -> None:
    assert "reading: 100 %" in run(listed, "--dry-run").stderr
