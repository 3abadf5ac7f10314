from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from relay.outbox.ddl import CLEANER, DIALECTS, READER, WRITER, ddl

_COLUMNS = (
    "id", "event_id", "operation", "booking_id", "version", "source_system", "resident_id", "care_unit", "kind",
    "starts_at", "invited_on", "valid_until", "presentable", "data_controller", "created_at", "relayed_at", "outcome",
    "outcome_reason",
)  # fmt: skip
Database = Callable[[str | None], psycopg.Connection[tuple[object, ...]]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_the_table_and_its_indexes(dialect: str) -> None:
    sql = ddl(dialect, "tidbok.my_outbox")
    for column in _COLUMNS:
        assert re.search(rf"^    {column} ", sql, re.MULTILINE), column
    assert "CREATE TABLE tidbok.my_outbox" in sql
    assert len(re.findall(r"^CREATE INDEX ", sql, re.MULTILINE)) == 2
    assert "UNIQUE" not in sql
    assert "CHECK" not in sql
    assert "REFERENCES" not in sql
    assert sql.count("NOT NULL") == 2 + (1 if re.search(r"^    id .*NOT NULL", sql, re.MULTILINE) else 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_role_and_grant_is_one_line(dialect: str) -> None:
    """So that a site with roles of its own can take them out."""
    lines = ddl(dialect).splitlines()
    grants = [line for line in lines if re.search(r"\b(ROLE|GRANT|REVOKE)\b", line)]
    assert len(grants) == (0 if dialect == "sqlite" else 8)
    assert all(re.fullmatch(r"(CREATE ROLE|GRANT|REVOKE) .*;", line) for line in grants)
    rest = "\n".join(line for line in lines if line not in grants)
    assert not re.search(f"{WRITER}|{READER}|{CLEANER}", rest)


def test_it_runs_on_sqlite_in_one_transaction() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(f"BEGIN; {ddl('sqlite')} COMMIT;")
    connection.execute("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')")
    found = connection.execute("SELECT id, kind, presentable, outcome FROM ei_outbox").fetchall()
    connection.close()
    assert found == [(1, "booking", 1, None)]


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A PostgreSQL database where the DDL was run in one transaction; connect as one of its roles, or the owner."""
    url = postgres_url.replace("+psycopg", "")
    opened: list[psycopg.Connection[tuple[object, ...]]] = []

    def as_role(role: str | None) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(url, autocommit=True)
        opened.append(connection)
        if role:
            connection.execute(f"SET ROLE {role}")
        return connection

    owner = as_role(None)
    with owner.transaction():
        owner.execute(ddl("postgresql"))
    yield as_role
    owner.execute(f"DROP OWNED BY {WRITER}, {READER}, {CLEANER}; DROP ROLE {WRITER}, {READER}, {CLEANER}")
    for connection in opened:
        connection.close()


def _refused(connection: psycopg.Connection[tuple[object, ...]], *statements: str) -> None:
    for statement in statements:
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement)


def test_the_writer_may_insert_and_nothing_else(database: Database) -> None:
    writer = database(WRITER)
    writer.execute("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')")
    _refused(
        writer,
        "SELECT id FROM ei_outbox",
        "INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1') RETURNING id",
        "UPDATE ei_outbox SET outcome = 'taken'",
        "DELETE FROM ei_outbox",
        "TRUNCATE ei_outbox",
    )


def test_the_reader_may_read_and_mark_the_three_columns_and_nothing_else(database: Database) -> None:
    owner, reader = database(None), database(READER)
    owner.execute("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')")

    assert reader.execute("SELECT id, booking_id FROM ei_outbox").fetchall() == [(1, "b-1")]
    reader.execute("UPDATE ei_outbox SET outcome = 'taken', outcome_reason = 'x', relayed_at = now() WHERE id = 1")
    _refused(
        reader,
        *(f"UPDATE ei_outbox SET {column} = NULL" for column in _COLUMNS[1:15]),
        "INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')",
        "DELETE FROM ei_outbox",
    )


def test_the_cleaner_may_delete_and_see_only_what_is_settled(database: Database) -> None:
    owner, cleaner = database(None), database(CLEANER)
    owner.execute("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1'), ('upsert', 'b-2')")
    owner.execute("UPDATE ei_outbox SET outcome = 'taken', relayed_at = now() - interval '1 year' WHERE id = 1")

    cleaner.execute("DELETE FROM ei_outbox WHERE outcome IS NOT NULL AND relayed_at < now() - interval '90 days'")

    assert cleaner.execute("SELECT id, outcome FROM ei_outbox").fetchall() == [(2, None)]
    _refused(
        cleaner,
        *(f"SELECT {column} FROM ei_outbox" for column in _COLUMNS[1:15]),
        "UPDATE ei_outbox SET outcome = 'taken'",
        "INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')",
    )
