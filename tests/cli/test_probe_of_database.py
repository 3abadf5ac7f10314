"""What the work could not do with the relay's database, the check refuses: on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from relay.demo.postgres import Postgres
from tests.cli.probing import administrator, settings_for, verdict_on, with_tables
from tests.pgbouncer import MISSING, PgBouncer, binary


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (None, "is at version none"),
        ("CREATE TABLE somebody_else_s (id integer)", "1 tables of somebody else"),
        ("CREATE TABLE ei_relay_version (version_num varchar); INSERT INTO ei_relay_version VALUES ('0001')", "0001"),
    ],
    ids=["empty", "foreign", "older"],
)
def test_a_database_that_is_not_at_our_version(postgres_url: str, tmp_path: Path, made: str | None, says: str) -> None:
    # Given a database that answers, and is empty, somebody else's or older
    with administrator(postgres_url) as connection:
        for statement in made.split("; ") if made else ():
            connection.execute(statement)

    outcome = verdict_on("database_url", settings_for(tmp_path, postgres_url))

    # then it is refused, with the command that mends it
    assert not outcome.ok
    assert says in outcome.text
    assert "ei-relay db upgrade" in outcome.text


def test_a_database_that_can_do_the_work(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)

    outcome = verdict_on("database_url", settings_for(tmp_path, postgres_url))

    assert (outcome.ok, outcome.account) == (True, "postgres")
    assert {"an advisory lock", "reading and writing (rolled back)", "encoding UTF8"} <= {*outcome.tried}
    with administrator(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM ei_audit").fetchone() == (0,)


def test_a_right_that_is_missing_is_named_with_the_table(postgres_url: str, tmp_path: Path) -> None:
    # Given an account that may do everything but delete posts
    with_tables(postgres_url)
    url = make_url(postgres_url)
    role = f"few_{url.database}"
    with administrator(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute(f"REVOKE DELETE ON ei_post FROM {role}")
    mine = url.set(username=role).render_as_string(hide_password=False)

    outcome = verdict_on("database_url", settings_for(tmp_path, mine))

    with administrator(postgres_url) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.ok, outcome.account) == (False, role)
    assert f"{role} may not DELETE on ei_post: GRANT" in outcome.text


def test_an_account_without_any_right(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)
    url = make_url(postgres_url)
    role = f"none_{url.database}"
    with administrator(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    mine = url.set(username=role).render_as_string(hide_password=False)

    outcome = verdict_on("database_url", settings_for(tmp_path, mine))

    with administrator(postgres_url) as connection:
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.ok, outcome.account) == (False, role)
    assert "the account has no rights on the relay's tables: GRANT it SELECT" in outcome.text


@pytest.mark.parametrize(
    ("setting", "ok", "says"),
    [
        ("default_transaction_read_only = on", False, "read-only"),
        ("default_transaction_isolation = 'serializable'", True, "serializable"),
        ("synchronous_commit = off", True, "synchronous_commit is off"),
    ],
)
def test_how_the_database_runs_transactions(
    postgres_url: str, tmp_path: Path, setting: str, ok: bool, says: str
) -> None:
    with_tables(postgres_url)
    with administrator(postgres_url) as connection:
        connection.execute(f"ALTER DATABASE {make_url(postgres_url).database} SET {setting}")

    outcome = verdict_on("database_url", settings_for(tmp_path, postgres_url))

    assert outcome.ok is ok
    assert says in " ".join([outcome.text, *outcome.warnings])


def test_a_database_in_another_encoding_is_warned_of(postgres: Postgres, tmp_path: Path) -> None:
    with administrator(postgres.url()) as connection:
        connection.execute("CREATE DATABASE in_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    try:
        outcome = verdict_on("database_url", settings_for(tmp_path, with_tables(postgres.url("in_latin1"))))
    finally:
        with administrator(postgres.url()) as connection:
            connection.execute("DROP DATABASE in_latin1 WITH (FORCE)")

    assert outcome.ok
    assert any("LATIN1, not UTF-8" in warning for warning in outcome.warnings)


@pytest.mark.skipif(binary() is None, reason=MISSING)
@pytest.mark.parametrize(("mode", "ignores"), [("session", False), ("transaction", True)])
def test_a_pooler_is_found_and_worked_through(
    postgres: Postgres, postgres_url: str, tmp_path: Path, mode: str, ignores: bool
) -> None:
    # Given a pooler that refuses options, or ignores them
    with_tables(postgres_url)
    with PgBouncer(postgres.port, mode, ignores_options=ignores) as pooler:
        settings = settings_for(tmp_path, pooler.url(str(make_url(postgres_url).database)))

        outcomes = [verdict_on(target, settings) for target in ("database_url", "source.s.outbox_url")]

    assert [each.ok for each in outcomes] == [True, True], outcomes
    assert "through a pooler" in outcomes[0].text


def test_what_the_server_says_at_the_door_is_told(postgres: Postgres, tmp_path: Path) -> None:
    outcome = verdict_on("database_url", settings_for(tmp_path, postgres.url("no_such_database")))

    assert not outcome.ok
    assert outcome.text.startswith("the database that database_url names is not there")
