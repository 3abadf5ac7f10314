"""That the question asked every second reads the index of what waits, not the rows that were settled long ago."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine, text

from relay.outbox.reader import OutboxReader
from tests.outbox.written import put

_SETTLED = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO ei_outbox"
    " (operation, booking_id, outcome, relayed_at) SELECT 'upsert', 'b-' || i, 'taken', '2026-01-01' FROM n",
    "postgresql": "INSERT INTO ei_outbox (operation, booking_id, outcome, relayed_at)"
    " SELECT 'upsert', 'b-' || i, 'taken', now() FROM generate_series(1, 20000) i",
    "mysql": "INSERT INTO ei_outbox (operation, booking_id, outcome, relayed_at)"
    " SELECT 'upsert', concat('b-', uuid()), 'taken', now() FROM information_schema.collations a,"
    " information_schema.collations b LIMIT 20000",
}
_ANALYZE = {"sqlite": "ANALYZE", "postgresql": "ANALYZE ei_outbox", "mysql": "ANALYZE TABLE ei_outbox"}


def plan(engine: Engine, question: str) -> str:
    """The database's plan of the statement, as text."""
    how = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN (FORMAT JSON)", "mysql": "EXPLAIN FORMAT=JSON"}
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{how[engine.dialect.name]} {question}").all()
    return json.dumps([[str(value) for value in row] for row in rows])


@pytest.mark.parametrize("waiting", [0, 1, 300])
def test_the_unread_rows_are_found_by_their_index(engine: Engine, waiting: int) -> None:
    kind = engine.dialect.name
    with engine.begin() as connection:
        connection.execute(text(_SETTLED[kind]))
    with engine.begin() as connection:
        for _ in range(waiting):
            put(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(_ANALYZE[kind]))
    questions = OutboxReader(engine).questions({})
    for question in (questions.unread.limit(1000), questions.backlog):
        compiled = question.compile(engine, compile_kwargs={"literal_binds": True})
        assert "ei_outbox_unread" in plan(engine, str(compiled)), kind
