from __future__ import annotations

import re
import sqlite3

import pytest

from relay.outbox.ddl import CLEANER, DIALECTS, READER, WRITER, ddl

_COLUMNS = (
    "id", "event_id", "operation", "booking_id", "version", "source_system", "resident_id", "care_unit", "kind",
    "starts_at", "invited_on", "valid_until", "presentable", "data_controller", "created_at", "relayed_at", "outcome",
    "outcome_reason",
)  # fmt: skip


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
    lines = [line for line in ddl(dialect).splitlines() if not line.startswith("--")]
    grants = [line for line in lines if re.search(r"\b(ROLE|GRANT|REVOKE)\b", line)]
    assert len(grants) == (0 if dialect == "sqlite" else 8)
    assert all(re.fullmatch(r"(CREATE ROLE|GRANT|REVOKE) .*;", line) for line in grants)
    rest = "\n".join(line for line in lines if line not in grants)
    assert not re.search(f"{WRITER}|{READER}|{CLEANER}", rest)


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"sqlite"}))
def test_the_grants_name_the_table_as_its_creation_does(dialect: str) -> None:
    sql = ddl(dialect, "Tidbok.EiOutbox")
    found = re.search(r"^CREATE TABLE (\S+) \(", sql, re.MULTILINE)
    assert found is not None
    grants = re.findall(r"^GRANT .* ON (\S+) ", sql, re.MULTILINE)
    assert set(grants) == {found[1]}
    assert len(grants) == 5


def test_no_text_of_a_writer_ends_before_anything_a_right_row_can_hold() -> None:
    """Nor does an index refuse what its column takes: PostgreSQL keeps a hash, MySQL and Oracle the beginning, and SQL
    Server's index carries it beside its key. None of them asks a writer's session for anything (error 1934)."""
    texts = (
        "event_id",
        "operation",
        "booking_id",
        "source_system",
        "resident_id",
        "care_unit",
        "kind",
        "data_controller",
    )
    kinds = {"postgresql": "TEXT", "mysql": "TEXT", "sqlite": "TEXT", "mssql": r"NVARCHAR\(max\)",
             "oracle": r"VARCHAR2\(4000 CHAR\)"}  # fmt: skip
    for dialect, kind in kinds.items():
        for column in texts:
            assert re.search(rf"^    {column} {kind}[ ,]", ddl(dialect), re.MULTILINE), (dialect, column)
    indexes = {
        dialect: re.search(r"CREATE INDEX ei_outbox_event_id ON ei_outbox (.*);", ddl(dialect))[1]  # type: ignore[index]
        for dialect in kinds
    }
    assert indexes == {
        "postgresql": "USING hash (event_id)", "mysql": "(event_id(64))", "sqlite": "(event_id)",
        "mssql": "(id) INCLUDE (event_id)", "oracle": "(substr(event_id, 1, 64))",
    }  # fmt: skip


def test_a_second_outbox_on_a_server_finds_its_roles_there() -> None:
    assert len(re.findall(r"^CREATE ROLE IF NOT EXISTS \S+;$", ddl("mysql"), re.MULTILINE)) == 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_script_that_is_split_at_semicolons_is_statements_only(dialect: str) -> None:
    bare = re.sub(r"--.*", "", ddl(dialect))
    assert ddl(dialect).count(";") == bare.count(";")


def test_it_runs_on_sqlite_in_one_transaction() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(f"BEGIN; {ddl('sqlite')} COMMIT;")
    connection.execute("INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')")
    found = connection.execute("SELECT id, kind, presentable, outcome FROM ei_outbox").fetchall()
    connection.close()
    assert found == [(1, "booking", 1, None)]
