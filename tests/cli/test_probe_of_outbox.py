"""What the work could not do with an outbox, the check refuses: on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect, make_url

from relay.database import connect
from relay.demo.postgres import Postgres
from relay.outbox import ddl
from relay.report.probe import Verdict
from tests.cli.probing import administrator, settings_for, verdict_on, with_tables
from tests.mariadb import MariaDb, default_role


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mariadb"])
def test_an_outbox_is_marked_and_stays_as_it_was(dialect: str, database_url: str, tmp_path: Path) -> None:
    # Given an outbox with a row that waits
    outbox = connect(database_url)
    ddl.create(outbox, "ei_outbox")
    with outbox.begin() as connection:
        connection.exec_driver_sql("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')")

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": database_url}]))

    # then it was marked, by an account that is named, and waits still
    assert outcome.ok, outcome
    assert "a row can be marked (rolled back)" in outcome.tried
    assert ("rows that others hold are passed by" in outcome.tried) is (dialect != "sqlite")
    with outbox.begin() as connection:
        assert connection.exec_driver_sql("SELECT outcome FROM ei_outbox").scalar_one() is None
    outbox.dispose()


def test_an_outbox_that_may_be_read_but_not_marked(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)
    url = make_url(postgres_url)
    role = f"reads_{url.database}"
    with administrator(postgres_url) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ei_outbox TO {role}")
    mine = url.set(username=role).render_as_string(hide_password=False)

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": mine}]))

    with administrator(postgres_url) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")
    assert (outcome.ok, outcome.account) == (False, role)
    assert "permission denied on ei_outbox" in outcome.text


def test_an_outbox_that_lacks_a_column(postgres_url: str, tmp_path: Path) -> None:
    with_tables(postgres_url)
    with administrator(postgres_url) as connection:
        connection.execute("ALTER TABLE ei_outbox DROP COLUMN outcome_reason")

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, postgres_url))

    assert not outcome.ok
    assert "lacks outcome_reason" in outcome.text


def test_two_sources_that_read_one_table_by_two_addresses(postgres: Postgres, tmp_path: Path) -> None:
    # Given an outbox that one source names by its address, and another by the name of its host
    with administrator(postgres.url()) as connection:
        connection.execute("CREATE DATABASE shared")
    url = with_tables(postgres.url("shared"))
    sources = [{"outbox_url": url}, {"outbox_url": url.replace("127.0.0.1", "localhost")}]
    sources = [each | {"name": f"s{i}", "source_systems": [f"S{i}"]} for i, each in enumerate(sources)]
    settings = settings_for(tmp_path, sources=sources)

    first, second = (verdict_on(f"source.s{i}.outbox_url", settings) for i in range(2))

    with administrator(postgres.url()) as connection:
        connection.execute("DROP DATABASE shared WITH (FORCE)")
    assert first.ok
    assert not second.ok
    assert "the source s0 reads the same table by another address" in second.text


def test_a_role_that_is_granted_and_not_active_on_mariadb(mariadb: MariaDb, mariadb_url: str, tmp_path: Path) -> None:
    # Given an account of one host that was granted the reader's role, and no SET DEFAULT ROLE
    engine = connect(mariadb_url)
    ddl.create(engine, "ei_outbox")
    engine.dispose()
    database = str(make_url(mariadb_url).database)
    with mariadb.administrator() as cursor:
        cursor.execute(f"CREATE ROLE r_{database}")
        cursor.execute(f"GRANT SELECT, UPDATE ON {database}.ei_outbox TO r_{database}")
        cursor.execute(f"CREATE USER u_{database}@'127.0.0.1'")
        cursor.execute(f"GRANT r_{database} TO u_{database}@'127.0.0.1'")

        def asked() -> Verdict:
            url = mariadb.url(database, f"u_{database}")
            return verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": url}]))

        before = asked()
        cursor.execute(default_role(f"r_{database}", f"'u_{database}'@'127.0.0.1'"))
        after = asked()
        cursor.execute(f"DROP USER u_{database}@'127.0.0.1'")
        cursor.execute(f"DROP ROLE r_{database}")

    # then the check says which role sleeps and what wakes it, and is content when it is awake
    assert not before.ok
    assert default_role(f"r_{database}", f"'u_{database}'@'127.0.0.1'") in before.text
    assert after.ok, after


def test_a_table_that_knows_no_transactions_on_mariadb(mariadb_url: str, tmp_path: Path) -> None:
    engine = connect(mariadb_url)
    ddl.create(engine, "ei_outbox")
    with engine.begin() as connection:
        for index in inspect(connection).get_indexes("ei_outbox"):
            connection.exec_driver_sql(f"DROP INDEX {index['name']} ON ei_outbox")
        connection.exec_driver_sql("ALTER TABLE ei_outbox ENGINE = MyISAM")
    engine.dispose()

    outcome = verdict_on("source.s.outbox_url", settings_for(tmp_path, sources=[{"outbox_url": mariadb_url}]))

    assert not outcome.ok
    assert "ALTER TABLE ei_outbox ENGINE = InnoDB" in outcome.text
