"""The guide for vendors does what it says: every block of its SQL is run on the databases it is marked for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from sqlalchemy import Engine, text

from relay.change import Change, Kind, read
from relay.cli.main import cli
from relay.cli.sandbox import sandbox as sandbox_command
from relay.database import connect
from relay.outbox.ddl import DIALECTS, ddl
from relay.outbox.full_list import read_list
from relay.outbox.reader import OutboxReader, Settled
from relay.sandbox.core import Options
from relay.sandbox.server import Sandbox
from relay.settings import parse
from tests.outbox.written import AT, outcomes, said, script

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "integrate.md"
_BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = _BLOCK.findall(_GUIDE.read_text(encoding="utf-8"))
_SQL = [(mark, sql) for language, mark, sql in BLOCKS if language == "sql"]

_APPOINTMENT = """
    CREATE TABLE appointment (number varchar(40) PRIMARY KEY, revision integer, patient varchar(12), unit varchar(64),
                              starts {time}, hidden smallint DEFAULT 0, status varchar(20) DEFAULT 'booked')"""


def blocks(dialect: str, *, beginning: str = "", lacking: str = "CREATE") -> list[str]:
    """The guide's SQL for this database, in order."""
    return [
        sql
        for mark, sql in _SQL
        if mark in ("any", {"mariadb": "mysql"}.get(dialect, dialect))
        and sql.startswith(beginning)
        and (not lacking or not sql.startswith(lacking))
    ]


@pytest.fixture
def engine(database_url: str, dialect: str) -> Iterator[Engine]:
    """A database with the outbox as its DDL is printed (without roles, which are the whole server's), and bookings."""
    engine = connect(database_url)
    sql = ddl({"mariadb": "mysql"}.get(dialect, dialect))
    script(engine, "\n".join(line for line in sql.splitlines() if not re.match(r"CREATE ROLE|GRANT", line)))
    script(engine, _APPOINTMENT.format(time={"mariadb": "datetime", "postgresql": "timestamp"}.get(dialect, "text")))
    yield engine
    engine.dispose()


def test_every_block_of_sql_is_marked_for_a_database() -> None:
    assert {mark for mark, _ in _SQL} == {"any", *DIALECTS}


@pytest.mark.parametrize("mark", ["mssql", "oracle"])
def test_what_cannot_be_run_at_least_names_our_columns(mark: str) -> None:
    """SQL Server and Oracle are not run: only that every column of an INSERT is one of the DDL's is seen to."""
    there = set(re.findall(r"^    (\w+) ", ddl(mark), re.MULTILINE))
    named = [re.findall(r"INSERT INTO ei_outbox \(([^)]*)\)", sql) for m, sql in _SQL if m == mark]
    columns = {column.strip() for lists in named for one in lists for column in one.split(",")}
    assert columns
    assert columns <= there


def test_the_five_examples_are_taken_as_the_guide_says(engine: Engine, dialect: str) -> None:
    examples = blocks(dialect, beginning="INSERT")
    assert len(examples) == 5
    for example in examples:
        script(engine, example)

    changes = said(engine)

    assert all(isinstance(change, Change) for change in changes), changes
    booked, rebooked, moved, cancelled, invited = (change for change in changes if isinstance(change, Change))
    assert booked.details is not None
    assert rebooked.details is not None
    assert moved.details is not None
    assert booked.details.starts_at == datetime(2098, 12, 24, 10, 30)
    assert rebooked.details.starts_at == datetime(2098, 12, 22, 9, 0)
    assert moved.details.care_unit != rebooked.details.care_unit
    assert cancelled.details is None
    assert invited.details is not None
    assert invited.details.kind is Kind.OPEN_INVITATION


def test_a_trigger_writes_what_happens_to_a_booking(engine: Engine, dialect: str) -> None:
    (trigger,) = blocks(dialect, beginning="CREATE", lacking="CREATE VIEW")
    script(engine, trigger)
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO appointment (number, revision, patient, unit, starts)"
            " VALUES ('B-1', 1, '191212121212', 'SE2321000016-1HZ5', '2098-12-24 10:30:00')",
            "UPDATE appointment SET revision = 2, unit = 'SE2321000016-1HZ6', hidden = 1",
            "UPDATE appointment SET revision = 3, status = 'cancelled'",
            "DELETE FROM appointment",
        ):
            connection.execute(text(statement))

    changes = [change for change in said(engine) if isinstance(change, Change)]

    assert [(c.booking_id, c.version) for c in changes] == [("B-1", 1), ("B-1", 2), ("B-1", 3), ("B-1", 4)]
    booked, moved, *gone = changes
    assert booked.details is not None
    assert moved.details is not None
    assert (booked.details.care_unit, booked.details.presentable) == ("SE2321000016-1HZ5", True)
    assert (moved.details.care_unit, moved.details.presentable) == ("SE2321000016-1HZ6", False)
    assert [each.details for each in gone] == [None, None]


