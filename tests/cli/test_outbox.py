from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from relay.cli.common import settings
from relay.cli.outbox import outbox
from relay.database import connect
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox.ddl import create
from relay.store import restores
from relay.store.migrate import upgrade
from tests.cli.configuration import RIGHT


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of a source whose outbox is right."""
    file = tmp_path / "relay.toml"
    file.write_text(RIGHT.format(folder=tmp_path))
    monkeypatch.setenv("EI_RELAY_CONFIG", str(file))
    url = f"sqlite:///{tmp_path}/relay.db"
    engine = connect(url)
    create(engine)
    engine.dispose()
    return url


def check(*options: str) -> Result:
    return CliRunner().invoke(outbox, ["check", *options], catch_exceptions=False)


def test_an_outbox_that_is_right(url: str) -> None:
    result = check("--source", "tidbok-nord")
    assert (result.exit_code, result.output) == (0, "nothing is wrong; 0 rows were looked at\n")


def test_an_outbox_that_is_wrong(url: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ei_outbox DROP COLUMN valid_until"))
    engine.dispose()
    result = check("--source", "tidbok-nord")
    assert result.exit_code == 1
    assert result.output.splitlines()[0] == "WRONG    The column valid_until is missing."
    told = json.loads(check("--source", "tidbok-nord", "--json").output)
    assert told == {
        "ok": False,
        "rows": 0,
        "findings": [{"level": "wrong", "text": "The column valid_until is missing."}],
    }


def test_a_source_that_is_not_configured(url: str) -> None:
    assert check("--source", "tidbok-syd").exit_code == 3


def test_ddl_refuses_a_table_name_that_the_configuration_would_refuse() -> None:
    result = CliRunner().invoke(outbox, ["ddl", "--dialect", "postgresql", "--table", "ei_outbox; drop"])
    assert result.exit_code == 2
    assert "expected a table name of A-Z, a-z, 0-9 and _" in result.stderr


def test_how_the_times_of_a_booking_are_read(url: str) -> None:
    """Enough to compare with the booking system's own screen; nothing of the resident."""
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at)"
                " VALUES ('upsert', 'B-1', '191212121212', 'U', '2026-12-24 09:29:59.999')"
            )
        )
    engine.dispose()
    result = check("--source", "tidbok-nord", "--explain-time", "B-1", "--json")
    (told,) = json.loads(result.output)
    assert (told["shown_to_resident"], told["if_it_was_utc"]) == ("2026-12-24 09:30:00", "2026-12-24 10:30:00")
    assert "1912" not in result.output
    assert check("--source", "tidbok-nord", "--explain-time", "B-2").exit_code == 3


def test_what_came_of_comparing_its_marks_is_said_first(url: str) -> None:
    """Another relay on the same table, or a database that was restored."""
    relay = Relay(settings())
    upgrade(relay.store.engine)
    relay.prepare()
    relay.store.transact(lambda tx: restores.suspect(tx, "tidbok-nord", None, "another relay reads the same table"))
    relay.close()
    result = check("--source", "tidbok-nord")
    assert result.exit_code == 1
    assert result.output.splitlines()[0] == (
        "WRONG    Compared with what the relay knows, another relay reads the same table."
    )


def test_a_row_that_was_rejected_before_the_last_five_hundred_is_named(url: str) -> None:
    """3000 good rows after it must not hide it."""
    relay = Relay(settings())
    upgrade(relay.store.engine)
    relay.prepare()
    with relay.store.engine.begin() as connection:
        connection.execute(text("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'bad')"))
        connection.execute(
            text("INSERT INTO ei_outbox (operation, booking_id) VALUES ('remove', :id)"),
            [{"id": f"b-{n}"} for n in range(600)],
        )
    intake(relay, "tidbok-nord")
    relay.close()
    last = check("--source", "tidbok-nord").output.splitlines()
    assert (
        "WRONG    Rows older than those looked at were rejected within the hour, id 1: `ei-relay rows rejected`."
        in last
    )
