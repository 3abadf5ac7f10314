"""Every statement that is sent to SQL Server and Oracle, parsed by a grammar of each, and held to a checklist.

Neither can be had where the tests run. So an engine stands in for theirs that has their dialect and answers nothing:
what the relay asks of it is what it would send. The checklist is of what a grammar does not know: bounds on parameters
and lists, hints against locks, times that are told their type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import sqlglot
from sqlalchemy.engine import Dialect
from sqlglot import exp

from relay.outbox import inspect as outbox_inspect
from relay.outbox import settled, trace
from relay.outbox.cleaner import OutboxCleaner
from relay.outbox.ddl import DIALECTS, ddl
from relay.outbox.marks import Marker
from relay.outbox.outcomes import IDS_PER_STATEMENT, SIZES, Outcomes
from relay.outbox.outcomes import Settled as Row
from relay.outbox.reader import OutboxReader
from relay.outbox.table import outbox_table
from tests.outbox.written import AT

GRAMMARS = {"mssql": "tsql", "oracle": "oracle"}
PARAMETERS = {"mssql": 2100, "oracle": 65535}
LIST = {"mssql": 2100, "oracle": 1000}


class _Answer:
    """Nothing was found; or one row of what is counted."""

    def all(self) -> list[Any]:
        return []

    first = scalar = lambda self: None

    def scalar_one(self) -> int:
        return 7

    def one(self) -> tuple[int, int]:
        return 1, 1

    def scalars(self) -> list[Any]:
        return []

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class _Engine:
    """Stands in for an engine of that dialect; `sent` is what was asked of it, as text with all lists written out."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.sent: list[tuple[str, int]] = []

    def execution_options(self, **_options: object) -> _Engine:
        return self

    @contextmanager
    def connect(self) -> Iterator[_Engine]:
        yield self

    begin = connect

    def execute(self, statement: Any, given: Any = None) -> _Answer:
        one = given[0] if isinstance(given, list) else given or {}
        compiled = statement.compile(dialect=self.dialect)
        whole = compiled._process_parameters_for_postcompile(compiled.construct_params(one)).statement
        text = re.sub(r"\s+", " ", whole).strip()
        number = len(re.findall(r"(?<!:):\w+", text))  # one each time it is named, as drivers hand them over
        self.sent.append((text, number))
        return _Answer()


@cache
def statements(name: str) -> list[tuple[str, int]]:
    """All that the relay sends to an outbox of that kind, at its largest."""
    with pytest.MonkeyPatch.context() as patched:
        return _statements(name, patched)


