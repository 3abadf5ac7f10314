"""`ei-relay status`: first whether anything is wrong, then the state of everything, on one screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from relay.cli.main import cli
from relay.database import connect
from relay.outbox import ddl
from relay.report.health import Facts, HealthSummary, wrong
from relay.store.migrate import upgrade

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SOURCE = {"source": "tidbok", "unread": 0, "oldest_unread_seconds": None, "indexed": 7, "pending": 0, "parked": 0,
          "rejected_last_hour": 0, "error": None, "error_since": None}  # fmt: skip
LANE = {"lane": "national:SYSTEM", "source": "tidbok", "state": "open", "pending": 0, "oldest_pending_seconds": None,
        "failures": 0, "code": None, "since": None}  # fmt: skip
CERTIFICATE = {"index": "national", "ends_at": NOW + timedelta(days=31), "error": None}
WELL = {"ok": True, "text": "answers"}

_HEAD = """
environment = "production"
database_url = "sqlite:///{folder}/relay.db"
[engagement_index.practice]
url = "http://127.0.0.1:1/Update"
logical_address = "5565594230"
"""
_SOURCE = """
[[source]]
name = "clinic-{number:02}"
source_systems = ["SYSTEM-{number:02}"]
data_controller = "SE232100-0016"
engagement_index = "practice"
outbox_table = "{table}"
"""


def seen(source: Facts | None = None, lane: Facts | None = None, certificate: Facts | None = None,
         broker: Facts | None = WELL) -> HealthSummary:  # fmt: skip
    """What was seen of one source, one lane and one certificate that are well, but for what is said."""
    return HealthSummary(NOW, [SOURCE | dict(source or {})], [LANE | dict(lane or {})], broker,
                    [CERTIFICATE | dict(certificate or {})])  # fmt: skip


def test_nothing_is_wrong_with_what_is_well() -> None:
    assert wrong(seen()) == []
    assert wrong(seen(broker=None)) == []
    assert wrong(seen({"unread": 9, "oldest_unread_seconds": 300}, {"oldest_pending_seconds": 2700})) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (seen(broker={"ok": False, "text": "Connection refused"}), "the broker does not answer"),
        (seen({"error": "the database refuses the relay's user or password"}), "source tidbok: the database refuses"),
        (seen({"unread": 9, "oldest_unread_seconds": 720}), "9 rows wait to be taken, the oldest for 12 minutes"),
        (seen({"rejected_last_hour": 3}), "3 outbox rows were rejected within the hour"),
        (seen({"rejected_last_hour": 3, "newest_rejected": 7}), "the newest is id 7: `ei-relay rows rejected`"),
        (seen({"parked": 2}), "2 posts are parked"),
        (seen(lane={"oldest_pending_seconds": 2760}), "waited for 46 minutes of the 60 it may"),
        (seen(lane={"state": "blocked", "code": "VP007", "since": NOW}), "is blocked VP007 since 2026-11-02 08:00Z"),
        (seen(lane={"state": "paused"}), "lane national:SYSTEM is paused"),
        (seen(lane={"state": "resting", "failures": 2, "code": "VP009"}), "rests after 2 failed calls (VP009)"),
        (seen(certificate={"ends_at": NOW + timedelta(days=29)}), "ends on 2026-12-01"),
        (seen(certificate={"ends_at": NOW}), "ended on 2026-11-02"),
        (seen(certificate={"ends_at": None, "error": "No such file or directory"}), "cannot be read: No such file"),
    ],
)
def test_what_is_wrong_is_one_line(what: HealthSummary, said: str) -> None:
    (line,) = wrong(what)
    assert said in line


def test_an_outbox_that_cannot_be_read_is_told_of_once() -> None:
    assert len(wrong(seen({"error": "the database does not answer", "oldest_unread_seconds": 7200}))) == 1


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs the command of a site with so many clinics, of which none has been prepared; what it prints."""
    engine = connect(f"sqlite:///{tmp_path}/relay.db")
    upgrade(engine)

    def run(clinics: int, *options: str) -> str:
        for number in range(clinics):
            ddl.create(engine, table(number))
        (tmp_path / "relay.toml").write_text(
            _HEAD.format(folder=tmp_path) + "".join(_SOURCE.format(number=n, table=table(n)) for n in range(clinics))
        )
        monkeypatch.setenv("EI_RELAY_CONFIG", str(tmp_path / "relay.toml"))
        write(engine, table(clinics - 1), created_at=datetime.now(UTC) - timedelta(minutes=12))
        done = CliRunner().invoke(cli, ["status", *options])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def table(number: int) -> str:
    return f"ei_outbox_{number:02}"


def write(engine: Engine, name: str, created_at: datetime) -> None:
    with engine.begin() as connection:
        values = {"at": created_at.isoformat(sep=" ")}
        insert = f"INSERT INTO {name} (operation, booking_id, created_at) VALUES ('remove', 'B', :at)"
        connection.execute(text(insert), values)


def test_rows_that_nobody_takes_are_wrong_also_before_a_worker_was_ever_there(status: Callable[..., str]) -> None:
    told = json.loads(status(1, "--json"))

    assert not told["ok"]
    assert told["wrong"] == [
        "source clinic-00: 1 rows wait to be taken, the oldest for 12 minutes: are workers and beat at work?"
    ]
    assert told["sources"][0]["unread"] == 1
    assert told["broker"] is None
    assert told["certificates"] == []


def test_fifty_sources_fit_on_a_screen_those_first_that_have_something_to_say(status: Callable[..., str]) -> None:
    # Given fifty sources, of which the last has a row that nobody takes
    lines = status(50).splitlines()

    assert len(lines) <= 40
    assert lines[0].startswith("WRONG  source clinic-49")
    assert lines[3].startswith("clinic-49")
    assert "… and 40 more sources: ei-relay status --all" in lines


def test_all_of_it_is_shown_on_request(status: Callable[..., str]) -> None:
    assert sum(line.startswith("clinic-") for line in status(50, "--all").splitlines()) == 50
