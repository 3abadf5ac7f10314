"""The statements for the databases that cannot be run here, as SQLAlchemy writes them: read by people, and kept.

SQL Server and Oracle have not been run. What follows was compared with their manuals, and a change of it must be
compared again: that is what these tests are for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, oracle
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from relay.outbox.ddl import DIALECTS
from relay.outbox.marks import Marker
from relay.outbox.outcomes import Outcomes
from relay.outbox.reader import OutboxReader, Questions
from relay.outbox.table import outbox_table

_WITH_ZONE = "ltrim(to_char(ei_outbox.starts_at, 'SYYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM'))"

_ORACLE: Mapping[str, TypeEngine[Any]] = {  # as Oracle reports the columns of our DDL
    "starts_at": oracle.TIMESTAMP(),
    "invited_on": oracle.DATE(),
    "valid_until": oracle.TIMESTAMP(),
    "presentable": oracle.NUMBER(1),
    "created_at": oracle.TIMESTAMP(timezone=True),
}


class _Engine:
    """An engine as far as a reader that asks nothing looks at it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect


def reader(name: str) -> OutboxReader:
    return OutboxReader(_Engine(DIALECTS[name]()), others=frozenset({"B"}))  # type: ignore[arg-type]


def marks(name: str) -> Outcomes:
    return Outcomes(outbox_table(dialect=name), name)


def sql(statement: Any, name: str) -> str:
    """The statement on one line."""
    compiled = statement.compile(dialect=DIALECTS[name](), compile_kwargs={"render_postcompile": not statement.is_dml})
    return re.sub(r"\s+", " ", str(compiled)).strip()


def questions(name: str, kinds: Mapping[str, TypeEngine[Any]] | None = None) -> Questions:
    return reader(name).questions({**(_ORACLE if name == "oracle" else {}), **(kinds or {})})


def column(name: str, statement: str) -> str:
    """The expression that the statement selects as that name."""
    found = re.search(
        rf"(?:SELECT (?:TOP \S+ )?|, )((?:[^,()]|\([^()]*(?:\((?:[^()]|\([^()]*\))*\)[^()]*)*\))*) AS {name}\b",
        statement,
    )
    assert found, statement
    return found[1]


def test_sql_server_reads_the_first_rows_past_those_that_are_being_written() -> None:
    unread = sql(questions("mssql").unread.limit(1000), "mssql")
    assert unread.startswith(
        "SELECT TOP 1000 ei_outbox.id, convert(nvarchar(256), ei_outbox.event_id, 126) AS event_id,"
    )
    assert unread.endswith(
        " FROM ei_outbox WITH (READPAST, READCOMMITTEDLOCK)"
        " WHERE ei_outbox.outcome IS NULL AND (upper(ei_outbox.source_system) IS NULL"
        " OR (upper(ei_outbox.source_system) NOT IN (:upper_1_1))) ORDER BY ei_outbox.id"
    )
    for name in ("starts_at", "invited_on", "created_at", "presentable"):
        assert column(name, unread) == f"convert(nvarchar(256), ei_outbox.{name}, 126)"


def test_oracle_reads_the_first_rows_with_times_as_iso_text() -> None:
    unread = sql(questions("oracle").unread.limit(1000), "oracle")
    assert unread.startswith("SELECT ei_outbox.id, to_char(substr(ei_outbox.event_id, 1, 256)) AS event_id,")
    assert unread.endswith(
        " FROM ei_outbox WHERE ei_outbox.outcome IS NULL AND (upper(ei_outbox.source_system) IS NULL"
        " OR (upper(ei_outbox.source_system) NOT IN (:upper_1_1))) ORDER BY ei_outbox.id FETCH FIRST 1000 ROWS ONLY"
    )
    assert column("starts_at", unread) == "ltrim(to_char(ei_outbox.starts_at, 'SYYYY-MM-DD HH24:MI:SS.FF6'))"
    assert column("invited_on", unread) == "ltrim(to_char(ei_outbox.invited_on, 'SYYYY-MM-DD'))"
    assert column("created_at", unread) == "ltrim(to_char(ei_outbox.created_at, 'SYYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM'))"
    assert column("presentable", unread) == "to_char(ei_outbox.presentable)"


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("starts_at", oracle.TIMESTAMP(timezone=True), _WITH_ZONE),
        ("starts_at", oracle.TIMESTAMP(local_timezone=True), _WITH_ZONE),
        ("starts_at", oracle.DATE(), "ltrim(to_char(ei_outbox.starts_at, 'SYYYY-MM-DD HH24:MI:SS'))"),
        ("invited_on", oracle.DATE(), "ltrim(to_char(ei_outbox.invited_on, 'SYYYY-MM-DD'))"),
        ("starts_at", oracle.VARCHAR2(40), "to_char(substr(ei_outbox.starts_at, 1, 256))"),
    ],
)  # fmt: skip
def test_oracle_reads_a_vendor_s_own_columns(name: str, kind: TypeEngine[Any], expected: str) -> None:
    assert column(name, sql(questions("oracle", {name: kind}).unread, "oracle")) == expected


