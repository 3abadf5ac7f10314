"""`./run dialect-proof` refuses what it must not touch, leaves nothing behind, and says what was not proven."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect, text

from relay.database import connect
from relay.outbox.ddl import create
from tests.dialect_proof.__main__ import main
from tests.outbox.written import outcomes, put


@pytest.fixture(params=["postgresql", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def dialect(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def server(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


def proof(server: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    url = server.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.dialect_proof", "--url", url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_few_of_its_tests_are_proven_and_nothing_is_left(server: Engine) -> None:
    done = proof(server, "--", "-k", "creating_it_again or somebody_holds_holds_up or server_ends_while_nothing")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    assert inspect(server).get_table_names() == []


@pytest.mark.heavy
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_all_of_it_is_proven(server: Engine) -> None:
    done = proof(server)
    assert done.returncode == 0, done.stdout
    assert inspect(server).get_table_names() == []


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_that_is_there_is_not_touched(server: Engine, rows: int, capsys: pytest.CaptureFixture[str]) -> None:
    create(server)
    for _ in range(rows):
        put(server)

    assert main(["--url", server.url.render_as_string(hide_password=False)]) == 2

    said = capsys.readouterr().out
    assert "Refused: ei_outbox is there already" in said
    assert ("has rows" in said) is bool(rows)
    assert len(outcomes(server)) == rows


def test_what_it_cannot_begin_with_is_said(server: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", server.url.set(port=1, password="secret").render_as_string(hide_password=False)]) == 2
    assert main(["--url", "sqlite:///x.db"]) == 2
    said = capsys.readouterr().out
    assert "It cannot be begun: the database does not answer" in said
    assert "The URL is none of PostgreSQL, MySQL" in said
    assert "secret" not in said


def test_what_was_not_proven_is_a_failure(server: Engine) -> None:
    """Here: the table cannot be made."""
    if server.dialect.name != "postgresql":
        pytest.skip("one kind is enough")
    with server.begin() as connection:
        connection.execute(text("CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
                                " RAISE EXCEPTION 'no'; END $$"))  # fmt: skip
        connection.execute(text("CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION no()"))
    done = proof(server, "--", "-k", "creating_it_again")
    assert done.returncode == 1
    assert "Not proven" in done.stdout