def _statements(name: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    engine: Any = _Engine(DIALECTS[name]())
    table = outbox_table(dialect=name)
    kinds = {str(column.name): column.type for column in table.columns}
    looked_at = SimpleNamespace(
        get_columns=lambda *_a, **_k: [{"name": n, "type": k} for n, k in kinds.items()],
                                get_indexes=lambda *_a, **_k: [])  # fmt: skip
    for module in (trace, outbox_inspect):
        monkeypatch.setattr(module, "inspect", lambda _connection: looked_at)
    reader = OutboxReader(engine, own=frozenset({"A"}), others=frozenset({"B"}))
    questions = reader.questions(kinds)
    monkeypatch.setattr(reader, "_asked", questions)
    for question in (questions.unread.limit(1000), questions.backlog, questions.settled):
        engine.execute(question)
    settled.newest(reader, 1000, AT)
    next(settled.pages(reader, AT))
    with suppress(IndexError, ValueError):
        trace.trace(reader, booking_id="b-1", event_id="e" * 80, row_ids=range(1, 900), clock=iter([0, 99]).__next__)
    outbox_inspect._read(engine, "ei_outbox", kinds, "b-1")
    cleaner = OutboxCleaner(engine, "ei_outbox")
    engine.execute(cleaner._old, {"before": AT})
    ids = list(range(1, IDS_PER_STATEMENT + 1))
    engine.execute(cleaner._delete, {"ids": ids})
    marker = Marker(engine, table)
    engine.execute(marker.hold, {"ids": ids})
    if name != "mssql":  # whose readers do not see what others hold: it is not asked
        engine.execute(marker._waiting, {"ids": ids})
    own = [Row(n, "duplicate", f"of row {n}") for n in range(1000)]
    for rows in (own, [Row(n, "taken", None) for n in range(1000)], own[:3]):
        Outcomes(table, name).write(engine, rows, datetime.now(UTC), past_locks=True)
    return list(engine.sent)


@cache
def parse(text: str, name: str) -> exp.Expression:
    """The statement as that database's grammar reads it; raises sqlglot's ParseError."""
    (tree,) = sqlglot.parse(text, read=GRAMMARS[name], error_level=sqlglot.ErrorLevel.RAISE)
    assert tree is not None
    assert not isinstance(tree, exp.Command | exp.Alias), "read as something else than a statement"
    return tree


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_statement_is_one_of_its_database_s_language(name: str) -> None:
    sent = statements(name)
    assert len(sent) >= 15
    for text, _ in sent:
        tree = parse(text, name)
        assert {t.name for t in tree.find_all(exp.Table)} <= {"ei_outbox", "newest", "ids", ""} | _aliases(tree), text
        with pytest.raises((sqlglot.ParseError, AssertionError)):
            parse(text.replace(" ei_outbox", " ei_outbox ((", 1), name)


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_statement_of_the_ddl_is_one_of_its_database_s_language(name: str) -> None:
    bare = re.sub(r"--.*", "", ddl(name))
    for text in filter(None, (each.strip() for each in bare.split(";"))):
        if re.fullmatch(r"CREATE ROLE \w+", text):
            continue  # which the grammar has not
        for lacking in (" GENERATED BY DEFAULT AS IDENTITY", " CHAR"):  # nor these of Oracle's words
            text = text.replace(lacking, "")
        parse(text.replace("(substr(event_id, 1, 64))", "(event_id)"), name)


@pytest.mark.parametrize("name", GRAMMARS)
def test_no_statement_has_more_parameters_or_longer_lists_than_its_database_takes(name: str) -> None:
    sent = statements(name)
    assert max(number for _, number in sent) <= PARAMETERS[name]
    for text, _ in sent:
        lists = [len(found.expressions) for found in parse(text, name).find_all(exp.In)]
        assert max(lists, default=0) <= LIST[name]
    if name == "mssql":
        assert max(number for _, number in sent) == 5 * max(SIZES[name]) + 1  # the largest was among them


def test_no_statement_waits_for_a_row_that_somebody_holds() -> None:
    """S2. SQL Server's readers do, unless told otherwise; also with READ_COMMITTED_SNAPSHOT on, for the second hint."""
    reads, marks = "WITH (READPAST, READCOMMITTEDLOCK)", "WITH (UPDLOCK, READPAST, ROWLOCK)"
    for text, _ in statements("mssql"):
        for found in re.findall(r"(?:FROM|UPDATE) ei_outbox(?: WITH \([A-Z, ]*\))?", text):
            assert found.endswith((reads, marks)) or text.startswith("DELETE"), text


def test_oracle_passes_rows_that_somebody_holds() -> None:
    """O4."""
    assert any(text.endswith("FOR UPDATE SKIP LOCKED") for text, _ in statements("oracle"))


def test_every_time_that_sql_server_compares_or_writes_is_told_its_type() -> None:
    """S3. A vendor's own relayed_at may be DATETIME, which it cannot make of the text that drivers hand over."""
    touching = [text for text, _ in statements("mssql") if re.search(r"relayed_at\s*(=|<=|>=)", text)]
    assert len(touching) >= 5
    for text in touching:
        assert not re.search(r"relayed_at\s*(=|<=|>=)\s*:", text), text
        assert re.search(r"relayed_at\s*(=|<=|>=)\s*CAST\(:\w+ AS DATETIMEOFFSET\)", text), text


def test_oracle_finds_an_event_by_its_index() -> None:
    assert "ON ei_outbox (substr(event_id, 1, 64))" in ddl("oracle")
    asked = [text for text, _ in statements("oracle") if "event_id = :" in text]
    assert asked
    assert all("substr(ei_outbox.event_id, 1, 64) = :" in text for text in asked)


def _aliases(tree: exp.Expression) -> set[str]:
    return {found.alias for found in tree.find_all(exp.Subquery) if found.alias}