def test_mysql_reads_instants_with_their_zone_and_bits_as_numbers() -> None:
    unread = sql(questions("mysql", {"starts_at": mysql.TIMESTAMP(), "presentable": mysql.BIT(1)}).unread, "mysql")
    assert column("starts_at", unread) == "concat(left(CAST(ei_outbox.starts_at AS CHAR), 256), '+00:00')"
    assert column("valid_until", unread) == "left(CAST(ei_outbox.valid_until AS CHAR), 256)"
    assert column("presentable", unread) == "CAST(ei_outbox.presentable + 0 AS CHAR)"


@pytest.mark.parametrize(
    ("name", "oldest"),
    [
        ("mssql", "SELECT count(*) AS count_1, convert(nvarchar(256), min(ei_outbox.created_at), 126) AS convert_1"
                  " FROM ei_outbox WITH (READPAST, READCOMMITTEDLOCK) WHERE"),
        ("oracle", "SELECT count(*) AS count_1,"
                   " ltrim(to_char(min(ei_outbox.created_at), 'SYYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM')) AS ltrim_1"
                   " FROM ei_outbox WHERE"),
    ],
)  # fmt: skip
def test_the_backlog_is_asked_for(name: str, oldest: str) -> None:
    assert sql(questions(name).backlog, name).startswith(oldest)


@pytest.mark.parametrize(("name", "at"), [("mssql", "CAST(:at AS DATETIMEOFFSET)"), ("mysql", "%s")])
def test_outcomes_that_many_rows_share_are_marked_by_a_list_of_ids(name: str, at: str) -> None:
    """SQL Server makes no DATETIME, as a vendor's own column may be, of the text that its drivers hand over."""
    what, why = ("%s", "%s") if name == "mysql" else (":what", ":why")
    hint = " WITH (UPDLOCK, READPAST, ROWLOCK)" if name == "mssql" else ""
    assert sql(marks(name).alike, name) == (
        f"UPDATE ei_outbox{hint} SET relayed_at={at}, outcome={what}, outcome_reason={why}"
        " WHERE ei_outbox.id IN (__[POSTCOMPILE_ids]) AND ei_outbox.outcome IS NULL"
    )


def test_oracle_marks_rows_by_one_statement_that_is_sent_once_with_all_values() -> None:
    assert sql(marks("oracle").single, "oracle") == (
        "UPDATE ei_outbox SET relayed_at=:at, outcome=:what, outcome_reason=:why"
        " WHERE ei_outbox.id = :row_id AND ei_outbox.outcome IS NULL"
    )


def test_sql_server_marks_rows_by_cases() -> None:
    """Each text is told its type: SQL Server finds none for a parameter that stands among others like it. It may read
    its way to the rows, so it is told to pass by those that others hold."""
    case = "CASE ei_outbox.id WHEN :id_0 THEN CAST(:{0}_0 AS {1}) WHEN :id_1 THEN CAST(:{0}_1 AS {1}) END"
    assert sql(marks("mssql").listing(2), "mssql") == (
        "UPDATE ei_outbox WITH (UPDLOCK, READPAST, ROWLOCK) SET relayed_at=CAST(:at AS DATETIMEOFFSET),"
        f" outcome={case.format('what', 'NVARCHAR(20)')}, outcome_reason={case.format('why', 'NVARCHAR(500)')}"
        " WHERE ei_outbox.id IN (:id_0, :id_1) AND ei_outbox.outcome IS NULL"
    )


def test_mysql_marks_rows_by_cases() -> None:
    cases = "CASE ei_outbox.id WHEN %s THEN %s WHEN %s THEN %s END"
    assert sql(marks("mysql").listing(2), "mysql") == (
        f"UPDATE ei_outbox SET relayed_at=%s, outcome={cases}, outcome_reason={cases}"
        " WHERE ei_outbox.id IN (%s, %s) AND ei_outbox.outcome IS NULL"
    )


@pytest.mark.parametrize(
    ("name", "table", "end"),
    [
        ("mssql", "ei_outbox WITH (UPDLOCK, READPAST, ROWLOCK)", ""),
        ("oracle", "ei_outbox", " FOR UPDATE SKIP LOCKED"),
        ("mysql", "ei_outbox", " FOR UPDATE SKIP LOCKED"),
    ],
)
def test_rows_are_held_before_they_are_marked_but_for_those_that_others_hold(name: str, table: str, end: str) -> None:
    marker = Marker(_Engine(DIALECTS[name]()), outbox_table(dialect=name))  # type: ignore[arg-type]
    assert re.sub(r"\s+", " ", str(marker.hold.compile(dialect=DIALECTS[name]()))) == (
        f"SELECT ei_outbox.id FROM {table}"
        f" WHERE ei_outbox.id IN (__[POSTCOMPILE_ids]) AND ei_outbox.outcome IS NULL{end}"
    )