def test_a_trigger_removes_the_old_number_of_a_booking_that_gets_another(engine: Engine, dialect: str) -> None:
    """R-10: else the old number's post stays. Also where the two differ in case alone."""
    script(engine, blocks(dialect, beginning="CREATE", lacking="CREATE VIEW")[0])
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO appointment (number, revision, patient, unit, starts)"
            " VALUES ('T2', 1, '191212121212', 'SE2321000016-1HZ5', '2098-12-24 10:30:00')",
            "UPDATE appointment SET number = 'T3', revision = 2 WHERE number = 'T2'",
            "UPDATE appointment SET number = 't3', revision = 3 WHERE number = 'T3'",
            "UPDATE appointment SET hidden = 1, revision = 4 WHERE number = 't3'",
        ):
            connection.execute(text(statement))

    changes = [change for change in said(engine) if isinstance(change, Change)]

    told = sorted((c.version or 0, c.booking_id, c.details is None) for c in changes)
    assert told == [
        (1, "T2", False),
        (2, "T2", True),
        (2, "T3", False),
        (3, "T3", True),
        (3, "t3", False),
        (4, "t3", False),
    ]


def test_a_booking_that_is_rolled_back_takes_its_row_with_it(engine: Engine, dialect: str) -> None:
    script(engine, blocks(dialect, beginning="CREATE", lacking="CREATE VIEW")[0])
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("INSERT INTO appointment (number, revision) VALUES ('B-1', 1)"))
        transaction.rollback()
    assert outcomes(engine) == {}


def test_the_view_of_current_bookings_is_read_as_the_outbox_would_tell_them(engine: Engine, dialect: str) -> None:
    (view,) = blocks(dialect, beginning="CREATE VIEW", lacking="")
    script(engine, view)
    values = "'191212121212', 'SE2321000016-1HZ5', '2098-12-24 10:30:00'"
    with engine.begin() as connection:
        for number, hidden, status in (("B-1", 0, "booked"), ("B-2", 1, "booked"), ("B-3", 0, "cancelled")):
            row = f"'{number}', 7, {values}, {hidden}, '{status}'"
            connection.execute(text(f"INSERT INTO appointment VALUES ({row})"))
    url = engine.url.render_as_string(hide_password=False)

    lines = sorted(read_list(url, "SELECT * FROM ei_full_list", timedelta(seconds=30)), key=lambda line: str(line.row))

    said = [read(line.row, {"SE1": "SE1"}) for line in lines]
    changes = [change for change in said if isinstance(change, Change)]
    assert sorted((c.booking_id, c.version, c.details and c.details.presentable) for c in changes) == [
        ("B-1", 7, True), ("B-2", 7, False),
    ]  # fmt: skip
    assert {c.details.starts_at for c in changes if c.details} == {datetime(2098, 12, 24, 10, 30)}


def test_settled_rows_are_cleaned_away_and_the_questions_can_be_asked(engine: Engine, dialect: str) -> None:
    for example in blocks(dialect, beginning="INSERT"):
        script(engine, example)
    reader = OutboxReader(engine)
    reader.settle([Settled(1, "taken", None)], AT.replace(year=2020))
    reader.settle([Settled(2, "rejected", "why")], datetime.now(AT.tzinfo))

    (cleaning,) = blocks(dialect, beginning="DELETE")
    script(engine, cleaning)

    assert list(outcomes(engine)) == [2, 3, 4, 5]
    rejected, unread = blocks(dialect, beginning="SELECT")
    with engine.connect() as connection:
        assert connection.execute(text(rejected.strip().rstrip(";"))).one()[0] == 2
        assert connection.execute(text(unread.strip().rstrip(";"))).one()[0] == 3


def test_the_configuration_to_try_it_is_right() -> None:
    (toml,) = [sql for language, _, sql in BLOCKS if language == "toml"]
    settings = parse(tomllib.loads(toml))
    with Sandbox(Options()) as sandbox:  # at the port that `ei-relay sandbox` takes, this is where it listens
        there = urlsplit(sandbox.update_url)
    tried = urlsplit(settings.engagement_index["practice"].url)
    assert (tried.path, tried.port) == (there.path, next(o.default for o in sandbox_command.params if o.name == "port"))


@pytest.mark.parametrize("mark", ["mssql", "oracle"])
def test_the_blocks_of_databases_that_cannot_be_had_are_not_run(mark: str) -> None:
    number = sum(m == mark for m, _ in _SQL)
    pytest.skip(f"NOT RUN: the guide's {number} blocks of SQL for {mark}, which cannot be had here")


def test_every_command_of_the_guide_is_there() -> None:
    shell = "\n".join(sql for language, _, sql in BLOCKS if language == "sh")
    lines = re.findall(r"^ei-relay ([^#\n]*)", shell, re.MULTILINE)
    assert lines
    for line in lines:
        group: click.Command = cli
        for word in line.split():
            if not isinstance(group, click.Group):
                assert not word.startswith("--") or word in {o for p in group.params for o in p.opts}, line
                continue
            found = group.get_command(click.Context(group), word)
            assert found is not None, line
            group = found
